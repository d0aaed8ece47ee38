// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import MeshTesting
import Testing

@testable import Routing

@Suite("Weights of endpoints")
struct WeightTests {
    private static let now = Instant(nanoseconds: 1_000_000_000)
    private static let seed: UInt64 = 20_261_121
    private static let draws = 30_000

    private static func balancer(
        _ weights: [Int], _ algorithm: BalancingSettings.Algorithm, _ settings: EjectionSettings = EjectionSettings()
    ) -> Balancer<Int> {
        var balancing = BalancingSettings()
        balancing.algorithm = algorithm
        return Balancer(Array(weights.indices), settings, balancing: balancing, weights: weights)
    }

    /// How often each is chosen where every request is over before the next comes.
    private static func idleShares(
        _ balancer: inout Balancer<Int>, _ count: Int, isHashed: Bool = false, excluding excluded: [Int] = []
    ) -> [Double] {
        var random = SeededRandom(seed: seed)
        var times = Array(repeating: 0.0, count: count)
        var now = now
        for draw in 0..<draws {
            now = now + .milliseconds(5)
            let hash = isHashed ? stableHash("session-\(draw)".utf8) : nil
            guard let chosen = balancer.choose(excluding: excluded, hash: hash, now: now, using: &random) else { break }
            times[chosen] += 1
            let latency = Duration.microseconds(Int64.random(in: 4000...6000, using: &random))
            _ = balancer.finish(chosen, .success, latency: latency, now: now + latency)
        }
        return times
    }

