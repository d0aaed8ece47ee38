// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import MeshTesting
import Routing
import Testing

@Suite("Limits: breaker, rate limits, pauses")
struct LimitTests {
    private static let start = Instant(nanoseconds: 1_000_000_000)

    // MARK: Breaker

    struct Gate: CustomTestStringConvertible, Sendable {
        let name: String
        let begin: @Sendable (inout Breaker) -> Bool
        let end: @Sendable (inout Breaker) -> Void

        var testDescription: String { name }
    }

    @Test(
        "the breaker opens when it is full and closes by what ends",
        arguments: [
            Gate(name: "connections", begin: { $0.beginConnection() }, end: { $0.endConnection() }),
            Gate(name: "pending", begin: { $0.beginPending() }, end: { $0.endPending() }),
            Gate(name: "requests", begin: { $0.beginRequest() }, end: { $0.endRequest() }),
        ])
    func breaker(_ gate: Gate) {
        var settings = BreakerSettings()
        settings.connections = 3
        settings.pending = 3
        settings.requests = 3
        var breaker = Breaker(settings)
        for count in 1...3 {
            #expect(!breaker.isOpen)
            #expect(gate.begin(&breaker), "\(count)")
        }
        #expect(breaker.isOpen && !gate.begin(&breaker))
        gate.end(&breaker)
        #expect(!breaker.isOpen && gate.begin(&breaker) && !gate.begin(&breaker))
        breaker.settings.connections = 10
        breaker.settings.pending = 10
        breaker.settings.requests = 10
        #expect(!breaker.isOpen && gate.begin(&breaker))
    }

    @Test("that nothing may wait does not open it")
    func noWaiting() {
        var settings = BreakerSettings()
        settings.pending = 0
        var breaker = Breaker(settings)
        #expect(!breaker.isOpen && !breaker.beginPending())
    }

    @Test(
        "retries stay within their limit and their share of the requests",
        arguments: [
            (0, 20, 16, 3), (10, 20, 16, 3), (15, 20, 16, 3), (20, 20, 16, 4), (50, 20, 16, 10), (100, 20, 16, 16),
            (1000, 20, 16, 16), (100, 0, 16, 3), (100, 20, 2, 2), (100, 20, 0, 0), (24, 20, 100, 4), (25, 20, 100, 5),
            (500, 100, 1000, 500),
        ])
    func budget(_ requests: Int, _ percent: Int, _ limit: Int, _ allowed: Int) {
        var settings = BreakerSettings()
        settings.retries = limit
        settings.retryBudgetPercent = percent
        var breaker = Breaker(settings)
        for _ in 0..<requests { _ = breaker.beginRequest() }
        var begun = 0
        while breaker.beginRetry() { begun += 1 }
        #expect(begun == allowed)
        if begun > 0 {
            breaker.endRetry()
            #expect(breaker.beginRetry() && !breaker.beginRetry())
        }
    }

    // MARK: Token bucket

    private static func limit(_ requests: Int, per interval: Duration, burst: Int) -> FilterResource.RateLimit {
        FilterResource.RateLimit(requests: requests, interval: interval, burst: burst, isPerCaller: false)
    }

