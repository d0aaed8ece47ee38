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

/// The routes attached to one parent (a port of a service), compiled: expressions ready, rules in order of precedence.
///
/// The order is that of the Gateway API: the host (exact, then the longest wildcard, then none), then the path (exact,
/// then expressions, then the longest prefix), then a method, most headers, most query parameters, the oldest route,
/// the first one by name, the first rule. So the first match that fits is the answer, and the sorting is done here,
/// once.
///
/// Expressions stand before prefixes (the Gateway API leaves it open), since a route that has one mostly has a prefix
/// for everything else too, behind which an expression would never be asked.
package struct RouteTable: Sendable {
    private struct Entry {
        let rank: MatchRank
        let match: CompiledMatch
        let rule: CompiledRule
    }

    private var exactHosts: [String: [Entry]] = [:]
    /// Longest first.
    private var wildcards: [(host: HostPattern, entries: [Entry])] = []
    private var anyHost: [Entry] = []

    /// Nil where no route is attached to this port of the service.
    ///
    /// An expression that cannot be compiled is found when the configuration is read; one that comes here all the same
    /// makes what it would decide ``RouteVerdict/tooCostly``.
    package init?(_ routes: [Route], service: ResourceReference, port: Port, filters: [FilterResource]) {
        let attached = routes.filter { route in
            route.parents.contains { $0.service == service && ($0.port == nil || $0.port == port) }
        }
        guard !attached.isEmpty else { return nil }
        let resources = Dictionary(filters.map { ($0.reference, $0.action) }) { first, _ in first }
        for (age, route) in RouteTable.byAge(attached).enumerated() {
            let entries = RouteTable.entries(of: route, age: age, resources)
            if route.hostnames.isEmpty { anyHost += entries }
            for host in Set(route.hostnames) { add(entries, for: host) }
        }
        wildcards.sort { $0.host.name.utf8.count > $1.host.name.utf8.count }
        for index in wildcards.indices { wildcards[index].entries.sort { $0.rank < $1.rank } }
        exactHosts = exactHosts.mapValues { entries in entries.sorted { $0.rank < $1.rank } }
        anyHost.sort { $0.rank < $1.rank }
    }

    /// The rule for a request. `path` is the normalised path without the query.
    package func match(_ request: HTTPRequest, path: String) -> RouteVerdict {
        var subject = MatchSubject(request: request, path: path)
        let host = Authority.host(of: request.authority)
        if let verdict = RouteTable.decide(exactHosts[host] ?? [], &subject) { return verdict }
        for (pattern, entries) in wildcards where pattern.matches(host) {
            if let verdict = RouteTable.decide(entries, &subject) { return verdict }
        }
        return RouteTable.decide(anyHost, &subject) ?? .notFound
    }

    private static func decide(_ entries: [Entry], _ subject: inout MatchSubject) -> RouteVerdict? {
        for entry in entries {
            switch entry.match.judge(&subject) {
            case .noMatch: continue
            case .match: return .matched(entry.rule, matchedPrefix: entry.match.prefix)
            case .tooCostly: return .tooCostly
            }
        }
        return nil
    }

    private mutating func add(_ entries: [Entry], for host: HostPattern) {
        if !host.isWildcard {
            exactHosts[host.name, default: []] += entries
        } else if let index = wildcards.firstIndex(where: { $0.host == host }) {
            wildcards[index].entries += entries
        } else {
            wildcards.append((host, entries))
        }
    }

    private static func entries(
        of route: Route, age: Int, _ resources: [ResourceReference: FilterResource.Action]
    ) -> [Entry] {
        route.rules.enumerated().flatMap { index, rule in
            let compiled = CompiledRule(rule, index: index, of: route.reference, resources)
            let matches = rule.matches.isEmpty ? [RouteMatch()] : rule.matches
            return matches.enumerated().map { place, match in
                let match = CompiledMatch(match)
                return Entry(rank: MatchRank(match, age: age, rule: index, place: place), match: match, rule: compiled)
            }
        }
    }

    /// Oldest first, then by namespace and name. Routes that do not say when they were created come after those that
    /// do, in the order in which they stand.
    private static func byAge(_ routes: [Route]) -> [Route] {
        let sorted = routes.enumerated().sorted { left, right in
            switch (left.element.createdAt, right.element.createdAt) {
            case (let first?, let second?):
                (first, left.element.reference, left.offset) < (second, right.element.reference, right.offset)
            case (_?, nil): true
            case (nil, _?): false
            case (nil, nil): left.offset < right.offset
            }
        }
        return sorted.map(\.element)
    }
}
