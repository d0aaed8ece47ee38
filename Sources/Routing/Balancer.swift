// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// Chooses endpoints for connections and requests, with those that fail left out for a while.
///
/// Power of two choices unless told otherwise: two random candidates and the better of them is almost as good as the best
/// of all, needs no order kept, and does not send everybody to the one that has just come back. For a connection the
/// better one is that with less open; for a request see ``BalancingSettings/Algorithm``.
///
/// The candidates of a choice are the endpoints that are not excluded, of the best standing that any of them has
/// (``Standing``). A choice allocates nothing; it looks at two endpoints where all are in good standing, else at each.
package struct Balancer<Endpoint: Hashable & Sendable>: Sendable {
    let settings: EjectionSettings
    let balancing: BalancingSettings
    let endpoints: [Endpoint]
    /// Looking through the list would be slower from a handful on: this is not specialised for its endpoints.
    private let places: [Endpoint: Int]
    /// For the choice by a hash; empty where nobody will ask for it.
    let identities: [UInt64]
    /// Nil where all endpoints weigh the same, which costs nothing then.
    let weights: EndpointWeights?
    /// Nil where all endpoints are equally far, which costs nothing either.
    let tiers: LocalityTiers?
    var health: [EndpointHealth]
    /// Of a weighted round; made when it is first needed.
    var round: WeightedRound?
    /// Where round robin goes on; nil before its first choice, so that not every proxy begins with the same endpoint.
    var cursor: Int?
    /// From then on nobody is ejected or resting, as far as is known.
    private var troubledUntil: Instant
    private var unhealthyCount: Int

    /// For connections. Continues with what `previous` knew of the endpoints that are still there.
    package init(
        _ endpoints: [Endpoint], _ settings: EjectionSettings, weights: [Int] = [], continuing previous: Balancer? = nil
    ) {
        self.init(endpoints, settings, BalancingSettings(), weights, [], identifiedBy: nil, continuing: previous)
    }

    init(
        _ endpoints: [Endpoint], _ settings: EjectionSettings, _ balancing: BalancingSettings, _ weights: [Int],
        _ distances: [Locality.Distance], identifiedBy identity: ((Endpoint) -> UInt64)?, continuing previous: Balancer?
    ) {
        precondition(weights.isEmpty || weights.count == endpoints.count, "Each endpoint has its weight, or none has.")
        precondition(
            distances.isEmpty || distances.count == endpoints.count, "Each endpoint has its distance, or none has.")
        self.endpoints = endpoints
        tiers = LocalityTiers(distances)
        self.weights = EndpointWeights(weights)
        self.settings = settings
        self.balancing = balancing
        var places: [Endpoint: Int] = [:]
        var health: [EndpointHealth] = []
        var identities: [UInt64] = []
        for (index, endpoint) in endpoints.enumerated() {
            places[endpoint] = index
            let place = previous?.places[endpoint]
            health.append(place.flatMap { previous?.health[$0] } ?? EndpointHealth())
            guard let identity else { continue }
            let known = place.flatMap { place in previous.flatMap { $0.identities.isEmpty ? nil : $0.identities[place] }
            }
            identities.append(known ?? identity(endpoint))
        }
        self.places = places
        self.health = health
        self.identities = identities
        cursor = previous?.cursor
        troubledUntil = previous?.troubledUntil ?? Instant(nanoseconds: 0)
        unhealthyCount = health.count { $0.isUnhealthy }
    }

    package var isEmpty: Bool { endpoints.isEmpty }
    package var count: Int { endpoints.count }

    /// How many are left out for what was seen of them.
    package func ejectedCount(now: Instant) -> Int { health.count { $0.isEjected(now: now) } }

    /// How many may be used: neither ejected nor found to be unhealthy.
    func healthyCount(now: Instant) -> Int { health.count { !$0.isLeftOut(now: now) } }

    /// What a check has found of the endpoint. It is left out until a later check finds otherwise, however many are.
    package mutating func mark(_ endpoint: Endpoint, isUnhealthy: Bool) {
        guard let index = index(of: endpoint), health[index].isUnhealthy != isUnhealthy else { return }
        health[index].isUnhealthy = isUnhealthy
        unhealthyCount += isUnhealthy ? 1 : -1
    }

    package func activeCount(of endpoint: Endpoint) -> Int? { index(of: endpoint).map { health[$0].activeCount } }

    /// Chooses an endpoint that is not in `excluded` and counts a connection to it; nil if none is left. Where all that are
    /// left are ejected, one of them is tried all the same: it can only get better.
    package mutating func choose(
        excluding excluded: [Endpoint] = [], now: Instant, using random: inout some RandomNumberGenerator
    ) -> Endpoint? {
        // To rest is about requests: an endpoint with too many of them may well take a connection.
        let candidates = candidates(excluding: excluded, heedingRest: false, now: now) { random.next() }
        let chosen: Int?
        switch balancing.algorithm {
        case .latency, .leastRequests, .consistentHash:
            chosen = pair(of: candidates, excluding: excluded, using: &random).map { lessBusy($0, $1) }
        case .roundRobin: chosen = next(of: candidates, excluding: excluded, using: &random)
        case .random: chosen = any(of: candidates, excluding: excluded, using: &random)
        }
        guard let chosen else { return nil }
        health[chosen].settle(now: now)
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
        let isEjected = health[index].fail(settings, mayEject: mayEject(index, now: now), now: now)
        noteTrouble(of: index)
        return isEjected
    }

    /// A connection that was counted by ``choose(excluding:now:using:)`` has ended.
    package mutating func finish(_ endpoint: Endpoint) {
        // An endpoint that has left and come back starts from zero; what ends then was counted before.
        if let index = index(of: endpoint), health[index].activeCount > 0 { health[index].finish() }
    }

    func index(of endpoint: Endpoint) -> Int? {
        // One or two are compared sooner than one is hashed.
        guard endpoints.count <= 2 else { return places[endpoint] }
        for index in 0..<endpoints.count where endpoints[index] == endpoint { return index }
        return nil
    }

    /// Whether one more may be ejected: so many at once are more likely our fault, or their load, than theirs.
    func mayEject(_ index: Int, now: Instant) -> Bool {
        let othersEjected = endpoints.indices.count { $0 != index && health[$0].isEjected(now: now) }
        return (othersEjected + 1) * 100 <= settings.mostPercent * endpoints.count
    }

    mutating func noteTrouble(of index: Int) {
        if let ejectedUntil = health[index].ejectedUntil { troubledUntil = max(troubledUntil, ejectedUntil) }
        if let restingUntil = health[index].restingUntil { troubledUntil = max(troubledUntil, restingUntil) }
    }

    func isTroubled(now: Instant) -> Bool { unhealthyCount > 0 || now < troubledUntil }

    /// That of two with less under way for its weight; between equals the first, which chance has chosen.
    func lessBusy(_ first: Int, _ second: Int) -> Int {
        let (one, other) = (health[first].activeCount, health[second].activeCount)
        guard let weights else { return other < one ? second : first }
        return other * weights[first] < one * weights[second] ? second : first
    }
}
