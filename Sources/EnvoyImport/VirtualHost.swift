// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel
internal import ResourceDocuments

/// One of `virtual_hosts`, which becomes an HTTPRoute.
struct VirtualHost {
    let value: EnvoyValue
    let name: String
    var domains: [Domain]
    var routes: [EnvoyRoute]
    /// Plaintext is sent to https.
    var needsTLS: Bool

    /// True if no request to its hosts is left over for another.
    var takesAll: Bool {
        needsTLS
            || routes.contains { route in
                route.match.path == .prefix("/") && route.match.method == nil && route.match.headers.isEmpty
                    && route.match.query.isEmpty
            }
    }

    enum Domain: Hashable {
        case any
        /// `*.example` or `shop.example`.
        case host(String)

        /// True if every host of the other one is one of this.
        func covers(_ other: Domain) -> Bool {
            switch (self, other) {
            case (.any, _): true
            case (.host, .any): false
            case (.host(let mine), .host(let others)):
                mine == others || mine.hasPrefix("*.") && others.hasSuffix(mine.dropFirst())
            }
        }
    }
}

extension EnvoyValue {
    /// `route_config`. `sections` are the listeners that it is for.
    func routeTable(
        _ chain: HTTPChain, _ sections: [(name: String, host: String?)], _ gateway: inout GatewayBuilder,
        _ importer: Importer
    ) {
        let hosts = virtualHosts(chain, importer)
        var found = gateway
        for host in hosts { host.write(sections, among: hosts, &found, importer) }
        gateway = found
    }

    private func virtualHosts(_ chain: HTTPChain, _ importer: Importer) -> [VirtualHost] {
        let hosts: [VirtualHost]? = message { fields in
            fields.ignore("name", "validate_clusters", "ignore_port_in_host_matching", "metadata")
            fields.refuse("vhds", because: "virtual hosts are told by a server", "write them into `virtual_hosts`")
            fields.refuse("internal_only_headers", because: "has no counterpart", "use `request_headers_to_remove`")
            fields.refuse("cluster_specifier_plugins", because: "clusters are named in the file", "name them")
            fields.note(
                "max_direct_response_body_size_bytes", "vhost_header", "ignore_path_parameters_in_path_matching",
                because: "is left out")
            fields.refuseTrue(
                "most_specific_header_mutations_wins",
                because: "changes of the route are made before those of the virtual host",
                "change a header field in one place only")
            fields.refusePerFilter()
            var defaults = RouteDefaults()
            defaults.requestHeaders = fields.headerChanges("request")
            defaults.responseHeaders = fields.headerChanges("response")
            defaults.mirrors = fields.list("request_mirror_policies")
            var taken: [VirtualHost.Domain: EnvoyValue] = [:]
            return fields.list("virtual_hosts").compactMap { value in
                guard var host = value.virtualHost(defaults, chain, importer) else { return nil }
                host.domains = host.domains.filter { domain in
                    guard let earlier = taken[domain] else {
                        taken[domain] = value
                        return true
                    }
                    if earlier.path != value.path {
                        value.refuse(
                            "has a domain of \(earlier.path), too, since hosts are matched without their port",
                            "give each host to one of them")
                    }
                    return false
                }
                return host
            }
        }
        return hosts ?? []
    }

    private func virtualHost(_ defaults: RouteDefaults, _ chain: HTTPChain, _ importer: Importer) -> VirtualHost? {
        message { fields in
            let name = fields.text("name") ?? ""
            var level = RouteDefaults()
            level.requestHeaders = fields.headerChanges("request") + defaults.requestHeaders
            level.responseHeaders = fields.headerChanges("response") + defaults.responseHeaders
            level.retry = fields.value("retry_policy")
            let mirrors = fields.list("request_mirror_policies")
            level.mirrors = mirrors.isEmpty ? defaults.mirrors : mirrors
            fields.hostRest()
            var needsTLS = false
            if let requirement = fields.value("require_tls") {
                let word = requirement.word(["NONE", "EXTERNAL_ONLY", "ALL"])
                needsTLS = word == "ALL" && !chain.isSecure
                if word == "EXTERNAL_ONLY", !chain.isSecure {
                    requirement.refuse("who is outside is not known here", "write ALL or NONE")
                }
            }
            let domains = fields.require("domains")?.elements.compactMap(\.domain) ?? []
            let report = self.report
            // A route that cannot be carried over as a whole is left out as a whole.
            let routes = fields.list("routes").compactMap { value -> EnvoyRoute? in
                let before = report.errorCount
                let route = value.route(level, importer)
                return report.errorCount == before ? route : nil
            }
            return VirtualHost(value: self, name: name, domains: domains, routes: routes, needsTLS: needsTLS)
        }
    }

