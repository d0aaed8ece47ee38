// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// Chooses endpoints: power of two choices over the number of our own open connections, with endpoints that fail to
/// connect left out for a while.
///
/// Two random candidates and the less busy of them is almost as good as the least busy of all, needs no order kept, and
/// does not send everybody to the one that has just come back.
package struct Balancer<Endpoint: Hashable & Sendable>: Sendable {
    private let settings: EjectionSettings
    private let endpoints: [Endpoint]
    private var health: [EndpointHealth]

    /// Continues with what `previous` knew of the endpoints that are still there.
    package init(_ endpoints: [Endpoint], _ settings: EjectionSettings, continuing previous: Balancer? = nil) {
        self.endpoints = endpoints
        self.settings = settings
        health = endpoints.map { endpoint in
            previous.flatMap { old in old.endpoints.firstIndex(of: endpoint).map { old.health[$0] } }
                ?? EndpointHealth()
        }
    }

    package var isEmpty: Bool { endpoints.isEmpty }
    package var count: Int { endpoints.count }

    /// How many are left out now.
    package func ejectedCount(now: Instant) -> Int { health.count { $0.isEjected(now: now) } }

    package func activeCount(of endpoint: Endpoint) -> Int? { index(of: endpoint).map { health[$0].activeCount } }

    /// Chooses an endpoint that is not in `excluded` and counts a connection to it; nil if none is left. Where all that are
    /// left are ejected, one of them is tried all the same: it can only get better.
    package mutating func choose(
        excluding excluded: [Endpoint] = [], now: Instant, using random: inout some RandomNumberGenerator
    ) -> Endpoint? {
        let allowed = endpoints.indices.filter { !excluded.contains(endpoints[$0]) }
        let healthy = allowed.filter { !health[$0].isEjected(now: now) }
        let candidates = healthy.isEmpty ? allowed : healthy
        guard let first = candidates.randomElement(using: &random) else { return nil }
        var chosen = first
        if candidates.count > 1 {
            // A second, different one: shift past the first.
            let position = candidates.firstIndex(of: first) ?? 0
            let offset = Int.random(in: 1..<candidates.count, using: &random)
            let second = candidates[(position + offset) % candidates.count]
            if health[second].activeCount < health[first].activeCount { chosen = second }
        }
        health[chosen].begin()
        return endpoints[chosen]
    }

    /// A connection to the endpoint came about.
    package mutating func succeed(_ endpoint: Endpoint) {
        if let index = index(of: endpoint) { health[index].succeed() }
    }

    /// A connect failed; true if the endpoint was ejected for it. Its connection still has to be finished.
    package mutating func fail(_ endpoint: Endpoint, now: Instant) -> Bool {
        guard let index = index(of: endpoint) else { return false }
        let othersEjected = endpoints.indices.count { $0 != index && health[$0].isEjected(now: now) }
        let mayEject = (othersEjected + 1) * 100 <= settings.mostPercent * endpoints.count
        return health[index].fail(settings, mayEject: mayEject, now: now)
    }

    /// A connection that was counted by ``choose(excluding:now:using:)`` has ended.
    package mutating func finish(_ endpoint: Endpoint) {
        // An endpoint that has left and come back starts from zero; what ends then was counted before.
        if let index = index(of: endpoint), health[index].activeCount > 0 { health[index].finish() }
    }

    private func index(of endpoint: Endpoint) -> Int? { endpoints.firstIndex(of: endpoint) }
}
