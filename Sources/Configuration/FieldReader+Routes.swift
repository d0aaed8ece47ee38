// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// `kind: HTTPRoute` of the Gateway API, as it is written there; `docs/http-route.md` says what of it is read.
extension FieldReader {
    mutating func httpRoute() -> Route? {
        let metadata = metadata()
        return require("spec") { value in
            value.mapping { fields in
                // Without a name nothing comes of it, but what is wrong further down is told all the same.
                let namespace = metadata?.reference.namespace ?? .defaultNamespace
                let parents = fields.require("parentRefs") { $0.routeParents(in: namespace) }
                let hostnames = fields.read("hostnames") { $0.list { $0.hostPattern } }
                let rules = fields.read("rules") { $0.list { $0.routeRule(in: namespace) } }
                fields.complainOfTwinWords((rules ?? []).compactMap(\.name), in: "rules", what: "name")
                guard let metadata, let parents else { return nil }
                return Route(
                    reference: metadata.reference, createdAt: metadata.createdAt, parents: parents,
                    hostnames: hostnames ?? [], rules: rules ?? [RouteRule()])
            }
        }
    }

    func complainOfTwinWords(_ words: [String], in list: String, what: String) {
        var seen: Set<String> = []
        for word in words where !seen.insert(word).inserted {
            complain(.duplicateField, "`\(list)` has the \(what) `\(word)` twice", "keep one entry for it")
        }
    }
}

extension Value {
    fileprivate func routeParents(in namespace: ResourceName) -> [RouteParent]? {
        if case .sequence(let nodes) = node.content, nodes.isEmpty {
            complain(.badValue, "is empty", "name the service that the route is for")
        }
        return list { $0.routeParent(in: namespace) }
    }

    private func routeParent(in namespace: ResourceName) -> RouteParent? {
        mapping { fields in
            let group = fields.value("group")
            let kind = fields.value("kind")
            let home = fields.read("namespace") { $0.resourceName } ?? namespace
            let name = fields.require("name") { $0.resourceName }
            let port = fields.read("port") { $0.port }
            if let section = fields.value("sectionName") {
                section.complain(.unknownField, "ports of a service have no names here", "write `port` instead")
            }
            // The Gateway API takes a parent that does not say for a gateway.
            let kindText = kind.map { $0.text ?? "Service" } ?? "Gateway"
            guard kindText == "Service" else {
                let message =
                    kindText == "Gateway"
                    ? "the parent is a Gateway, which is not there yet"
                    : "a parent of the kind `\(kindText)` does not exist"
                let remedy = "attach the route to a service: `kind: Service`, `group: \"\"`"
                if let kind { kind.complain(.badValue, message, remedy) } else { complain(.badValue, message, remedy) }
                return nil
            }
            group?.requireCoreGroup()
            return name.map { RouteParent(service: ResourceReference(namespace: home, name: $0), port: port) }
        }
    }

    /// The group of a Service: none, or its other name in the Gateway API.
    func requireCoreGroup() {
        _ = scalar("the group of a Service, which is `\"\"`") { $0.isEmpty || $0 == "core" ? $0 : nil }
    }

    fileprivate func routeRule(in namespace: ResourceName) -> RouteRule? {
        mapping { fields in
            var rule = RouteRule()
            rule.name = fields.read("name") { $0.resourceName?.text }
            fields.assign("matches", to: &rule.matches) { $0.list { $0.routeMatch } }
            fields.assign("filters", to: &rule.filters) { $0.routeFilters(in: namespace, place: .rule) }
            fields.assign("backendRefs", to: &rule.backends) { $0.list { $0.routeBackend(in: namespace) } }
            fields.section("timeouts") { $0.routeTimeouts(&rule.timeouts) }
            rule.retry = fields.read("retry") { $0.retrySettings }
            rule.affinityHeader = fields.read("sessionPersistence") { $0.affinityHeader }
            fields.complainOfFilters(of: rule)
            return rule
        }
    }