    /// A domain without its port.
    private var domain: VirtualHost.Domain? {
        guard let text = text?.lowercased() else { return nil }
        if text == "*" { return .any }
        var host = text[...]
        if let colon = text.lastIndex(of: ":"), !text.hasSuffix("]") {
            let port = text[text.index(after: colon)...]
            if port == "*" || Port(port) != nil { host = text[..<colon] }
        }
        if host == "*" { return .any }
        guard IPAddress(host) == nil, !host.hasPrefix("[") else {
            refuse("`\(text.prefix(80))` is an address, and routes are for host names", "write `*`, or a host name")
            return nil
        }
        guard HostPattern(host) != nil else {
            refuse(
                "`\(text.prefix(80))` is not a host such as shop.example or *.example",
                host.contains("*")
                    ? "a `*` stands for whole labels at the beginning" : "host names have letters, digits and dashes")
            return nil
        }
        return .host(String(host))
    }
}

extension EnvoyFields {
    fileprivate mutating func hostRest() {
        ignore("metadata", "virtual_clusters", "include_attempt_count_in_response")
        note(
            "include_request_attempt_count", "per_request_buffer_limit_bytes", "request_body_buffer_limit",
            "include_is_timeout_retry_header", because: "is left out")
        refuse("cors", because: "Weft answers no CORS requests", "let the backends answer them")
        refuse("rate_limits", because: "has no counterpart", "use a `rateLimit` (docs/filter.md)")
        refuse("hedge_policy", because: "a request goes to one endpoint at a time", "remove it")
        refuse("matcher", because: "trees of matches have no counterpart", "write `routes`")
        refuse("retry_policy_typed_config", because: "has no counterpart", "write `retry_policy`")
        refusePerFilter()
    }
}

extension VirtualHost {
    /// HTTPRoutes for its domains.
    fileprivate func write(
        _ sections: [(name: String, host: String?)], among all: [VirtualHost], _ gateway: inout GatewayBuilder,
        _ importer: Importer
    ) {
        complainOfLeftovers(all)
        let rules = needsTLS ? [Self.toTLS] : ordered
        var groups: [[Domain]] = [domains.filter { $0 != .any }]
        if domains.contains(.any) {
            // A name beside `*` says something only where a wildcard of another virtual host would take it.
            let named = domains.filter { domain in
                domain != .any
                    && all.contains { other in
                        other.value.path != value.path
                            && other.domains.contains { $0 != .any && $0 != domain && $0.covers(domain) }
                    }
            }
            groups = named.isEmpty ? [[]] : [named, []]
        }
        for group in groups where !domains.isEmpty {
            let names = group.compactMap { domain -> String? in if case .host(let name) = domain { name } else { nil } }
            let parents = sections.filter { section in
                guard let host = section.host, !names.isEmpty else { return true }
                return group.contains { $0.covers(.host(host)) || Domain.host(host).covers($0) }
            }
            if parents.isEmpty, !sections.isEmpty {
                value.refuse(
                    "no connection comes here for its hosts: the filter chain takes other `server_names`",
                    "add them there, or remove this")
            }
            guard !parents.isEmpty else { continue }
            let label = importer.routeNames.label(for: "\(gateway.label)-\(name)", else: "route")
            var spec = YAMLFields()
            spec.add("parentRefs", gateway.parents(parents.map(\.name)))
            spec.add("hostnames", names.map { .word($0) })
            spec.add("rules", .list(rules))
            gateway.routes.append(
                .init(
                    source: name.isEmpty ? value.path : "\(value.path), \(name)",
                    text: YAMLText.document([
                        ("apiVersion", "gateway.networking.k8s.io/v1"), ("kind", "HTTPRoute"),
                        ("metadata", .mapping([("name", .word(label))])), ("spec", .mapping(spec.all)),
                    ])))
        }
    }

