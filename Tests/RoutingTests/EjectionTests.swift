// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import MeshTesting
import Routing
import Testing

@Suite("Ejection for what requests say")
struct EjectionTests {
    private static let start = Instant(nanoseconds: 1_000_000_000)
    private static let error = RequestResult.serverError(retryAfter: nil)

    private static func balancer(_ count: Int, _ settings: EjectionSettings = EjectionSettings()) -> Balancer<Int> {
        Balancer(Array(0..<count), settings, balancing: BalancingSettings())
    }

    struct Case: CustomTestStringConvertible {
        let name: String
        let results: [RequestResult]
        /// After how many of them it is ejected; nil: never.
        let ejectedAfter: Int?
        var errorsMax = 3

        var testDescription: String { name }
    }

    @Test(
        "consecutive errors",
        arguments: [
            Case(name: "three in a row", results: [error, error, error], ejectedAfter: 3),
            Case(name: "a success between", results: [error, error, .success, error, error], ejectedAfter: nil),
            Case(
                name: "one cancelled between", results: [error, .cancelled, error, .cancelled, error], ejectedAfter: 5),
            Case(
                name: "overload counts neither way", results: [error, error, .overloaded(retryAfter: nil), error],
                ejectedAfter: 4),
            Case(
                name: "overload alone", results: Array(repeating: .overloaded(retryAfter: nil), count: 100),
                ejectedAfter: nil),
            Case(name: "the first is enough", results: [.success, error], ejectedAfter: 2, errorsMax: 1),
            Case(
                name: "switched off", results: Array(repeating: error, count: 1000), ejectedAfter: nil, errorsMax: 0),
        ])
    func consecutive(_ row: Case) {
        var settings = EjectionSettings()
        settings.consecutiveErrors = row.errorsMax
        var balancer = Self.balancer(4, settings)
        for (index, result) in row.results.enumerated() {
            let isEjected = balancer.finish(1, result, latency: .milliseconds(1), now: Self.start)
            #expect(isEjected == (index + 1 == row.ejectedAfter), "after \(index + 1)")
        }
        #expect(balancer.ejectedCount(now: Self.start) == (row.ejectedAfter == nil ? 0 : 1))
    }

