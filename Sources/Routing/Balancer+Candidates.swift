// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// How willingly an endpoint is used; the best first.
enum Standing: Int, Sendable {
    case good
    /// It has asked to be left alone for a while (Retry-After).
    case resting
    /// Or found to be unhealthy by a check.
    case ejected
}

/// Who can be chosen. Not a list, which would have to be allocated: a predicate and how many fulfil it.
struct Candidates: Sendable {
    let count: Int
    /// That of all candidates; nil where they are all the endpoints.
    let standing: Standing?
    /// That of all candidates; nil where it does not count.
    let distance: Locality.Distance?
    let isHeedingRest: Bool
    /// Too few are healthy: ejected ones count as if they were.
    let isPanicking: Bool
    let now: Instant
}

extension Balancer {
    /// Who can be chosen. `number` draws which distance it is where several have a share; it is not asked where distances do
    /// not count.
    func candidates(
        excluding excluded: [Endpoint], heedingRest: Bool, now: Instant, number: () -> UInt64
    ) -> Candidates {
        guard !excluded.isEmpty || tiers != nil || isTroubled(now: now) else {
            return Candidates(
                count: endpoints.count, standing: nil, distance: nil, isHeedingRest: heedingRest, isPanicking: false,
                now: now)
        }
        let isPanicking = healthyCount(now: now) * 100 < settings.panicPercent * endpoints.count
        func tier(_ standing: Standing, _ distance: Locality.Distance?) -> Candidates {
            let empty = Candidates(
                count: 0, standing: standing, distance: distance, isHeedingRest: heedingRest, isPanicking: isPanicking,
                now: now)
            let count = endpoints.indices.count { isCandidate($0, of: empty, excluding: excluded) }
            return Candidates(
                count: count, standing: standing, distance: distance, isHeedingRest: heedingRest,
                isPanicking: isPanicking, now: now)
        }
        let preferred = preferredDistance(isPanicking: isPanicking, now: now, number: number)
        var best = tier(.good, preferred)
        for standing in [Standing.good, .resting, .ejected] where best.count == 0 {
            best = tier(standing, preferred)
            guard let preferred else { continue }
            // All that are well there are excluded: better the next well one, from near to far, than an ejected one.
            for distance in Locality.Distance.allCases where best.count == 0 && distance != preferred {
                best = tier(standing, distance)
            }
        }
        return best
    }

    func isCandidate(_ index: Int, of candidates: Candidates, excluding excluded: [Endpoint]) -> Bool {
        guard let wanted = candidates.standing else { return true }
        if let tiers, let distance = candidates.distance, tiers.distances[index] != distance { return false }
        let standing: Standing =
            if !candidates.isPanicking, health[index].isLeftOut(now: candidates.now) {
                .ejected
            } else if candidates.isHeedingRest, health[index].isResting(now: candidates.now) {
                .resting
            } else {
                .good
            }
        return standing == wanted && (excluded.isEmpty || !excluded.contains(endpoints[index]))
    }

    /// One of them, each as likely as its weight says.
    func any(
        of candidates: Candidates, excluding excluded: [Endpoint], using random: inout some RandomNumberGenerator
    ) -> Int? {
        guard candidates.count > 0 else { return nil }
        if let weights { return draw(weights, candidates, excluded, sparing: nil, using: &random) }
        return index(at: Int.random(in: 0..<candidates.count, using: &random), of: candidates, excluding: excluded)
    }

    /// Two that differ, unless there is but one; drawn one after the other, by their weights.
    func pair(
        of candidates: Candidates, excluding excluded: [Endpoint], using random: inout some RandomNumberGenerator
    ) -> (Int, Int)? {
        guard candidates.count > 0 else { return nil }
        if let weights {
            let first = draw(weights, candidates, excluded, sparing: nil, using: &random)
            return first.map { ($0, draw(weights, candidates, excluded, sparing: $0, using: &random) ?? $0) }
        }
        let position = Int.random(in: 0..<candidates.count, using: &random)
        guard let first = index(at: position, of: candidates, excluding: excluded) else { return nil }
        guard candidates.count > 1 else { return (first, first) }
        // Shift past the first.
        let other = (position + Int.random(in: 1..<candidates.count, using: &random)) % candidates.count
        return (first, index(at: other, of: candidates, excluding: excluded) ?? first)
    }

    /// The one after the last, in the order of the list; with weights, the one whose turn comes first.
    mutating func next(
        of candidates: Candidates, excluding excluded: [Endpoint], using random: inout some RandomNumberGenerator
    ) -> Int? {
        guard candidates.count > 0 else { return nil }
        if let weights {
            // Taken out, so that it is changed in place while the candidates are looked at.
            var current = round.take() ?? WeightedRound(weights, using: &random)
            defer { round = current }
            guard candidates.standing != nil else { return current.next() }
            return current.next { isCandidate($0, of: candidates, excluding: excluded) }
        }
        let start = cursor ?? Int.random(in: 0..<endpoints.count, using: &random)
        for offset in 0..<endpoints.count {
            let index = (start + offset) % endpoints.count
            guard isCandidate(index, of: candidates, excluding: excluded) else { continue }
            cursor = (index + 1) % endpoints.count
            return index
        }
        return nil
    }

    /// One candidate by weight, not `spared`; nil if there is no other.
    private func draw(
        _ weights: EndpointWeights, _ candidates: Candidates, _ excluded: [Endpoint], sparing spared: Int?,
        using random: inout some RandomNumberGenerator
    ) -> Int? {
        guard candidates.standing != nil else { return weights.draw(sparing: spared, using: &random) }
        func isWanted(_ index: Int) -> Bool {
            index != spared && isCandidate(index, of: candidates, excluding: excluded)
        }
        var total = 0
        for index in endpoints.indices where isWanted(index) { total += weights[index] }
        guard total > 0 else { return nil }
        var rest = Int.random(in: 0..<total, using: &random)
        for index in endpoints.indices where isWanted(index) {
            rest -= weights[index]
            if rest < 0 { return index }
        }
        return nil
    }

    private func index(at position: Int, of candidates: Candidates, excluding excluded: [Endpoint]) -> Int? {
        guard candidates.standing != nil else { return position }
        var left = position
        for index in endpoints.indices where isCandidate(index, of: candidates, excluding: excluded) {
            if left == 0 { return index }
            left -= 1
        }
        return nil
    }
}