    fileprivate var routeMatch: RouteMatch? {
        mapping { fields in
            var match = RouteMatch()
            match.path = fields.read("path") { $0.routePath }
            fields.assign("headers", to: &match.headers) { $0.list { $0.valueMatch(isHeader: true) } }
            fields.assign("queryParams", to: &match.queryParameters) { $0.list { $0.valueMatch(isHeader: false) } }
            match.method = fields.read("method") { $0.choice(RouteMethod.self)?.rawValue }
            return match
        }
    }

    /// A path of a match; without `type` a prefix, without `value` the root.
    fileprivate var routePath: RouteMatch.Path? {
        mapping { fields in
            switch fields.read("type", { $0.choice(PathMatchType.self) }) ?? .pathPrefix {
            case .exact: fields.read("value") { $0.pathText }.map { .exact($0) } ?? .exact("/")
            case .pathPrefix: fields.read("value") { $0.pathText }.map { .prefix($0) } ?? .prefix("/")
            case .regularExpression: fields.require("value") { $0.expressionText }.map { .expression($0) }
            }
        }
    }

    fileprivate func valueMatch(isHeader: Bool) -> ValueMatch? {
        mapping { fields in
            let isExpression = fields.read("type") { $0.choice(ValueMatchType.self) } == .regularExpression
            let name = fields.require("name") { isHeader ? $0.matchedHeaderName : $0.parameterName }
            let value = fields.require("value") { isExpression ? $0.expressionText : $0.text }
            guard let name, let value else { return nil }
            return ValueMatch(name: name, value: value, isExpression: isExpression)
        }
    }

    fileprivate var retrySettings: RetrySettings? {
        mapping { fields in
            var retry = RetrySettings()
            fields.assign("codes", to: &retry.statusCodes) { $0.list { $0.integer(400...599) } }
            fields.assign("attempts", to: &retry.attempts) { $0.integer(0...100) }
            fields.assign("backoff", to: &retry.backoff) { $0.duration(.milliseconds(1) ... .seconds(60)) }
            return retry
        }
    }

    fileprivate var affinityHeader: String? {
        mapping { fields in
            let name = fields.require("sessionName") { $0.matchedHeaderName }
            guard let type = fields.require("type", { $0.choice(SessionType.self) }) else { return nil }
            if type == .cookie {
                fields.complain(.badValue, "sessions by cookie are not there", "write `type: Header`")
            }
            return name
        }
    }
}

extension FieldReader {
    /// `0s` switches a limit off (GEP-1742).
    fileprivate mutating func routeTimeouts(_ timeouts: inout RouteTimeouts) {
        let range: ClosedRange<Duration> = .zero ... .seconds(24 * 3600)
        timeouts.request = read("request") { $0.duration(range) }.flatMap { $0 == .zero ? nil : $0 }
        timeouts.backendRequest = read("backendRequest") { $0.duration(range) }.flatMap { $0 == .zero ? nil : $0 }
        if let whole = timeouts.request, let one = timeouts.backendRequest, one > whole {
            complain(.conflict, "`backendRequest` is longer than `request`, of which it is a part", "make it shorter")
        }
    }
}

/// What the Gateway API calls the ways of matching a path.
private enum PathMatchType: String, CaseIterable {
    case exact = "Exact"
    case pathPrefix = "PathPrefix"
    case regularExpression = "RegularExpression"
}

private enum ValueMatchType: String, CaseIterable {
    case exact = "Exact"
    case regularExpression = "RegularExpression"
}

private enum SessionType: String, CaseIterable {
    case header = "Header"
    case cookie = "Cookie"
}

/// The methods that the Gateway API knows.
private enum RouteMethod: String, CaseIterable {
    case get = "GET"
    case head = "HEAD"
    case post = "POST"
    case put = "PUT"
    case delete = "DELETE"
    case connect = "CONNECT"
    case options = "OPTIONS"
    case trace = "TRACE"
    case patch = "PATCH"
}
