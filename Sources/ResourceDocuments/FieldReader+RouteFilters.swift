// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// Where filters stand; a backend takes fewer of them, since the others act before a backend is chosen.
enum FilterPlace: Equatable {
    case rule(Route.Kind)
    case backend(Route.Kind)

    /// Of the route.
    var kind: Route.Kind {
        switch self {
        case .rule(let kind), .backend(let kind): kind
        }
    }
}

/// Where a backend stands; those of a mirror and of connections have no filters.
private enum BackendPlace {
    case mirror
    case route(Route.Kind)
    case connections
}

/// Filters and backends of a route.
extension Value {
    /// All filters of a rule or a backend.
    func routeFilters(in namespace: ResourceName, place: FilterPlace) -> [RouteFilter]? {
        list { $0.routeFilter(in: namespace, place: place) }
    }

    private func routeFilter(in namespace: ResourceName, place: FilterPlace) -> RouteFilter? {
        mapping { fields in
            let type = fields.require("type") { $0.choice(FilterType.self) }
            let values = FilterType.allCases.map { (type: $0, value: fields.value($0.field)) }
            guard let type else { return nil }
            for (other, value) in values where other != type {
                value?.complain(.conflict, "does not belong to a filter of `type: \(type.rawValue)`", "remove it")
            }
            guard type.fits(place.kind) else {
                complain(
                    .badValue, "a \(place.kind.rawValue) has no filter of `type: \(type.rawValue)`",
                    "use an HTTPRoute, or remove the filter")
                return nil
            }
            if case .backend = place, !type.fitsBackend {
                complain(
                    .badValue, "a filter of `type: \(type.rawValue)` cannot stand at a backend", "put it at the rule")
                return nil
            }
            // Asked for again, now as a field that must be there.
            return fields.require(type.field) { value in
                switch type {
                case .requestHeaders: value.headerModifier.map { .requestHeaders($0) }
                case .responseHeaders: value.headerModifier.map { .responseHeaders($0) }
                case .redirect: value.redirect.map { .redirect($0) }
                case .rewrite: value.rewrite.map { .rewrite($0) }
                case .mirror: value.mirror(in: namespace).map { .mirror($0) }
                case .resource: value.extensionReference(in: namespace).map { .resource($0) }
                }
            }
        }
    }

    private var headerModifier: RouteFilter.HeaderModifier? {
        mapping { fields in
            var modifier = RouteFilter.HeaderModifier()
            fields.assign("set", to: &modifier.set) { $0.list { $0.modifiedField } }
            fields.assign("add", to: &modifier.add) { $0.list { $0.modifiedField } }
            fields.assign("remove", to: &modifier.remove) { $0.list { $0.modifiedHeaderName } }
            fields.complainOfTwinWords(modifier.set.map(\.name), in: "set", what: "header")
            fields.complainOfTwinWords(modifier.add.map(\.name), in: "add", what: "header")
            fields.complainOfTwinWords(modifier.remove, in: "remove", what: "header")
            return modifier
        }
    }

    private var modifiedField: RouteFilter.HeaderModifier.Field? {
        mapping { fields in
            let name = fields.require("name") { $0.modifiedHeaderName }
            let value = fields.require("value") { $0.headerValue }
            guard let name, let value else { return nil }
            return RouteFilter.HeaderModifier.Field(name: name, value: value)
        }
    }

    private var redirect: RouteFilter.Redirect? {
        mapping { fields in
            var redirect = RouteFilter.Redirect()
            redirect.scheme = fields.read("scheme") { value in
                value.scalar("`http` or `https`") { ["http", "https"].contains($0) ? $0 : nil }
            }
            redirect.hostname = fields.read("hostname") { $0.preciseHostname }
            redirect.path = fields.read("path") { $0.pathRewrite }
            redirect.port = fields.read("port") { $0.port }
            fields.assign("statusCode", to: &redirect.status) { value in
                value.scalar("one of 301, 302, 303, 307, 308") { text in
                    Int(text).flatMap { [301, 302, 303, 307, 308].contains($0) ? $0 : nil }
                }
            }
            return redirect
        }
    }

    private var rewrite: RouteFilter.Rewrite? {
        mapping { fields in
            var rewrite = RouteFilter.Rewrite()
            rewrite.hostname = fields.read("hostname") { $0.preciseHostname }
            rewrite.path = fields.read("path") { $0.pathRewrite }
            return rewrite
        }
    }

    private var pathRewrite: RouteFilter.PathRewrite? {
        mapping { fields in
            let type = fields.require("type") { $0.choice(PathModifierType.self) }
            let whole = fields.value("replaceFullPath")
            let prefix = fields.value("replacePrefixMatch")
            guard let type else { return nil }
            (type == .whole ? prefix : whole)?.complain(
                .conflict, "does not belong to `type: \(type.rawValue)`", "remove it")
            switch type {
            case .whole: return fields.require("replaceFullPath") { $0.newPath }.map { .whole($0) }
            case .prefix: return fields.require("replacePrefixMatch") { $0.newPrefix }.map { .prefix($0) }
            }
        }
    }

    private func mirror(in namespace: ResourceName) -> RouteFilter.Mirror? {
        mapping { fields in
            let backend = fields.require("backendRef") { value in
                value.mapping { $0.backend(in: namespace, .mirror) }
            }
            let percent = fields.read("percent") { $0.integer(0...100) }
            let fraction = fields.read("fraction") { $0.fraction }
            if percent != nil, fraction != nil {
                fields.complain(.conflict, "`percent` and `fraction` are both there", "keep one of them")
            }
            return backend.map { backend in
                RouteFilter.Mirror(
                    backend: backend, numerator: fraction?.numerator ?? percent ?? 100,
                    denominator: fraction?.denominator ?? 100)
            }
        }
    }

