// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import MeshTesting
import Testing

@testable import Routing

@Suite("Localities of endpoints")
struct LocalityTests {
    private static let now = Instant(nanoseconds: 1_000_000_000)
    private static let draws = 20_000
    /// Ten in the zone, ten in the region, ten elsewhere.
    private static let distances = Locality.Distance.allCases.flatMap { Array(repeating: $0, count: 10) }

    private static func balancer(
        _ distances: [Locality.Distance] = distances, _ algorithm: BalancingSettings.Algorithm = .leastRequests,
        unhealthy: [Int] = [], panicPercent: Int = 0
    ) -> Balancer<Int> {
        var balancing = BalancingSettings()
        balancing.algorithm = algorithm
        var settings = EjectionSettings()
        settings.panicPercent = panicPercent
        var balancer = Balancer(Array(distances.indices), settings, balancing: balancing, distances: distances)
        for index in unhealthy { balancer.mark(index, isUnhealthy: true) }
        return balancer
    }

    /// Which share of the choices goes to each distance.
    private static func shares(
        _ balancer: inout Balancer<Int>, _ distances: [Locality.Distance] = distances, isHashed: Bool = false,
        excluding excluded: [Int] = [], seed: UInt64 = 20_261_122
    ) -> [Double] {
        var random = SeededRandom(seed: seed)
        var counts = [0.0, 0.0, 0.0]
        for draw in 0..<draws {
            let hash = isHashed ? stableHash("session-\(draw)".utf8) : nil
            guard let chosen = balancer.choose(excluding: excluded, hash: hash, now: now, using: &random) else { break }
            counts[distances[chosen].rawValue] += 1
            _ = balancer.finish(chosen, .success, latency: .milliseconds(5), now: now)
        }
        return counts.map { $0 / Double(draws) }
    }

    private static func isNear(_ shares: [Double], _ expected: [Double]) -> Bool {
        zip(shares, expected).allSatisfy { abs($0 - $1) < 0.02 }
    }

    struct Case: CustomTestStringConvertible {
        let testDescription: String
        /// How many of ten are well, from near to far.
        let healthy: [Int]
        let shares: [Double]
    }

    private static let cases = [
        Case(testDescription: "all are well", healthy: [10, 10, 10], shares: [1, 0, 0]),
        Case(testDescription: "three in ten may be missing", healthy: [8, 10, 10], shares: [1, 0, 0]),
        Case(testDescription: "half of them take 70 %", healthy: [5, 10, 10], shares: [0.7, 0.3, 0]),
        Case(testDescription: "none of the zone", healthy: [0, 10, 10], shares: [0, 1, 0]),
        Case(testDescription: "what nobody near can take", healthy: [2, 3, 10], shares: [0.28, 0.42, 0.3]),
        Case(testDescription: "too few in all", healthy: [1, 1, 2], shares: [0.25, 0.25, 0.5]),
        Case(testDescription: "only far away", healthy: [0, 0, 1], shares: [0, 0, 1]),
    ]

    @Test("what the near ones lack goes to the next", arguments: cases)
    func overflow(_ item: Case) {
        let unhealthy = item.healthy.enumerated().flatMap { place, healthy in
            (0..<(10 - healthy)).map { place * 10 + $0 }
        }
        for algorithm in BalancingSettings.Algorithm.allCases where algorithm != .consistentHash {
            var balancer = Self.balancer(Self.distances, algorithm, unhealthy: unhealthy)
            let shares = Self.shares(&balancer)
            #expect(Self.isNear(shares, item.shares), "\(algorithm): \(shares)")
        }
        var balancer = Self.balancer(Self.distances, .consistentHash, unhealthy: unhealthy)
        let shares = Self.shares(&balancer, isHashed: true)
        #expect(Self.isNear(shares, item.shares), "by a hash: \(shares)")
    }

    @Test("a session stays where it is while nobody's health changes")
    func sessions() {
        var balancer = Self.balancer(Self.distances, .consistentHash, unhealthy: [0, 1, 2, 3, 4])
        var random = SeededRandom(seed: 7)
        for session in 0..<200 {
            let hash = stableHash("session-\(session)".utf8)
            let chosen = (0..<5).map { _ in
                balancer.choose(excluding: [], hash: hash, now: Self.now, using: &random)
            }
            #expect(Set(chosen).count == 1, "\(chosen)")
        }
    }

    @Test("a retry goes to a well one further away rather than to an ejected one nearby")
    func retries() {
        var balancer = Self.balancer([.sameZone, .sameZone, .elsewhere], unhealthy: [1])
        let distances: [Locality.Distance] = [.sameZone, .sameZone, .elsewhere]
        let shares = Self.shares(&balancer, distances, excluding: [0])
        #expect(shares == [0, 0, 1])
        #expect(
            Self.shares(&balancer, distances, excluding: [0, 2]) == [1, 0, 0], "the ejected one, where none is left")
    }

    @Test("in panic, and where nobody is well, localities do not count")
    func panic() {
        var panicking = Self.balancer(unhealthy: Array(2..<30), panicPercent: 50)
        let third = 1.0 / 3
        #expect(Self.isNear(Self.shares(&panicking), [third, third, third]))
        var hopeless = Self.balancer(unhealthy: Array(0..<30))
        #expect(Self.isNear(Self.shares(&hopeless), [third, third, third]))
    }

    @Test("endpoints that are equally far are chosen as if nobody had said where they are")
    func equal() {
        var random = SeededRandom(seed: 3)
        var other = SeededRandom(seed: 3)
        var said = Self.balancer(Array(repeating: .sameRegion, count: 8), .latency)
        var unsaid = Balancer(Array(0..<8), EjectionSettings(), balancing: BalancingSettings())
        #expect(said.tiers == nil)
        for step in 0..<2000 {
            let now = Self.now + .milliseconds(step)
            let one = said.choose(excluding: [], hash: nil, now: now, using: &random)
            let two = unsaid.choose(excluding: [], hash: nil, now: now, using: &other)
            #expect(one == two)
            guard let one, let two else { continue }
            _ = said.finish(one, .success, latency: .milliseconds(one + 1), now: now)
            _ = unsaid.finish(two, .success, latency: .milliseconds(two + 1), now: now)
        }
    }

    @Test("a zone whose endpoints fail loses its traffic to the next zone and has it again", arguments: [1, 2, 3])
    func outage(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var settings = EjectionSettings()
        settings.mostPercent = 100
        settings.panicPercent = 0
        let distances = Array(repeating: Locality.Distance.sameZone, count: 4) + Array(repeating: .sameRegion, count: 4)
        var balancer = Balancer(Array(0..<8), settings, balancing: BalancingSettings(), distances: distances)
        var now = Self.now
        // The share of the zone and of failures, over a minute of requests.
        func minute(isDown: Bool) -> (near: Double, failed: Double) {
            var (near, failed) = (0, 0)
            for _ in 0..<6000 {
                now = now + .milliseconds(10)
                guard let chosen = balancer.choose(excluding: [], hash: nil, now: now, using: &random) else { continue }
                let fails = isDown && chosen < 4
                near += chosen < 4 ? 1 : 0
                failed += fails ? 1 : 0
                _ = balancer.finish(
                    chosen, fails ? .serverError(retryAfter: nil) : .success, latency: .milliseconds(5), now: now)
            }
            return (Double(near) / 6000, Double(failed) / 6000)
        }
        #expect(minute(isDown: false).near == 1)
        let outage = minute(isDown: true)
        #expect(outage.failed < 0.05, "\(outage)")
        for _ in 0..<6 { _ = minute(isDown: false) }
        #expect(minute(isDown: false).near == 1)
    }
}
