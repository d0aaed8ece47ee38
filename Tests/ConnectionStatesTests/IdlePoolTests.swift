// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ConnectionStates
import MeshModel
import MeshTesting
import Testing

@Suite("Idle connections")
struct IdlePoolTests {
    private static let now = Instant(nanoseconds: 1)

    /// A pool of numbers, each its own identifier.
    private static func pool(perKeyMax: Int = 3, totalMax: Int = 5) -> IdlePool<String, UInt64> {
        IdlePool(perKeyMax: perKeyMax, totalMax: totalMax)
    }

    private static func put(_ number: UInt64, _ key: String, _ pool: inout IdlePool<String, UInt64>) -> Bool {
        pool.put(number, identifier: number, for: key)
    }

    @Test("the last one in is the first one out, for each key on its own")
    func order() {
        var pool = Self.pool()
        for number in UInt64(1)...3 { #expect(Self.put(number, "a", &pool)) }
        #expect(Self.put(10, "b", &pool))
        #expect(pool.count == 4)
        let taken = (0..<4).map { _ in pool.take("a") }
        #expect(taken == [3, 2, 1, nil])
        #expect(pool.take("b") == 10)
        #expect(pool.take("nobody") == nil)
        #expect(pool.count == 0)
    }

    @Test("what does not fit is given back: for one key, and in all")
    func limits() {
        var pool = Self.pool()
        for number in UInt64(1)...3 { #expect(Self.put(number, "a", &pool)) }
        #expect(!Self.put(4, "a", &pool))
        #expect(Self.put(5, "b", &pool))
        #expect(Self.put(6, "c", &pool))
        #expect(!Self.put(7, "d", &pool))
        #expect(pool.count == 5)
        #expect(pool.take("a") == 3)
        #expect(Self.put(8, "d", &pool))
        #expect(!Self.put(9, "a", &pool))
    }

    @Test("a lower limit empties the pool, and none keeps nothing")
    func lowerLimit() {
        var pool = Self.pool()
        for number in UInt64(1)...3 { #expect(Self.put(number, "a", &pool)) }
        let notYet = pool.limit(to: 3)
        #expect(notYet.isEmpty)
        #expect(!Self.put(4, "b", &pool))
        let retired = pool.limit(to: 2)
        #expect(retired == [1, 2, 3])
        #expect(pool.count == 0)
        #expect(Self.put(5, "b", &pool))
        let last = pool.limit(to: 0)
        #expect(last == [5])
        #expect(!Self.put(6, "b", &pool))
    }

    @Test("one that has closed by itself is forgotten, once")
    func removal() {
        var pool = Self.pool()
        for number in UInt64(1)...3 { #expect(Self.put(number, "a", &pool)) }
        pool.remove(identifier: 2, for: "a")
        pool.remove(identifier: 2, for: "a")
        pool.remove(identifier: 1, for: "b")
        #expect(pool.count == 2)
        let taken = (0..<3).map { _ in pool.take("a") }
        #expect(taken == [3, 1, nil])
        pool.remove(identifier: 3, for: "a")
        #expect(pool.count == 0)
    }

    @Test("everything whose key matches is retired, and nothing else")
    func retirement() {
        var pool = Self.pool()
        for (number, key) in [(1, "10.0.0.1 new"), (2, "10.0.0.1 old"), (3, "10.0.0.2 old"), (4, "10.0.0.1 old")] {
            #expect(Self.put(UInt64(number), key, &pool))
        }
        let retired = pool.retire { $0.hasPrefix("10.0.0.1") }
        #expect(Set(retired) == [1, 2, 4])
        #expect(pool.count == 1)
        #expect(pool.take("10.0.0.2 old") == 3)
        let nothing = pool.retire { _ in true }
        #expect(nothing.isEmpty)
    }

    @Test("whatever happens, it counts what a plain list holds")
    func property() throws {
        let seed: UInt64 = 8_080
        var random = SeededRandom(seed: seed)
        var pool = Self.pool(perKeyMax: 4, totalMax: 12)
        var model: [(key: String, number: UInt64)] = []
        for step in UInt64(0)..<20_000 {
            let key = ["a", "b", "c", "d", "e"].randomElement(using: &random) ?? "a"
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5:
                let fits = model.count < 12 && model.count { $0.key == key } < 4
                try #require(Self.put(step, key, &pool) == fits, "seed \(seed), step \(step)")
                if fits { model.append((key, step)) }
            case 5..<8:
                let last = model.lastIndex { $0.key == key }
                try #require(pool.take(key) == last.map { model[$0].number }, "seed \(seed), step \(step)")
                if let last { model.remove(at: last) }
            case 8:
                guard let gone = model.randomElement(using: &random) else { continue }
                pool.remove(identifier: gone.number, for: gone.key)
                model.removeAll { $0.number == gone.number }
            default:
                let retired = pool.retire { $0 == key }
                try #require(retired == model.filter { $0.key == key }.map(\.number), "seed \(seed), step \(step)")
                model.removeAll { $0.key == key }
            }
            try #require(pool.count == model.count, "seed \(seed), step \(step)")
        }
    }
}