    private var fraction: (numerator: Int, denominator: Int)? {
        mapping { fields in
            let numerator = fields.require("numerator") { $0.integer(0...1_000_000_000) }
            let denominator = fields.read("denominator") { $0.integer(1...1_000_000_000) } ?? 100
            guard let numerator else { return nil }
            if numerator > denominator {
                fields.complain(.badValue, "\(numerator) of \(denominator) is more than all of them")
                return nil
            }
            return (numerator, denominator)
        }
    }

    private func extensionReference(in namespace: ResourceName) -> ResourceReference? {
        mapping { fields in
            _ = fields.require("group") { value in
                value.scalar("`weft`, the group of a Filter") { $0 == "weft" ? $0 : nil }
            }
            _ = fields.require("kind") { value in value.scalar("`Filter`") { $0 == "Filter" ? $0 : nil } }
            return fields.require("name") { $0.resourceName }.map {
                ResourceReference(namespace: namespace, name: $0)
            }
        }
    }

    func routeBackend(of kind: Route.Kind, in namespace: ResourceName) -> RouteBackend? {
        mapping { $0.backend(in: namespace, .route(kind)) }
    }

    func connectionBackend(in namespace: ResourceName) -> RouteBackend? {
        mapping { $0.backend(in: namespace, .connections) }
    }
}

extension FieldReader {
    /// A service and a port of it; `weight` and `filters` where the backend is one of several.
    fileprivate mutating func backend(in namespace: ResourceName, _ place: BackendPlace) -> RouteBackend? {
        read("group") { $0.requireCoreGroup() }
        _ = read("kind") { value in value.scalar("`Service`") { $0 == "Service" ? $0 : nil } }
        let home = read("namespace") { $0.resourceName } ?? namespace
        let name = require("name") { $0.resourceName }
        let port = require("port") { $0.port }
        var weight: Int?
        var filters: [RouteFilter]?
        switch place {
        case .mirror: break
        case .connections: weight = read("weight") { $0.integer(0...1_000_000) }
        case .route(let kind):
            weight = read("weight") { $0.integer(0...1_000_000) }
            filters = read("filters") { $0.routeFilters(in: namespace, place: .backend(kind)) }
        }
        complainOfTwinFilters(filters ?? [])
        guard let name, let port else { return nil }
        return RouteBackend(
            service: ResourceReference(namespace: home, name: name), port: port, weight: weight ?? 1,
            filters: filters ?? [])
    }

    /// What the Gateway API forbids between the filters, matches and backends of a rule.
    func complainOfFilters(of rule: RouteRule) {
        complainOfTwinFilters(rule.filters)
        let redirects = rule.filters.contains { $0.type == .redirect }
        if redirects, rule.filters.contains(where: { $0.type == .rewrite }) {
            complain(.conflict, "one rule cannot redirect and rewrite", "keep one of the filters, or make two rules")
        }
        if redirects, !rule.backends.isEmpty {
            complain(.conflict, "a rule that redirects has no use for `backendRefs`", "remove one of them")
        }
        let all = rule.filters + rule.backends.flatMap(\.filters)
        if all.contains(where: \.replacesPrefix), !rule.matchesOnePrefix {
            complain(
                .conflict, "`ReplacePrefixMatch` needs exactly one match, by `PathPrefix`",
                "write a rule for each match, or use `ReplaceFullPath`")
        }
    }

    private func complainOfTwinFilters(_ filters: [RouteFilter]) {
        for type in FilterType.allCases where !type.isRepeatable && filters.count(where: { $0.type == type }) > 1 {
            complain(.conflict, "there are several filters of `type: \(type.rawValue)`", "make one of them")
        }
    }
}

/// The filters of the Gateway API that there are.
private enum FilterType: String, CaseIterable {
    case requestHeaders = "RequestHeaderModifier"
    case responseHeaders = "ResponseHeaderModifier"
    case redirect = "RequestRedirect"
    case rewrite = "URLRewrite"
    case mirror = "RequestMirror"
    case resource = "ExtensionRef"

    var field: String {
        switch self {
        case .requestHeaders: "requestHeaderModifier"
        case .responseHeaders: "responseHeaderModifier"
        case .redirect: "requestRedirect"
        case .rewrite: "urlRewrite"
        case .mirror: "requestMirror"
        case .resource: "extensionRef"
        }
    }

    var isRepeatable: Bool { self == .mirror || self == .resource }

    func fits(_ kind: Route.Kind) -> Bool { kind == .http || self != .redirect && self != .rewrite }
    var fitsBackend: Bool { self == .requestHeaders || self == .responseHeaders || self == .rewrite }
}

private enum PathModifierType: String, CaseIterable {
    case whole = "ReplaceFullPath"
    case prefix = "ReplacePrefixMatch"
}

extension RouteFilter {
    fileprivate var type: FilterType {
        switch self {
        case .requestHeaders: .requestHeaders
        case .responseHeaders: .responseHeaders
        case .redirect: .redirect
        case .rewrite: .rewrite
        case .mirror: .mirror
        case .resource: .resource
        }
    }

    fileprivate var replacesPrefix: Bool {
        switch self {
        case .redirect(let redirect): if case .prefix = redirect.path { true } else { false }
        case .rewrite(let rewrite): if case .prefix = rewrite.path { true } else { false }
        case .requestHeaders, .responseHeaders, .mirror, .resource: false
        }
    }
}

extension RouteRule {
    /// No match at all is one by the prefix `/`.
    fileprivate var matchesOnePrefix: Bool {
        guard matches.count <= 1 else { return false }
        switch matches.first?.path {
        case nil, .prefix: return true
        case .exact, .expression: return false
        }
    }
}
