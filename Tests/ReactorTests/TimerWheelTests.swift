// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import MeshTesting
import Testing

@testable import Reactor

@Suite("The timer wheel, by a clock that the test moves")
struct TimerWheelTests {
    private static let start = Instant(nanoseconds: 3_600_000_000_123)
    private static let tick = Duration.nanoseconds(TimerWheel.tick)
    /// A little less than the wheel's round of 1024 ticks.
    private static let horizon = Duration.nanoseconds(TimerWheel.tick * 1022)

    private static func advance(_ wheel: inout TimerWheel, to now: Instant) -> [UInt64] {
        var tokens: [UInt64] = []
        wheel.advance(to: now) { tokens.append($0.token) }
        return tokens
    }

    @Test(
        "an entry comes up in the tick after its moment, never before",
        arguments: [0, 1, 7_999_999, 8_000_000, 8_000_001, 100_000_000, 1_000_000_000, 8_000_000_000])
    func due(_ nanoseconds: Int64) throws {
        var wheel = TimerWheel(now: Self.start)
        let due = Self.start + .nanoseconds(nanoseconds)
        wheel.insert(7, due: due)
        #expect(wheel.count == 1)
        let next = try #require(wheel.next())
        #expect(next >= due && next <= due + Self.tick)
        let early = Self.advance(&wheel, to: Instant(nanoseconds: next.nanoseconds - 1))
        #expect(early.isEmpty && wheel.count == 1)
        let inTime = Self.advance(&wheel, to: next)
        #expect(inTime == [7] && wheel.count == 0)
        #expect(wheel.next() == nil)
    }

    @Test("a moment that has passed comes up at the next tick")
    func past() throws {
        var wheel = TimerWheel(now: Self.start)
        wheel.insert(1, due: Instant(nanoseconds: 0))
        wheel.insert(2, due: Self.start)
        let tokens = Self.advance(&wheel, to: Self.start + Self.tick)
        #expect(tokens.sorted() == [1, 2])
    }

    @Test(
        "beyond the horizon an entry comes up before its moment, to be laid again",
        arguments: [9, 3600, Int64.max / 2_000_000_000])
    func beyond(_ seconds: Int64) throws {
        var wheel = TimerWheel(now: Self.start)
        let due = Self.start + .seconds(seconds)
        wheel.insert(7, due: due)
        let next = try #require(wheel.next())
        #expect(next < due && next > Self.start + Self.horizon)
        var entries: [Instant] = []
        wheel.advance(to: next) { entries.append($0.due) }
        #expect(entries == [due])
    }

    @Test("a deadline that never comes does not overflow")
    func never() throws {
        var wheel = TimerWheel(now: Self.start)
        wheel.insert(7, due: .never)
        let next = try #require(wheel.next())
        #expect(next > Self.start)
        let tokens = Self.advance(&wheel, to: next)
        #expect(tokens == [7])
    }

    @Test("after a long sleep every entry comes up once, and the wheel goes on")
    func longSleep() throws {
        var wheel = TimerWheel(now: Self.start)
        for token in UInt64(0)..<2000 { wheel.insert(token, due: Self.start + .milliseconds(Int64(token) * 7)) }
        let later = Self.start + .seconds(86_400)
        let tokens = Self.advance(&wheel, to: later)
        #expect(tokens.sorted() == Array(0..<2000))
        wheel.insert(1, due: later + .milliseconds(20))
        let next = try #require(wheel.next())
        #expect(next >= later + .milliseconds(20) && next <= later + .milliseconds(28))
    }

    @Test("time that stands still or goes back brings nothing up")
    func standstill() {
        var wheel = TimerWheel(now: Self.start)
        wheel.insert(1, due: Self.start)
        let now = Self.advance(&wheel, to: Self.start)
        let before = Self.advance(&wheel, to: Instant(nanoseconds: 0))
        #expect(now.isEmpty && before.isEmpty && wheel.count == 1)
    }

    @Test("any entries in any order come up once each, in time, as a plain list would have it")
    func property() throws {
        let seed: UInt64 = 8_192
        var random = SeededRandom(seed: seed)
        var now = Self.start
        var wheel = TimerWheel(now: now)
        var waiting: [UInt64: Instant] = [:]
        var nextToken: UInt64 = 0
        for step in 0..<20_000 {
            for _ in 0..<Int.random(in: 0...2, using: &random) {
                let due = now + .nanoseconds(Int64.random(in: 0...8_100_000_000, using: &random))
                wheel.insert(nextToken, due: due)
                waiting[nextToken] = due
                nextToken += 1
            }
            try #require(wheel.count == waiting.count, "seed \(seed), step \(step)")
            if let next = wheel.next(), let earliest = waiting.values.min() {
                // Within the horizon the wheel wakes for the earliest one, and not for nothing.
                let isInTime = next <= max(now, earliest) + Self.tick
                try #require(isInTime, "seed \(seed), step \(step)")
            }
            now = now + .nanoseconds(Int64.random(in: 0...20_000_000, using: &random))
            var early: Instant?
            wheel.advance(to: now) { entry in
                if waiting.removeValue(forKey: entry.token) != entry.due || entry.due > now { early = entry.due }
            }
            try #require(early == nil, "seed \(seed), step \(step)")
            let late = waiting.values.contains { $0 + Self.tick <= now }
            try #require(!late, "seed \(seed), step \(step)")
        }
    }
}
