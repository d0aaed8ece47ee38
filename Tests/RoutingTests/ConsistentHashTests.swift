// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import MeshTesting
import Routing
import Testing

@Suite("The choice by a hash")
struct ConsistentHashTests {
    private static let now = Instant(nanoseconds: 1_000_000_000)
    private static let keys = 20_000

    private static func balancer(_ endpoints: [String]) -> Balancer<String> {
        Balancer(endpoints, EjectionSettings(), balancing: BalancingSettings())
    }

    private static func homes(_ balancer: inout Balancer<String>, excluding: [String] = []) -> [String] {
        var random = SeededRandom(seed: 1)
        return (0..<keys).compactMap { key in
            balancer.choose(
                excluding: excluding, hash: stableHash("session-\(key)".utf8), now: now, using: &random)
        }
    }

    private static func names(_ count: Int) -> [String] { (0..<count).map { "10.0.0.\($0):8080" } }

    @Test(
        "FNV-1a as published",
        arguments: [
            ("", 0xcbf2_9ce4_8422_2325), ("a", 0xaf63_dc4c_8601_ec8c),
            ("foobar", 0x8594_4171_f739_67e8) as (String, UInt64),
        ])
    func vectors(_ text: String, _ hash: UInt64) {
        #expect(stableHash(text.utf8) == hash)
    }

    @Test("equal hashes meet the same endpoint, in any order of endpoints, and chance has no say")
    func stable() {
        var first = Self.balancer(Self.names(10))
        var second = Self.balancer(Self.names(10).reversed())
        let homes = Self.homes(&first)
        #expect(homes == Self.homes(&second) && homes == Self.homes(&first))
        // The same in every process and version: these very choices are a promise to the sidecar next door.
        #expect(homes.prefix(8).map { $0.prefix(8).suffix(1) }.joined() == "56455204")
    }

    @Test("all get about the same", arguments: [2, 3, 10, 50])
    func even(_ count: Int) {
        var balancer = Self.balancer(Self.names(count))
        let expected = Double(Self.keys) / Double(count)
        let deviation = (expected * (1 - 1 / Double(count))).squareRoot()
        _ = Self.homes(&balancer)
        for name in Self.names(count) {
            let times = Double(balancer.activeCount(of: name) ?? 0)
            #expect(abs(times - expected) < 5 * deviation, "\(name) got \(times) of \(expected)")
        }
    }

    @Test("only what an endpoint that leaves had moves, and it moves to all the others")
    func leaving() {
        var before = Self.balancer(Self.names(10))
        var after = Self.balancer(Self.names(10).filter { !$0.contains(".3:") })
        let (old, new) = (Self.homes(&before), Self.homes(&after))
        var heirs: [String: Int] = [:]
        var strayed = 0
        for (old, new) in zip(old, new) {
            if old.contains(".3:") { heirs[new, default: 0] += 1 } else if old != new { strayed += 1 }
        }
        #expect(strayed == 0)
        #expect(heirs.count == 9 && heirs.values.allSatisfy { $0 > 150 }, "\(heirs)")
        // Left out for having been tried, or ejected, is the same as having left.
        #expect(Self.homes(&before, excluding: ["10.0.0.3:8080"]) == new)
        for _ in 0..<3 { _ = before.fail("10.0.0.3:8080", now: Self.now) }
        #expect(Self.homes(&before) == new)
        before.succeed("10.0.0.3:8080")
        #expect(Self.homes(&before) == old)
    }

    @Test("an endpoint that comes takes its share from all and moves nothing else")
    func coming() {
        var before = Self.balancer(Self.names(10))
        var after = Balancer(
            Self.names(11), EjectionSettings(), balancing: BalancingSettings(), continuing: before)
        let pairs = zip(Self.homes(&before), Self.homes(&after))
        let moved = pairs.filter { $0.0 != $0.1 }
        #expect(moved.allSatisfy { $0.1 == "10.0.0.10:8080" })
        #expect(abs(Double(moved.count) - Double(Self.keys) / 11) < 250, "\(moved.count)")
        #expect(Set(moved.map(\.0)).count == 10)
    }
}