    private static func expectShares(_ times: [Double], _ weights: [Int], deviations: Double = 5, _ note: String) {
        let total = Double(weights.reduce(0, +))
        for (index, weight) in weights.enumerated() {
            let share = Double(weight) / total
            let expected = Double(draws) * share
            let deviation = (expected * (1 - share)).squareRoot()
            #expect(
                abs(times[index] - expected) <= deviations * deviation,
                "\(note), \(weights): \(index) got \(times[index]) of \(expected)")
        }
    }

    @Test(
        "without load each endpoint gets its share, by every algorithm",
        arguments: BalancingSettings.Algorithm.allCases,
        [[3, 1], [5, 1, 1], [1, 2, 3, 4], [1000, 1, 1]])
    func shares(_ algorithm: BalancingSettings.Algorithm, _ weights: [Int]) {
        var balancer = Self.balancer(weights, algorithm)
        let times = Self.idleShares(&balancer, weights.count, isHashed: algorithm == .consistentHash)
        Self.expectShares(times, weights, "\(algorithm)")
    }

    @Test("a connection goes by weight too", arguments: BalancingSettings.Algorithm.allCases)
    func connections(_ algorithm: BalancingSettings.Algorithm) {
        var random = SeededRandom(seed: Self.seed)
        var balancer = Self.balancer([6, 3, 1], algorithm)
        for _ in 0..<Self.draws { _ = balancer.choose(now: Self.now, using: &random) }
        let times = (0..<3).map { Double(balancer.activeCount(of: $0) ?? 0) }
        Self.expectShares(times, [6, 3, 1], "\(algorithm)")
    }

    @Test(
        "under load, what is open goes by weight", arguments: [BalancingSettings.Algorithm.latency, .leastRequests])
    func load(_ algorithm: BalancingSettings.Algorithm) {
        var random = SeededRandom(seed: Self.seed)
        let weights = [8, 4, 2, 1, 1]
        var balancer = Self.balancer(weights, algorithm)
        for _ in 0..<1600 { _ = balancer.choose(excluding: [], hash: nil, now: Self.now, using: &random) }
        for (index, weight) in weights.enumerated() {
            let active = balancer.activeCount(of: index) ?? 0
            #expect(abs(active - 100 * weight) <= 40, "\(algorithm): \(index) has \(active) of \(100 * weight)")
        }
    }

    @Test("a slow endpoint is avoided however heavy it is")
    func slow() {
        var random = SeededRandom(seed: Self.seed)
        var balancer = Self.balancer([10, 1, 1], .latency)
        var now = Self.now
        var times = [0, 0, 0]
        for _ in 0..<2000 {
            now = now + .milliseconds(5)
            guard let chosen = balancer.choose(excluding: [], hash: nil, now: now, using: &random) else { return }
            times[chosen] += 1
            let latency: Duration = chosen == 0 ? .milliseconds(500) : .milliseconds(4)
            _ = balancer.finish(chosen, .success, latency: latency, now: now)
        }
        #expect(times[0] < 100, "\(times)")
    }

    @Test("what is excluded or ejected leaves its share to the others, in proportion")
    func leftOut() {
        for algorithm in BalancingSettings.Algorithm.allCases {
            let isHashed = algorithm == .consistentHash
            var balancer = Self.balancer([4, 3, 2, 1], algorithm)
            let excluded = Self.idleShares(&balancer, 4, isHashed: isHashed, excluding: [1])
            Self.expectShares([excluded[0], excluded[2], excluded[3]], [4, 2, 1], "\(algorithm) without 1")
            #expect(excluded[1] == 0)
            balancer = Self.balancer([4, 3, 2, 1], algorithm)
            balancer.mark(0, isUnhealthy: true)
            let marked = Self.idleShares(&balancer, 4, isHashed: isHashed)
            Self.expectShares(Array(marked.dropFirst()), [3, 2, 1], "\(algorithm) without 0")
            #expect(marked[0] == 0)
            var random = SeededRandom(seed: 1)
            #expect(balancer.choose(excluding: [0, 1, 2, 3], hash: nil, now: Self.now, using: &random) == nil)
            #expect(balancer.choose(excluding: [1, 2, 3], hash: nil, now: Self.now, using: &random) == 0)
        }
    }

    @Test("turns of a heavy endpoint lie between those of the others")
    func smooth() {
        var random = SeededRandom(seed: Self.seed)
        var balancer = Self.balancer([5, 1, 1], .roundRobin)
        let order = (0..<70).compactMap { _ in
            balancer.choose(excluding: [], hash: nil, now: Self.now, using: &random)
        }
        for start in stride(from: 0, to: 63, by: 7) {
            let round = order[start..<start + 7]
            #expect((4...6).contains(round.count { $0 == 0 }), "\(order)")
        }
        // Never more in a row than its share over one turn of another: five of seven lie at most 5 apart.
        let longest = order.split { $0 != 0 }.map(\.count).max() ?? 0
        #expect(longest <= 5, "\(order)")
        #expect(order.count { $0 == 1 } == 10 && order.count { $0 == 2 } == 10, "\(order)")
    }

    @Test("whoever comes back to a round has missed its turns, and does not get them in a row")
    func comeback() {
        var random = SeededRandom(seed: Self.seed)
        var balancer = Self.balancer([3, 1], .roundRobin)
        for _ in 0..<1000 { _ = balancer.choose(excluding: [0], hash: nil, now: Self.now, using: &random) }
        let order = (0..<40).compactMap { _ in
            balancer.choose(excluding: [], hash: nil, now: Self.now, using: &random)
        }
        #expect((29...31).contains(order.count { $0 == 0 }), "\(order)")
    }

    @Test("a round goes on for ever")
    func setBack() throws {
        var random = SeededRandom(seed: Self.seed)
        let weights = try #require(EndpointWeights([1, 2]))
        var round = WeightedRound(weights, using: &random)
        // 2^60 / 2^32 rounds would take too long: the setting back is told apart by its threshold.
        round.skip(rounds: 1 << 27)
        let first = (0..<300).compactMap { _ in round.next() }
        round.skip(rounds: 1 << 29)
        let second = (0..<300).compactMap { _ in round.next() }
        for order in [first, second] { #expect((99...101).contains(order.count { $0 == 0 }), "\(order)") }
    }

    @Test("equal weights choose as no weights do", arguments: BalancingSettings.Algorithm.allCases)
    func equal(_ algorithm: BalancingSettings.Algorithm) {
        var plain = Self.balancer([], algorithm)
        #expect(plain.isEmpty)
        var balancing = BalancingSettings()
        balancing.algorithm = algorithm
        plain = Balancer(Array(0..<4), EjectionSettings(), balancing: balancing)
        var weighted = Self.balancer([7, 7, 7, 7], algorithm)
        #expect(weighted.weights == nil)
        for isHashed in [false, true] {
            #expect(
                Self.idleShares(&plain, 4, isHashed: isHashed) == Self.idleShares(&weighted, 4, isHashed: isHashed))
        }
    }

    @Test("a hash meets the same endpoint with and without weights, where its lot is good enough for both")
    func rendezvous() {
        // By weighted lots of weight one each, the same endpoint wins as by plain numbers.
        var random = SeededRandom(seed: Self.seed)
        for _ in 0..<10_000 {
            let (one, other) = (random.next(), random.next())
            let isBetter = EndpointWeights.lot(one, weight: 1) < EndpointWeights.lot(other, weight: 1)
            #expect(isBetter == (one > other) || one == other)
        }
    }

    @Test("a change of one weight moves only what comes to that endpoint or leaves it")
    func change() {
        func homes(_ weights: [Int]) -> [Int] {
            var random = SeededRandom(seed: 1)
            var balancer = Self.balancer(weights, .consistentHash)
            return (0..<20_000).compactMap { key in
                balancer.choose(
                    excluding: [], hash: stableHash("session-\(key)".utf8), now: Self.now, using: &random)
            }
        }
        let (light, heavy) = (homes([2, 1, 1, 1]), homes([4, 1, 1, 1]))
        let moved = zip(light, heavy).filter { $0.0 != $0.1 }
        #expect(moved.allSatisfy { $0.1 == 0 })
        // From 2/5 to 4/7 of 20,000.
        #expect(abs(moved.count - 3429) < 350, "\(moved.count)")
        let back = zip(homes([1, 1, 1, 1]), light).filter { $0.0 != $0.1 }
        #expect(back.allSatisfy { $0.1 == 0 } && !back.isEmpty)
    }

    @Test(
        "logarithms",
        arguments: [
            (UInt64.max, 0.0), (0x8000_0000_0000_0000, 0.693_147_180_559_945_3),
            (0x4000_0000_0000_0000, 1.386_294_361_119_890_6), (0xc000_0000_0000_0000, 0.287_682_072_451_780_9),
            (1, 44.361_419_555_836_5), (0, 44.361_419_555_836_5), (0x1999_9999_9999_9999, 2.302_585_092_994_046),
        ] as [(UInt64, Double)])
    func logarithms(_ number: UInt64, _ expected: Double) {
        let logarithm = EndpointWeights.negativeLogarithm(number)
        #expect(abs(logarithm - expected) < 1e-12 * max(1, expected))
    }

    @Test("weights that are out of all bounds harm nobody")
    func bounds() throws {
        let weights = try #require(EndpointWeights([Int.max, 0, -5, 1]))
        #expect((0..<4).map { weights[$0] } == [1_000_000, 1, 1, 1])
        var random = SeededRandom(seed: Self.seed)
        for spared in [nil, 0, 1, 2, 3] {
            for _ in 0..<200 {
                let drawn = weights.draw(sparing: spared, using: &random)
                #expect(drawn.map { (0..<4).contains($0) && $0 != spared } == true)
            }
        }
    }
}

