// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Identity
import MeshModel
import MeshTesting
import Testing

@Suite("When a certificate is renewed")
struct RenewalScheduleTests {
    private static let now = Instant(nanoseconds: 1_000_000_000)

    private static func schedule(
        passed: Int64, of life: Int64, _ random: inout SeededRandom
    ) -> RenewalSchedule {
        let begin = WallTime(seconds: 1_700_000_000)
        return RenewalSchedule(
            notBefore: begin, notAfter: WallTime(seconds: begin.seconds + life),
            wallNow: WallTime(seconds: begin.seconds + passed), now: now, using: &random)
    }

    @Test(
        "between half and three quarters of its life, not all at one moment",
        arguments: [1200, 2000, 40_000] as [Int64])
    func due(_ passed: Int64) {
        var random = SeededRandom(seed: 7)
        let waits = (0..<200).map { _ in Self.schedule(passed: passed, of: 86_400, &random).due - Self.now }
        let most = waits.max() ?? .zero
        let least = waits.min() ?? .zero
        // From twenty minutes on, which were over when it was made.
        #expect(least >= .seconds(43_800 - passed) && most <= .seconds(65_100 - passed))
        #expect(most - least > .seconds(15_000))
    }

    @Test("one that is older is renewed at once")
    func late() {
        var random = SeededRandom(seed: 7)
        #expect(Self.schedule(passed: 80_000, of: 86_400, &random).due == Self.now)
        #expect(Self.schedule(passed: 90_000, of: 86_400, &random).isOverdue(now: Self.now))
        #expect(!Self.schedule(passed: 0, of: 86_400, &random).isOverdue(now: Self.now))
    }

    @Test("a minute's certificate is not due when it comes")
    func short() {
        var random = SeededRandom(seed: 7)
        let waits = (0..<200).map { _ in Self.schedule(passed: 1200, of: 1260, &random).due - Self.now }
        #expect(waits.allSatisfy { (.seconds(30) ... .seconds(45)).contains($0) })
        #expect(!Self.schedule(passed: 1200, of: 1260, &random).isOverdue(now: Self.now))
        #expect(Self.schedule(passed: 650, of: 660, &random).isOverdue(now: Self.now))
    }

    @Test("failures are repeated ever more seldom, but often enough for what is left")
    func failures() {
        var random = SeededRandom(seed: 7)
        var schedule = Self.schedule(passed: 0, of: 86_400, &random)
        var longest = Duration.zero
        for _ in 0..<100 {
            schedule.failed(now: Self.now, using: &random)
            longest = max(longest, schedule.due - Self.now)
            #expect(schedule.due - Self.now <= .seconds(300))
        }
        #expect(longest > .seconds(200))
        let nearEnd = Self.now + .seconds(86_360)
        schedule.failed(now: nearEnd, using: &random)
        #expect(schedule.due - nearEnd <= .seconds(4))
    }

    @Test("the control plane's word makes it sooner, never later")
    func hastened() {
        var random = SeededRandom(seed: 7)
        var schedule = Self.schedule(passed: 0, of: 86_400, &random)
        schedule.hasten(now: Self.now, using: &random)
        #expect(schedule.due - Self.now <= .seconds(5))
        let before = schedule.due
        for _ in 0..<20 { schedule.hasten(now: Self.now, using: &random) }
        #expect(schedule.due <= before)
    }
}