    @Test(
        "the bucket is exact to the nanosecond, over hours",
        arguments: [(3, 1, 5, 1), (7, 1, 1, 1), (1000, 60, 10, 1), (1, 3600, 1, 1), (7, 3, 4, 3), (100, 1, 1, 64)])
    func exactness(_ requests: Int, _ seconds: Int, _ burst: Int, _ share: Int) {
        var bucket = TokenBucket(Self.limit(requests, per: .seconds(seconds), burst: burst), share: share)
        var now = Self.start
        let atOnce = max(1, burst / share)
        for _ in 0..<atOnce { #expect(bucket.take(now: now) == nil) }
        // Whoever comes exactly when told is let through, a nanosecond earlier not.
        for taken in 1...1000 {
            guard let wait = bucket.take(now: now) else {
                Issue.record("request \(taken) came too early and went through")
                return
            }
            let isEarly = bucket.take(now: now + (wait - .nanoseconds(1))) != nil
            now = now + wait
            guard isEarly, bucket.take(now: now) == nil else {
                Issue.record("request \(taken) was told a wrong time")
                return
            }
        }
        // And a thousand of them take as long as a thousand do: what was waited too long for one is there for the next,
        // and so is what the burst had left over of a request.
        let cost = Int64(seconds) * 1_000_000_000 * Int64(share)
        let leftOver = max(cost, Int64(seconds) * 1_000_000_000 * Int64(burst)) % cost
        let exact = (1000 * cost - leftOver + Int64(requests) - 1) / Int64(requests)
        let spent = (now - Self.start).wholeNanoseconds
        // A bucket that holds but one request cannot keep the part of a nanosecond.
        #expect(spent >= exact && spent <= (atOnce == 1 && leftOver == 0 ? exact + 1000 : exact))
    }

    @Test("an idle bucket fills to its burst and no further")
    func burst() {
        var bucket = TokenBucket(Self.limit(10, per: .seconds(1), burst: 5), share: 1)
        for now in [Self.start, Self.start + .seconds(3600)] {
            for _ in 0..<5 { #expect(bucket.take(now: now) == nil) }
            #expect(bucket.take(now: now) == .milliseconds(100))
        }
        // Time that goes backwards earns nothing.
        #expect(bucket.take(now: Self.start) != nil)
        #expect(bucket.take(now: .never) == nil)
    }

    @Test(
        "absurd limits trap nobody",
        arguments: [(0, 0, 0, 0), (Int.max, 1, Int.max, 1), (-1, -1, -1, -1), (0, 1, 3, 1)])
    func absurd(_ requests: Int, _ seconds: Int, _ burst: Int, _ share: Int) {
        var bucket = TokenBucket(Self.limit(requests, per: .seconds(seconds), burst: burst), share: share)
        #expect(bucket.take(now: Self.start) == nil)
        _ = bucket.take(now: .never)
        var longest = TokenBucket(Self.limit(1, per: .seconds(Int64.max), burst: .max), share: .max)
        #expect(longest.take(now: Self.start) == nil)
    }

    // MARK: Callers

    @Test("each caller has a bucket of its own")
    func callers() {
        var buckets = CallerBuckets<String>(Self.limit(1, per: .seconds(1), burst: 2), share: 1)
        for caller in ["a", "b"] {
            #expect(buckets.take(caller, now: Self.start) == nil && buckets.take(caller, now: Self.start) == nil)
            #expect(buckets.take(caller, now: Self.start) == .seconds(1))
        }
    }

    @Test("a caller that goes on asking is never forgotten, whoever else comes and goes")
    func remembered() {
        // One in 10 s and no burst: the others are 100 a second, never the same.
        var buckets = CallerBuckets<Int>(Self.limit(1, per: .seconds(10), burst: 1), share: 1, callersMax: 100)
        var now = Self.start
        var (allowed, others, most) = (0, 0, 0)
        for other in 1...10_000 {
            if buckets.take(0, now: now) == nil { allowed += 1 }
            if buckets.take(other, now: now) == nil { others += 1 }
            most = max(most, buckets.count)
            now = now + .milliseconds(10)
        }
        #expect(allowed == 10 && others == 10_000 && most <= 100)
    }

    @Test("who is silent until the bucket is full is forgotten")
    func forgotten() {
        var buckets = CallerBuckets<Int>(Self.limit(10, per: .seconds(1), burst: 10), share: 1)
        for caller in 0..<500 { _ = buckets.take(caller, now: Self.start) }
        #expect(buckets.count == 500)
        for second in 1...2 { _ = buckets.take(1000, now: Self.start + .seconds(second)) }
        #expect(buckets.count == 1)
    }

    // MARK: Backoff

    @Test("pauses double to 25 times the first and are drawn from the upper half", arguments: [0, 1, 25, 1000])
    func backoff(_ milliseconds: Int) {
        var random = SeededRandom(seed: 3)
        for _ in 0..<100 {
            var backoff = Backoff(base: .milliseconds(milliseconds))
            for factor in [1, 2, 4, 8, 16, 25, 25, 25] {
                let pause = backoff.next(using: &random)
                let span = Duration.milliseconds(milliseconds * factor)
                if pause > span || pause < span / 2 { Issue.record("\(pause) of \(span)") }
            }
        }
        var endless = Backoff(base: .seconds(Int64.max))
        for _ in 0..<100 { #expect(endless.next(using: &random) > .zero) }
        var negative = Backoff(base: .seconds(-1))
        #expect(negative.next(using: &random) == .zero)
    }
}
