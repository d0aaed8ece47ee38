// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// The choice for requests.
extension Balancer {
    /// For connections and requests. Continues with what `previous` knew of the endpoints that are still there.
    ///
    /// `identity` names an endpoint for the choice by a hash: the same number in every proxy, and before and after a
    /// restart. What an endpoint describes itself as will do, and takes microseconds for each. `weights` are theirs, in the
    /// same order and at least one each; none: all weigh the same. `distances` say how far away they are; none: all are equally
    /// far.
    package init(
        _ endpoints: [Endpoint], _ settings: EjectionSettings, balancing: BalancingSettings, weights: [Int] = [],
        distances: [Locality.Distance] = [],
        identity: @escaping (Endpoint) -> UInt64 = { stableHash(String(describing: $0).utf8) },
        continuing previous: Balancer? = nil
    ) {
        self.init(endpoints, settings, balancing, weights, distances, identifiedBy: identity, continuing: previous)
    }

    /// Chooses an endpoint that is not in `excluded` for a request, and counts one under way; nil if none is left.
    ///
    /// A `hash` decides alone, so that equal ones meet the same endpoint as long as it is there and not ejected: that of the
    /// header of a session, or with ``BalancingSettings/Algorithm/consistentHash`` of the header named there or of the
    /// caller. Without one the algorithm decides. Each choice must be given back by
    /// ``finish(_:_:latency:now:)``.
    package mutating func choose(
        excluding excluded: [Endpoint], hash: UInt64?, now: Instant, using random: inout some RandomNumberGenerator
    ) -> Endpoint? {
        let chosen: Int?
        if let hash, !identities.isEmpty {
            // A session stays where it is although the endpoint wants a rest: its state is there.
            // The hash also says to which distance it goes, where the nearest have not room for all.
            let candidates = candidates(excluding: excluded, heedingRest: false, now: now) { mixed(~hash) }
            chosen = highest(of: candidates, excluding: excluded, hash)
        } else {
            chosen = index(excluding: excluded, now: now, using: &random)
        }
        guard let chosen else { return nil }
        health[chosen].settle(now: now)
        health[chosen].begin(now: now)
        return endpoints[chosen]
    }

    /// A request that was counted by ``choose(excluding:hash:now:using:)`` is over; true if the endpoint was ejected for
    /// it. `latency` goes from the request to the first byte of the response, or to the failure.
    ///
    /// A connect that failed is told by ``fail(_:now:)``, and its request then finished as cancelled: it never got there.
    package mutating func finish(
        _ endpoint: Endpoint, _ result: RequestResult, latency: Duration, now: Instant
    ) -> Bool {
        guard let index = index(of: endpoint) else { return false }
        let mayEject = result.isError && mayEject(index, now: now)
        health[index].settle(now: now)
        if health[index].activeCount > 0 { health[index].finish() }
        let isEjected = health[index].record(result, latency: latency, settings, mayEject: mayEject, now: now)
        noteTrouble(of: index)
        return isEjected
    }

    private mutating func index(
        excluding excluded: [Endpoint], now: Instant, using random: inout some RandomNumberGenerator
    ) -> Int? {
        // Nothing is to be chosen: even one that is left out is tried where there is no other.
        if endpoints.count == 1, excluded.isEmpty, weights == nil { return 0 }
        let candidates = candidates(excluding: excluded, heedingRest: true, now: now) { random.next() }
        switch balancing.algorithm {
        case .latency:
            guard let (first, second) = pair(of: candidates, excluding: excluded, using: &random) else { return nil }
            // The decay of one that is new begins when it is looked at for the first time.
            health[first].settle(now: now)
            health[second].settle(now: now)
            return cheaper(first, second, now: now)
        case .leastRequests, .consistentHash:
            guard let (first, second) = pair(of: candidates, excluding: excluded, using: &random) else { return nil }
            return lessBusy(first, second)
        case .roundRobin: return next(of: candidates, excluding: excluded, using: &random)
        case .random: return any(of: candidates, excluding: excluded, using: &random)
        }
    }

    /// That of two which costs less. With weights, the first, which they have chosen, unless it costs more than twice as much
    /// as the other: by cost alone an idle service would go to the fastest endpoint, whatever it weighs. The decay of an
    /// estimate lets an endpoint that was slow be tried again; it does not make one that is seldom used look fast.
    private func cheaper(_ first: Int, _ second: Int, now: Instant) -> Int {
        guard let weights else { return health[second].cost(now: now) < health[first].cost(now: now) ? second : first }
        var one = health[first].load(weight: weights[first])
        var other = health[second].load(weight: weights[second])
        if let answered = health[first].latency.answered, let known = health[second].latency.answered {
            one *= min(answered, health[first].latency.value(isBusy: health[first].activeCount > 0, now: now))
            other *= known
        }
        return other * 2 < one ? second : first
    }

    /// Rendezvous hashing: each endpoint draws a number from its identity and the hash, the highest wins. Where one leaves,
    /// only what it had moves, and to all the others alike; where one comes, it takes an equal share from each. With weights
    /// the number is ``EndpointWeights/lot(_:weight:)`` of it, and the lowest wins, which comes to the same for equal ones.
    private func highest(of candidates: Candidates, excluding excluded: [Endpoint], _ hash: UInt64) -> Int? {
        let key = mixed(hash)
        guard let weights else {
            var best: (index: Int, number: UInt64)?
            for index in endpoints.indices where isCandidate(index, of: candidates, excluding: excluded) {
                let number = mixed(identities[index] ^ key)
                if best.map({ number > $0.number }) ?? true { best = (index, number) }
            }
            return best?.index
        }
        var best: (index: Int, lot: Double)?
        for index in endpoints.indices where isCandidate(index, of: candidates, excluding: excluded) {
            let lot = EndpointWeights.lot(mixed(identities[index] ^ key), weight: weights[index])
            if best.map({ lot < $0.lot }) ?? true { best = (index, lot) }
        }
        return best?.index
    }
}