@Suite("Endpoints that checks have found to be unhealthy")
struct UnhealthyTests {
    private static let now = Instant(nanoseconds: 1_000_000_000)

    @Test("they get nothing, unless too few are left: then all are used")
    func panic() {
        var random = SeededRandom(seed: 3)
        var balancer = Balancer(Array(0..<4), EjectionSettings(), balancing: BalancingSettings())
        balancer.mark(1, isUnhealthy: true)
        balancer.mark(2, isUnhealthy: true)
        balancer.mark(9, isUnhealthy: true)
        func chosen() -> Set<Int> {
            Set((0..<400).compactMap { _ in balancer.choose(excluding: [], hash: nil, now: Self.now, using: &random) })
        }
        #expect(chosen() == [0, 3])
        #expect(Set((0..<400).compactMap { _ in balancer.choose(now: Self.now, using: &random) }) == [0, 3])
        // Two of four are 50 percent, which is not below it; one of four is.
        balancer.mark(0, isUnhealthy: true)
        #expect(chosen() == [0, 1, 2, 3])
        balancer.mark(0, isUnhealthy: false)
        balancer.mark(0, isUnhealthy: false)
        #expect(chosen() == [0, 3])
        // Being unhealthy is not being ejected, and does not take the room of ejections.
        #expect(balancer.ejectedCount(now: Self.now) == 0)
    }

    @Test("it stays through a change, and ends with a good check alone")
    func continuing() {
        var random = SeededRandom(seed: 3)
        var old = Balancer(["a", "b", "c"], EjectionSettings(), balancing: BalancingSettings())
        old.mark("b", isUnhealthy: true)
        var new = Balancer(
            ["b", "c", "d"], EjectionSettings(), balancing: BalancingSettings(), weights: [5, 1, 1], continuing: old)
        func chosen(_ now: Instant) -> Set<String> {
            Set((0..<200).compactMap { _ in new.choose(excluding: [], hash: nil, now: now, using: &random) })
        }
        new.succeed("b")
        #expect(chosen(Self.now + .seconds(86_400)) == ["c", "d"])
        new.mark("b", isUnhealthy: false)
        #expect(chosen(Self.now) == ["b", "c", "d"])
    }
}
