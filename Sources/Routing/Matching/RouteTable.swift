// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import HTTPCodec
package import MeshModel
internal import Patterns

/// What the routes of a port say to a request.
package enum RouteVerdict {
    /// This rule is for it. `matchedPrefix` is what a prefix match matched, without a slash at its end (`/` for all
    /// paths); nil where an exact path or an expression matched.
    case matched(CompiledRule, matchedPrefix: String?)
    /// There are routes, and none is for it: 404.
    case notFound
    /// An expression reached its limit, so that nobody knows which rule is meant: refuse.
    case tooCostly
}

/// The routes attached to one parent (a port of a service, a listener of a gateway), compiled: expressions ready, rules in
/// order of precedence.
///
/// The order is that of the Gateway API: the host (exact, then the longest wildcard, then none), then the path (exact,
/// then expressions, then the longest prefix), then a method, most headers, most query parameters, the oldest route,
/// the first one by name, the first rule. So the first match that fits is the answer, and the sorting is done here,
/// once.
///
/// Expressions stand before prefixes (the Gateway API leaves it open), since a route that has one mostly has a prefix
/// for everything else too, behind which an expression would never be asked.
///
/// An HTTPRoute and a GRPCRoute that are both for some host do not mix: the newer one is left out (Gateway API,
/// GRPCRoute).
package final class RouteTable: Sendable {
    private final class Entry: Sendable {
        let rank: MatchRank
        let match: CompiledMatch
        let rule: CompiledRule

        init(_ rank: MatchRank, _ match: CompiledMatch, _ rule: CompiledRule) {
            self.rank = rank
            self.match = match
            self.rule = rule
        }
    }

    private let hosts: HostTable<[Entry]>
    /// The listener's host, beyond which no route holds; nil: none.
    private let scope: HostPattern?

    /// Routes that are attached, but stand back behind an older one of the other kind.
    package let displaced: [ResourceReference]

    /// Nil where no route is attached to this port of the service for callers of this namespace.
    ///
    /// An expression that cannot be compiled is found when the configuration is read; one that comes here all the same
    /// makes what it would decide ``RouteVerdict/tooCostly``.
    package convenience init?(
        _ routes: [Route], service: ResourceReference, port: Port, callers: ResourceName? = nil,
        filters: [FilterResource]
    ) {
        self.init(routes.attached(to: service, port, callers: callers), scope: nil, filters)
    }

    /// Nil where no route is attached to the listener.
    package convenience init?(
        _ routes: [Route], gateway: ResourceReference, listener: Gateway.Listener, filters: [FilterResource]
    ) {
        self.init(routes.attached(to: gateway, listener), scope: listener.hostname, filters)
    }

    private init?(_ attached: [Attachment<Route>], scope: HostPattern?, _ filters: [FilterResource]) {
        guard !attached.isEmpty else { return nil }
        self.scope = scope
        let resources = Dictionary(filters.map { ($0.reference, $0.action) }) { first, _ in first }
        var accepted: [Attachment<Route>] = []
        var displaced: [ResourceReference] = []
        var hosts = HostTable<[Entry]>()
        for (age, attachment) in attached.enumerated() {
            guard !accepted.contains(where: { $0.isInTheWay(of: attachment) }) else {
                displaced.append(attachment.route.reference)
                continue
            }
            accepted.append(attachment)
            let entries = RouteTable.entries(of: attachment.route, age: age, resources)
            if attachment.hostnames.isEmpty { hosts.update(nil, default: []) { $0 += entries } }
            for host in Set(attachment.hostnames) { hosts.update(host, default: []) { $0 += entries } }
        }
        hosts.updateAll { entries in entries.sort { $0.rank < $1.rank } }
        self.hosts = hosts
        self.displaced = displaced
    }

    /// The rule for a request. `path` is the normalised path without the query.
    package func match(_ request: HTTPRequest, path: String) -> RouteVerdict {
        if let scope, !scope.matches(request.host) { return .notFound }
        var query: QueryParameters?
        return hosts.first(for: request.host) { RouteTable.decide($0, request, path, &query) } ?? .notFound
    }

    private static func decide(
        _ entries: [Entry], _ request: HTTPRequest, _ path: String, _ query: inout QueryParameters?
    ) -> RouteVerdict? {
        for entry in entries {
            switch entry.match.judge(request, path: path, &query) {
            case .noMatch: continue
            case .match: return .matched(entry.rule, matchedPrefix: entry.match.prefix)
            case .tooCostly: return .tooCostly
            }
        }
        return nil
    }

    private static func entries(
        of route: Route, age: Int, _ resources: [ResourceReference: FilterResource.Action]
    ) -> [Entry] {
        route.rules.enumerated().flatMap { index, rule in
            let compiled = CompiledRule(rule, index: index, of: route, resources)
            let matches = rule.matches.isEmpty ? [RouteMatch()] : rule.matches
            return matches.enumerated().map { place, match in
                let match = CompiledMatch(match)
                return Entry(MatchRank(match, age: age, rule: index, place: place), match, compiled)
            }
        }
    }
}

extension Attachment<Route> {
    /// True if both are for some host, but of different kinds.
    fileprivate func isInTheWay(of other: Attachment<Route>) -> Bool {
        guard route.kind != other.route.kind else { return false }
        guard !hostnames.isEmpty, !other.hostnames.isEmpty else { return true }
        return hostnames.contains { host in other.hostnames.contains { host.intersection($0) != nil } }
    }
}