    @Test("each ejection is twice as long, one error after the return is enough, a success makes it short again")
    func exponential() {
        var settings = EjectionSettings()
        settings.longest = .seconds(30)
        var balancer = Self.balancer(4, settings)
        var now = Self.start
        for _ in 0..<6 { #expect(balancer.finish(1, Self.error, latency: .zero, now: now) == false) }
        for seconds in [5, 10, 20, 30, 30] {
            #expect(balancer.finish(1, Self.error, latency: .zero, now: now) == true)
            // What was under way says no more, and a connect proves nothing of the answers.
            #expect(balancer.finish(1, Self.error, latency: .zero, now: now + .seconds(1)) == false)
            _ = balancer.finish(1, .success, latency: .zero, now: now + .seconds(1))
            balancer.succeed(1)
            #expect(balancer.ejectedCount(now: now + .seconds(seconds) + .nanoseconds(-1)) == 1)
            now = now + .seconds(seconds)
            #expect(balancer.ejectedCount(now: now) == 0)
        }
        #expect(balancer.finish(1, .success, latency: .zero, now: now) == false)
        for error in 1...7 { #expect(balancer.finish(1, Self.error, latency: .zero, now: now) == (error == 7)) }
        #expect(balancer.ejectedCount(now: now + .seconds(5)) == 0)
    }

    @Test("a connect that succeeds ends an ejection for connects at once")
    func connects() {
        var balancer = Self.balancer(4)
        for _ in 0..<3 { _ = balancer.fail(1, now: Self.start) }
        #expect(balancer.ejectedCount(now: Self.start) == 1)
        balancer.succeed(1)
        #expect(balancer.ejectedCount(now: Self.start) == 0)
    }

    struct Rate: CustomTestStringConvertible {
        let name: String
        /// Every so many requests one fails.
        let errorEvery: Int
        let requests: Int
        var pause: Duration = .milliseconds(1)
        let isEjected: Bool

        var testDescription: String { name }
    }

    @Test(
        "too few successes in an interval: under 90 percent of at least 100 in 10 s",
        arguments: [
            Rate(name: "every fifth fails", errorEvery: 5, requests: 200, isEjected: true),
            Rate(name: "every fifth fails, but few have come", errorEvery: 5, requests: 99, isEjected: false),
            Rate(name: "every twentieth fails", errorEvery: 20, requests: 5000, isEjected: false),
            Rate(name: "exactly 90 percent", errorEvery: 10, requests: 5000, isEjected: false),
            Rate(
                name: "too slowly for an interval", errorEvery: 5, requests: 1000, pause: .milliseconds(200),
                isEjected: false),
        ])
    func successRate(_ row: Rate) {
        var settings = EjectionSettings()
        settings.successPercentMin = 90
        var balancer = Self.balancer(4, settings)
        var now = Self.start
        var isEjected = false
        for request in 1...row.requests {
            let result = request % row.errorEvery == 0 ? Self.error : .success
            if balancer.finish(2, result, latency: .milliseconds(1), now: now) { isEjected = true }
            now = now + row.pause
        }
        #expect(isEjected == row.isEjected)
    }

    @Test("a success rate is judged anew after the return, and a good interval makes the ejections short again")
    func successRateReturn() {
        var settings = EjectionSettings()
        settings.successPercentMin = 90
        settings.consecutiveErrors = 0
        var balancer = Self.balancer(4, settings)
        func fail(at now: Instant) -> Int? {
            (1...200).first { _ in balancer.finish(2, Self.error, latency: .zero, now: now) }
        }
        #expect(fail(at: Self.start) == 100)
        let returned = Self.start + .seconds(5)
        #expect(fail(at: returned) == 100)
        #expect(balancer.ejectedCount(now: returned + .seconds(9)) == 1)
        let again = returned + .seconds(10)
        for _ in 0..<100 { _ = balancer.finish(2, .success, latency: .zero, now: again) }
        _ = balancer.finish(2, .success, latency: .zero, now: again + .seconds(10))
        #expect(fail(at: again + .seconds(30)) == 100)
        #expect(balancer.ejectedCount(now: again + .seconds(34)) == 1)
        #expect(balancer.ejectedCount(now: again + .seconds(35)) == 0)
    }

    @Test(
        "never more than the given share, whatever for",
        arguments: [(1, 50, 0), (2, 50, 1), (3, 50, 1), (10, 50, 5), (10, 10, 1), (10, 9, 0), (1, 100, 1)])
    func share(_ count: Int, _ percent: Int, _ most: Int) {
        var settings = EjectionSettings()
        settings.mostPercent = percent
        var balancer = Self.balancer(count, settings)
        var ejections = 0
        for round in 0..<30 {
            for endpoint in 0..<count {
                let isEjected =
                    (round + endpoint).isMultiple(of: 2)
                    ? balancer.fail(endpoint, now: Self.start)
                    : balancer.finish(endpoint, Self.error, latency: .zero, now: Self.start)
                ejections += isEjected ? 1 : 0
            }
        }
        #expect(ejections == most && balancer.ejectedCount(now: Self.start) == most)
    }

    @Test(
        "where fewer than the given share is healthy, all are used",
        arguments: [(8, 80, 10), (5, 50, 5), (5, 51, 10), (5, 0, 5), (10, 0, 10), (9, 10, 1), (9, 11, 10)])
    func panic(_ ejected: Int, _ percent: Int, _ used: Int) {
        // Of ten endpoints.
        var settings = EjectionSettings()
        settings.mostPercent = 100
        settings.panicPercent = percent
        var balancer = Self.balancer(10, settings)
        for endpoint in 0..<ejected {
            for _ in 0..<7 { _ = balancer.finish(endpoint, Self.error, latency: .zero, now: Self.start) }
        }
        #expect(balancer.ejectedCount(now: Self.start) == ejected)
        var random = SeededRandom(seed: 5)
        var connections: Set<Int> = []
        var sessions: Set<Int> = []
        for hash in 0..<1000 {
            if let next = balancer.choose(now: Self.start, using: &random) { connections.insert(next) }
            if let next = balancer.choose(excluding: [], hash: UInt64(hash), now: Self.start, using: &random) {
                sessions.insert(next)
            }
        }
        #expect(connections.count == used && sessions.count == used)
    }
}
