// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// The endpoints by how far away they are, the nearest first, where they are not all equally far.
///
/// What share of the choices a distance gets (the rule of Envoy's priorities, with its factor of 1.4), where `healthy` of its
/// `total` endpoints are not left out:
///
/// ```
///   capacity = min(1, 1.4 x healthy / total)
///   share    = min(capacity, what the nearer ones have left over)
/// ```
///
/// So the nearest get everything as long as five in seven of them are well, and what they lack goes to the next. Where even
/// all together have less than one, each gets its part of what there is.
struct LocalityTiers: Sendable {
    /// Parts of one that a capacity is counted in.
    static let whole = 10_000
    /// A tier may be short of three in ten before others take part of what it has: a deploy, or one of three.
    static let overprovisioning = 14_000

    /// Of each endpoint, by its place.
    let distances: [Locality.Distance]
    private let totals: [Int]

    /// Nil where all are equally far, or nobody has said.
    init?(_ distances: [Locality.Distance]) {
        guard let first = distances.first, distances.contains(where: { $0 != first }) else { return nil }
        self.distances = distances
        totals = Locality.Distance.allCases.map { distance in distances.count { $0 == distance } }
    }

    /// Which distance a choice goes to. `healthy` are the endpoints at each that are not left out; `number` is drawn evenly
    /// from all there are. Nil where none at all is healthy.
    func distance(healthy: [3 of Int], number: UInt64) -> Locality.Distance? {
        var shares = [3 of Int](repeating: 0)
        var sum = 0
        for distance in Locality.Distance.allCases where totals[distance.rawValue] > 0 {
            let index = distance.rawValue
            let capacity = min(Self.whole, Self.overprovisioning * healthy[index] / totals[index])
            shares[index] = min(capacity, Self.whole - sum)
            sum += shares[index]
        }
        guard sum > 0 else { return nil }
        // The high half of the product: evenly, without a loop (Lemire 2019).
        var point = Int(number.multipliedFullWidth(by: UInt64(sum)).high)
        for distance in Locality.Distance.allCases {
            point -= shares[distance.rawValue]
            if point < 0 { return distance }
        }
        return nil
    }
}

extension Balancer {
    /// The distance that this choice goes to; nil where distances do not count.
    func preferredDistance(isPanicking: Bool, now: Instant, number: () -> UInt64) -> Locality.Distance? {
        guard let tiers, !isPanicking else { return nil }
        var healthy = [3 of Int](repeating: 0)
        for index in endpoints.indices where !health[index].isLeftOut(now: now) {
            healthy[tiers.distances[index].rawValue] += 1
        }
        return tiers.distance(healthy: healthy, number: number())
    }
}
