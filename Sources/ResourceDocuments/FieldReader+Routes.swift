// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// `kind: HTTPRoute` and `kind: GRPCRoute` of the Gateway API, as they are written there; `docs/http-route.md` and
/// `docs/grpc-route.md` say what of them is read.
extension FieldReader {
    mutating func route(_ kind: Route.Kind) -> Route? {
        let metadata = metadata()
        return require("spec") { value in
            value.mapping { fields in
                // Without a name nothing comes of it, but what is wrong further down is told all the same.
                let namespace = metadata?.reference.namespace ?? .defaultNamespace
                let parents = fields.require("parentRefs") { $0.routeParents(in: namespace) }
                let hostnames = fields.read("hostnames") { $0.list { $0.hostPattern } }
                let rules = fields.read("rules") { $0.list { $0.routeRule(of: kind, in: namespace) } }
                fields.complainOfTwinWords((rules ?? []).compactMap(\.name), in: "rules", what: "name")
                guard let metadata, let parents else { return nil }
                return Route(
                    kind: kind, reference: metadata.reference, createdAt: metadata.createdAt, parents: parents,
                    hostnames: hostnames ?? [], rules: rules ?? [RouteRule(everythingOf: kind)])
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
    fileprivate func routeRule(of kind: Route.Kind, in namespace: ResourceName) -> RouteRule? {
        mapping { fields in
            var rule = RouteRule()
            rule.name = fields.read("name") { $0.resourceName?.text }
            fields.assign("matches", to: &rule.matches) { $0.list { $0.match(of: kind) } }
            if rule.matches.isEmpty { rule.matches = RouteRule(everythingOf: kind).matches }
            fields.assign("filters", to: &rule.filters) { $0.routeFilters(in: namespace, place: .rule(kind)) }
            fields.assign("backendRefs", to: &rule.backends) { $0.list { $0.routeBackend(of: kind, in: namespace) } }
            rule.affinityHeader = fields.read("sessionPersistence") { $0.affinityHeader }
            if kind == .http {
                fields.section("timeouts") { $0.routeTimeouts(&rule.timeouts) }
                rule.retry = fields.read("retry") { $0.retrySettings }
            }
            fields.complainOfFilters(of: rule)
            return rule
        }
    }

    private func match(of kind: Route.Kind) -> RouteMatch? {
        switch kind {
        case .http: routeMatch
        case .grpc: callMatch
        }
    }

    /// A match of a GRPCRoute; without `method` every call.
    private var callMatch: RouteMatch? {
        mapping { fields in
            var match = RouteMatch()
            match.call = fields.read("method") { $0.methodMatch } ?? CallMatch()
            fields.assign("headers", to: &match.headers) { $0.list { $0.valueMatch(isHeader: true) } }
            return match
        }
    }

    private var methodMatch: CallMatch? {
        mapping { fields in
            let isExpression = fields.read("type") { $0.choice(ValueMatchType.self) } == .regularExpression
            let service = fields.read("service") { isExpression ? $0.expressionText : $0.serviceName }
            let method = fields.read("method") { isExpression ? $0.expressionText : $0.methodName }
            guard fields.contains("service") || fields.contains("method") else {
                fields.complain(
                    .missingField, "a match has a `service`, a `method` or both", "leave `method` away for every call")
                return nil
            }
            let match = CallMatch(service: service, method: method, isExpression: isExpression)
            // Each part may be good and the whole not: `\\Q` would swallow what follows.
            if let whole = match.pathExpression, !Value.isExpression(whole) {
                fields.complain(
                    .badValue, "the expressions cannot be put together", "write each so that it can stand in brackets")
            }
            return match
        }
    }

    /// Protocol Buffers' full name of a service, as the Gateway API has it.
    private var serviceName: String? {
        scalar("the full name of a gRPC service such as shop.v1.Cart") { text in
            let isName =
                text.utf8.count <= 1024
                && text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
                    .allSatisfy(Value.isIdentifier)
            return isName ? text : nil
        }
    }

    private var methodName: String? {
        scalar("the name of a gRPC method such as AddItem") { text in
            text.utf8.count <= 1024 && Value.isIdentifier(text.utf8) ? text : nil
        }
    }

    private static func isIdentifier(_ text: some Collection<UInt8>) -> Bool {
        guard let first = text.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else { return false }
        return text.allSatisfy { $0 == UInt8(ascii: "_") || isAlphanumeric($0) }
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

extension RouteRule {
    /// A rule that matches whatever a route of this kind can match.
    fileprivate init(everythingOf kind: Route.Kind) {
        self.init()
        guard kind == .grpc else { return }
        var match = RouteMatch()
        match.call = CallMatch()
        matches = [match]
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
