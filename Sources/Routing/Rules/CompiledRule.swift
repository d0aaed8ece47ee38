// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import HTTPCodec
package import MeshModel

/// A rule of a route with what follows from it. One object for each rule, so that counters may hang on its identity.
package final class CompiledRule: Sendable {
    package let route: ResourceReference
    /// The kind of that route: the calls of a GRPCRoute are answered as gRPC has it.
    package let kind: Route.Kind
    /// The rule's, or its place in the route.
    package let name: String?
    /// Without modifications of protected header fields, should there have been any.
    package let rule: RouteRule
    /// For logs and metrics: `default/my-route/rule-name`, or `default/my-route[0]`.
    package let label: String
    package let fault: FilterResource.Fault?
    package let rateLimit: FilterResource.RateLimit?
    /// A filter that the rule names does not exist: answer 500 (Gateway API, HTTPRouteFilter.extensionRef), since a
    /// request must not pass without what it was to go through.
    package let hasMissingFilter: Bool
    /// It answers with a redirect.
    package let isRedirect: Bool
    package let mirrors: [RouteFilter.Mirror]
    /// The header that keeps requests of a session together.
    package let affinityHeader: String?
    private let backends: WeightedBackends
    /// What it does to requests and answers where no backend says more.
    private let filters: DirectedFilters

    init(
        _ rule: RouteRule, index: Int, of route: Route,
        _ resources: [ResourceReference: FilterResource.Action]
    ) {
        var safe = rule
        safe.filters = rule.filters.map(\.withoutProtectedFields)
        let backends = rule.backends.map { CompiledBackend($0, behind: safe.filters) }
        var fault: FilterResource.Fault?
        var rateLimit: FilterResource.RateLimit?
        var hasMissingFilter = false
        var isRedirect = false
        var mirrors: [RouteFilter.Mirror] = []
        for filter in safe.filters {
            switch filter {
            case .resource(let reference):
                switch resources[reference] {
                case .fault(let found): fault = fault ?? found
                case .rateLimit(let found): rateLimit = rateLimit ?? found
                case nil: hasMissingFilter = true
                }
            case .mirror(let mirror): mirrors.append(mirror)
            case .redirect: isRedirect = true
            case .requestHeaders, .responseHeaders, .rewrite: break
            }
        }
        self.route = route.reference
        kind = route.kind
        self.rule = safe
        self.fault = fault
        self.rateLimit = rateLimit
        self.hasMissingFilter = hasMissingFilter
        self.isRedirect = isRedirect
        self.mirrors = mirrors
        name = rule.name ?? String(index)
        label = rule.name.map { "\(route.reference)/\($0)" } ?? "\(route.reference)[\(index)]"
        affinityHeader = safe.affinityHeader
        self.backends = WeightedBackends(backends)
        filters = DirectedFilters(safe.filters)
    }

    /// One of the backends by weight; nil where there is none or none has weight, which is answered with 500 (Gateway
    /// API, HTTPRouteRule.backendRefs).
    package func chooseBackend(using random: inout some RandomNumberGenerator) -> CompiledBackend? {
        backends.choose(using: &random)
    }

    /// The backends that have a share; for whoever explains a route rather than follows it.
    package var sharers: [CompiledBackend] { backends.backends.filter { $0.weight > 0 } }

    /// Modifies header fields and rewrites host and path as the rule says, then as the backend says, each in the order
    /// written.
    ///
    /// `request.target` holds the normalised path, of which `matchedPrefix` is a part. A rewrite always begins with the
    /// path as it came, so that a backend's takes the place of the rule's.
    package func apply(to request: inout HTTPRequest, backend: CompiledBackend?, matchedPrefix: String?) {
        let filters = backend?.filters ?? filters
        for modifier in filters.requestHeaders { modifier.apply(to: &request.fields) }
        guard !filters.rewrites.isEmpty else { return }
        let target = RequestTarget(request.target)
        for rewrite in filters.rewrites {
            if let hostname = rewrite.hostname { request.authority = hostname }
            if let path = rewrite.path { request.target = target.rewritten(path, matchedPrefix: matchedPrefix) }
        }
    }

    /// The same for the header fields of a response.
    package func apply(to response: inout HTTPResponse, backend: CompiledBackend?) {
        for modifier in (backend?.filters ?? filters).responseHeaders { modifier.apply(to: &response.fields) }
    }
}

/// A backend of a rule with what it and its rule do to requests. One object for each, so that what is known of its service
/// may hang on its identity.
package final class CompiledBackend: Sendable {
    package let service: ResourceReference
    package let port: Port
    package let weight: Int
    fileprivate let filters: DirectedFilters

    init(_ backend: RouteBackend, behind ruleFilters: [RouteFilter]) {
        service = backend.service
        port = backend.port
        weight = max(0, backend.weight)
        filters = DirectedFilters(ruleFilters + backend.filters.map(\.withoutProtectedFields))
    }
}

/// Filters by what they are for, each kind in the order written. Those of header fields and rewrites touch different parts of
/// a request.
private struct DirectedFilters: Sendable {
    var requestHeaders: [RouteFilter.HeaderModifier] = []
    var responseHeaders: [RouteFilter.HeaderModifier] = []
    var rewrites: [RouteFilter.Rewrite] = []

    init(_ filters: [RouteFilter]) {
        for filter in filters {
            switch filter {
            case .requestHeaders(let modifier): requestHeaders.append(modifier)
            case .responseHeaders(let modifier): responseHeaders.append(modifier)
            case .rewrite(let rewrite): rewrites.append(rewrite)
            case .redirect, .mirror, .resource: break
            }
        }
    }
}

extension RouteFilter.HeaderModifier {
    fileprivate func apply(to fields: inout HTTPFields) {
        for field in set { fields.set(field.name, field.value) }
        for field in add { fields.add(field.name, field.value) }
        for name in remove { fields.remove(name) }
    }
}

extension RouteFilter {
    /// The configuration refuses such fields with a place and a reason; this is the second lock.
    fileprivate var withoutProtectedFields: RouteFilter {
        func safe(_ modifier: HeaderModifier) -> HeaderModifier {
            var safe = HeaderModifier()
            func lower(_ field: HeaderModifier.Field) -> HeaderModifier.Field {
                HeaderModifier.Field(name: field.name.lowercased(), value: field.value)
            }
            safe.set = modifier.set.map(lower).filter { !HeaderModifier.isProtected($0.name) }
            safe.add = modifier.add.map(lower).filter { !HeaderModifier.isProtected($0.name) }
            safe.remove = modifier.remove.map { $0.lowercased() }.filter { !HeaderModifier.isProtected($0) }
            return safe
        }
        switch self {
        case .requestHeaders(let modifier): return .requestHeaders(safe(modifier))
        case .responseHeaders(let modifier): return .responseHeaders(safe(modifier))
        case .redirect, .rewrite, .mirror, .resource: return self
        }
    }
}