    private static var toTLS: YAMLText {
        .mapping([
            (
                "filters",
                .list([
                    .mapping([
                        ("type", "RequestRedirect"),
                        ("requestRedirect", .mapping([("scheme", "https"), ("statusCode", .number(301))])),
                    ])
                ])
            )
        ])
    }

    /// The rules, in an order and with matches that say in Weft what the routes say in Envoy.
    private var ordered: [YAMLText] {
        noteDoubledSlashes()
        let routes = inSegments
        let order = RouteOrder(routes)
        var names = Names()
        return routes.enumerated().compactMap { index, route in
            // What has become the same as an earlier one, such as `/api` beside `/api/`, is needless.
            let isTwin = routes[..<index].contains { $0.match == route.match && $0.action == route.action }
            if isTwin { return nil }
            var rule = YAMLFields()
            rule.add("name", route.name.map { names.label(for: $0, else: "rule") })
            let matches = order.matches(of: index).map(\.text)
            // One that takes everything makes the others needless.
            if !matches.contains(where: { $0 == nil }) { rule.add("matches", matches.compactMap(\.self)) }
            for (key, value) in route.rule.all { rule.add(key, value) }
            return .mapping(rule.all)
        }
    }

    /// `/api` replaced by `/` makes `//x` of `/api/x` in Envoy, unless an earlier route for `/api/` takes it.
    private func noteDoubledSlashes() {
        for (index, route) in routes.enumerated() {
            guard let value = route.doublingSlash, let rewrite = value.text else { continue }
            switch route.match.path {
            case .prefix(let prefix) where routes[..<index].contains { $0.match.path == .prefix(prefix + "/") }:
                continue
            case .prefix(let prefix), .segments(let prefix):
                value.note("Envoy makes `\(rewrite)/x` of `\(prefix)/x`; Weft makes `\(rewrite)x`")
            case .exact, .expression: continue
            }
        }
    }

    /// A prefix that is to be replaced must be one of segments (PathPrefix), which are asked after expressions; so the
    /// other prefixes beside it must be, too.
    private var inSegments: [EnvoyRoute] {
        guard let replacing = routes.first(where: { $0.replacesPrefix && $0.match.path != .prefix("/") }) else {
            return routes
        }
        return routes.map { route in
            guard case .prefix(let prefix) = route.match.path, prefix != "/" else { return route }
            var route = route
            let segments = prefix.hasSuffix("/") ? String(prefix.dropLast()) : prefix
            route.match.path = .segments(segments)
            let isReplaced = route.value.path == replacing.value.path
            let reason =
                isReplaced || route.replacesPrefix
                ? "since it is replaced" : "since \(replacing.value.path) is replaced"
            let twin = routes.contains {
                $0.value.path != route.value.path && $0.action == route.action && $0.match.path == .prefix(segments)
            }
            if prefix.hasSuffix("/"), !twin {
                route.value.note("`\(prefix)` goes by whole segments here, \(reason): `\(segments)` matches, too")
            } else if !prefix.hasSuffix("/") {
                route.value.note(
                    "`\(prefix)` goes by whole segments here, \(reason): `\(prefix)x` does not match, `\(prefix)/x` does"
                )
            }
            return route
        }
    }

    /// What none of its routes takes is answered by 404 in Envoy; here the next best host is asked.
    private func complainOfLeftovers(_ all: [VirtualHost]) {
        guard !takesAll else { return }
        for domain in domains {
            let next = all.first { other in
                other.value.path != value.path && other.domains.contains { $0 != domain && $0.covers(domain) }
            }
            guard let next, case .host(let name) = domain else { continue }
            value.refuse(
                "requests to `\(name)` that none of its routes takes are answered by 404 in Envoy, and here go to "
                    + "\(next.value.path)", "add a last route for `prefix: /`")
            return
        }
    }
}
