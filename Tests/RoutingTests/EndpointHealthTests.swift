// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import Routing
import Testing

@Suite("The health of an endpoint")
struct EndpointHealthTests {
    private static let start = Instant(nanoseconds: 0)

    @Test("each ejection is twice as long as the one before, up to the longest")
    func doubling() {
        var health = EndpointHealth()
        let settings = EjectionSettings()
        var now = Self.start
        for failure in 1...3 {
            let isEjected = health.fail(settings, mayEject: true, now: now)
            #expect(isEjected == (failure == 3))
        }
        for seconds in [5, 10, 20, 40, 80, 160, 300, 300, 300] {
            #expect(health.ejectedUntil == now + .seconds(seconds))
            let last = now + .seconds(seconds) + .nanoseconds(-1)
            #expect(health.isEjected(now: last))
            // Failing again meanwhile makes it no longer.
            let isEjectedAgain = health.fail(settings, mayEject: true, now: last)
            #expect(!isEjectedAgain)
            now = now + .seconds(seconds)
            #expect(!health.isEjected(now: now))
            // One failure after the return is enough.
            let isEjected = health.fail(settings, mayEject: true, now: now)
            #expect(isEjected)
        }
    }

    @Test("a success forgets everything")
    func success() {
        var health = EndpointHealth()
        let settings = EjectionSettings()
        for _ in 0..<3 { _ = health.fail(settings, mayEject: true, now: Self.start) }
        health.succeed()
        #expect(!health.isEjected(now: Self.start))
        for failure in 1...3 {
            let isEjected = health.fail(settings, mayEject: true, now: Self.start)
            #expect(isEjected == (failure == 3))
        }
        #expect(health.ejectedUntil == Self.start + .seconds(5))
        // Failures that do not follow each other never add up.
        var flaky = EndpointHealth()
        for _ in 0..<100 {
            _ = flaky.fail(settings, mayEject: true, now: Self.start)
            _ = flaky.fail(settings, mayEject: true, now: Self.start)
            flaky.succeed()
        }
        #expect(flaky.ejectedUntil == nil)
    }

    @Test("years of failures overflow nothing")
    func endurance() {
        var settings = EjectionSettings()
        settings.longest = .seconds(86_400)
        settings.base = .seconds(3600)
        var health = EndpointHealth()
        var now = Self.start
        for _ in 0..<1000 {
            _ = health.fail(settings, mayEject: true, now: now)
            now = health.ejectedUntil ?? now
        }
        #expect(health.ejectedUntil.map { $0 > Self.start + .seconds(900 * 86_400) } == true)
    }
}
