// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import HTTPCodec
import MeshModel
import Routing
import Testing

/// Short ways to write routes down.
enum Routes {
    static func name(_ text: String) throws -> ResourceReference {
        let parts = text.split(separator: "/").map(String.init)
        let name = try #require(ResourceName(parts.last ?? ""))
        let namespace = parts.count == 2 ? try #require(ResourceName(parts[0])) : .defaultNamespace
        return ResourceReference(namespace: namespace, name: name)
    }

    static func match(
        _ path: RouteMatch.Path? = nil, method: String? = nil, headers: [(String, String)] = [],
        query: [(String, String)] = []
    ) -> RouteMatch {
        var match = RouteMatch()
        match.path = path
        match.method = method
        match.headers = headers.map { ValueMatch(name: $0.0, value: $0.1) }
        match.queryParameters = query.map { ValueMatch(name: $0.0, value: $0.1) }
        return match
    }

    static func rule(
        _ matches: [RouteMatch] = [], name: String? = nil, filters: [RouteFilter] = [], backends: [RouteBackend] = []
    ) -> RouteRule {
        var rule = RouteRule()
        rule.name = name
        rule.matches = matches
        rule.filters = filters
        rule.backends = backends
        return rule
    }

    static func route(
        _ text: String, hosts: [String] = [], created: Int64? = nil, port: UInt16? = nil, _ rules: [RouteRule]
    ) throws -> Route {
        Route(
            reference: try name(text), createdAt: created.map { WallTime(seconds: $0) },
            parents: [RouteParent(service: try name("api"), port: port.flatMap { Port($0) })],
            hostnames: try hosts.map { try #require(HostPattern($0)) }, rules: rules)
    }

    static func table(_ routes: [Route], port: UInt16 = 80, filters: [FilterResource] = []) throws -> RouteTable? {
        RouteTable(routes, service: try name("api"), port: .known(port), filters: filters)
    }

    static func request(
        _ target: String, host: String = "api", method: String = "GET", headers: [(String, String)] = []
    ) -> HTTPRequest {
        var request = HTTPRequest(method: method, authority: host, target: target)
        for (name, value) in headers { request.fields.add(name, value) }
        return request
    }

    /// The label of the rule that is for a request, `none`, `too costly`, or `no table`.
    static func verdict(_ table: RouteTable?, _ request: HTTPRequest) -> String {
        switch table?.match(request, path: String(request.path)) {
        case nil: "no table"
        case .matched(let rule, _): rule.label
        case .notFound: "none"
        case .tooCostly: "too costly"
        }
    }

    /// The only rule of a route, and what its match by prefix matched.
    static func only(_ rule: RouteRule, _ request: HTTPRequest) throws -> (CompiledRule, String?) {
        let table = try table([try route("r", [rule])])
        guard case .matched(let compiled, let prefix) = table?.match(request, path: String(request.path)) else {
            throw NoRule()
        }
        return (compiled, prefix)
    }

    struct NoRule: Error {}
}
