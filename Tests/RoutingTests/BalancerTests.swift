// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import MeshTesting
import Routing
import Testing

@Suite("The choice of an endpoint")
struct BalancerTests {
    private static let now = Instant(nanoseconds: 1_000_000_000)
    private static let seed: UInt64 = 20_261_123

    private static func balancer(_ count: Int, _ settings: EjectionSettings = EjectionSettings()) -> Balancer<Int> {
        Balancer(Array(0..<count), settings)
    }

    @Test("of two the less busy one is always taken")
    func leastLoaded() {
        var random = SeededRandom(seed: Self.seed)
        var balancer = Self.balancer(2)
        for _ in 0..<1000 {
            let before = (0..<2).map { balancer.activeCount(of: $0) ?? 0 }
            guard let chosen = balancer.choose(now: Self.now, using: &random) else {
                Issue.record("There are two endpoints.")
                return
            }
            #expect(before[chosen] <= before[1 - chosen])
            if Bool.random(using: &random), let busy = (0..<2).first(where: { (balancer.activeCount(of: $0) ?? 0) > 1 })
            {
                balancer.finish(busy)
            }
        }
    }

    @Test("of many, the two candidates differ and chance reaches everyone", arguments: [3, 5, 10])
    func spread(_ count: Int) {
        // All equally busy, for ever: each is chosen as often as the others. 20,000 draws, four standard deviations.
        var random = SeededRandom(seed: Self.seed)
        var balancer = Self.balancer(count)
        var chosen = Array(repeating: 0.0, count: count)
        for _ in 0..<20_000 {
            guard let endpoint = balancer.choose(now: Self.now, using: &random) else { return }
            chosen[endpoint] += 1
            balancer.finish(endpoint)
        }
        let expected = 20_000 / Double(count)
        let deviation = (20_000 / Double(count) * (1 - 1 / Double(count))).squareRoot()
        for (endpoint, times) in chosen.enumerated() {
            #expect(abs(times - expected) < 4 * deviation, "seed \(Self.seed), \(endpoint) was chosen \(times) times")
        }
    }

    @Test("connections that stay are spread more evenly than by chance")
    func evenness() {
        var random = SeededRandom(seed: Self.seed)
        var balancer = Self.balancer(10)
        for _ in 0..<10_000 { _ = balancer.choose(now: Self.now, using: &random) }
        let counts = (0..<10).map { balancer.activeCount(of: $0) ?? 0 }
        #expect(counts.reduce(0, +) == 10_000)
        // Purely random choice would differ by about 100; two choices by a handful (log log n).
        #expect((counts.max() ?? 0) - (counts.min() ?? 0) <= 12, "seed \(Self.seed): \(counts)")
    }

    @Test("one that has been tried is not tried again, and none is left when all have been")
    func exclusion() {
        var random = SeededRandom(seed: Self.seed)
        var balancer = Self.balancer(3)
        var tried: [Int] = []
        for _ in 0..<3 {
            guard let next = balancer.choose(excluding: tried, now: Self.now, using: &random) else { break }
            #expect(!tried.contains(next))
            tried.append(next)
        }
        #expect(tried.sorted() == [0, 1, 2])
        #expect(balancer.choose(excluding: tried, now: Self.now, using: &random) == nil)
        var nobody = Self.balancer(0)
        #expect(nobody.isEmpty)
        #expect(nobody.choose(now: Self.now, using: &random) == nil)
    }

    @Test("an ejected endpoint is passed over, unless nobody else is left")
    func ejected() {
        var random = SeededRandom(seed: Self.seed)
        var balancer = Self.balancer(4)
        for failure in 1...3 { #expect(balancer.fail(2, now: Self.now) == (failure == 3)) }
        #expect(balancer.ejectedCount(now: Self.now) == 1)
        for _ in 0..<200 { #expect(balancer.choose(now: Self.now, using: &random) != 2) }
        #expect(balancer.choose(excluding: [0, 1, 3], now: Self.now, using: &random) == 2)
        #expect(balancer.ejectedCount(now: Self.now + .seconds(5)) == 0)
        // Chosen in need, it answered: it is as good as the others at once.
        balancer.succeed(2)
        #expect(balancer.ejectedCount(now: Self.now) == 0)
    }

    @Test(
        "never more than the given share is ejected",
        arguments: [(1, 50, 0), (2, 50, 1), (3, 50, 1), (10, 50, 5), (10, 0, 0), (10, 33, 3), (4, 100, 4), (1, 100, 1)])
    func share(_ count: Int, _ percent: Int, _ most: Int) {
        var settings = EjectionSettings()
        settings.mostPercent = percent
        var random = SeededRandom(seed: Self.seed)
        var balancer = Self.balancer(count, settings)
        for _ in 0..<10 {
            for endpoint in 0..<count { _ = balancer.fail(endpoint, now: Self.now) }
        }
        #expect(balancer.ejectedCount(now: Self.now) == most)
        #expect(balancer.choose(now: Self.now, using: &random) != nil)
    }

    @Test("what was learned stays with those that stay")
    func continuing() {
        var random = SeededRandom(seed: Self.seed)
        var old = Balancer(["a", "b", "c", "d"], EjectionSettings())
        for _ in 0..<3 { _ = old.fail("b", now: Self.now) }
        for _ in 0..<10 { _ = old.choose(excluding: ["a", "b", "d"], now: Self.now, using: &random) }
        var new = Balancer(["d", "c", "b", "e"], EjectionSettings(), continuing: old)
        #expect(new.activeCount(of: "c") == 10)
        #expect(new.activeCount(of: "e") == 0)
        #expect(new.activeCount(of: "a") == nil)
        #expect(new.ejectedCount(now: Self.now) == 1)
        // What ends now of one that has left, or was counted before it came back, changes nothing.
        new.finish("a")
        new.finish("e")
        #expect(new.activeCount(of: "e") == 0)
    }
}
