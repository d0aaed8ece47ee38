// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import MeshTesting
import Routing
import Testing

@Suite("The choice of an endpoint for a request")
struct RequestBalancerTests {
    private static let start = Instant(nanoseconds: 1_000_000_000)
    private static let seed: UInt64 = 20_261_121

    private static func balancer(
        _ count: Int, _ algorithm: BalancingSettings.Algorithm, _ settings: EjectionSettings = EjectionSettings()
    ) -> Balancer<Int> {
        var balancing = BalancingSettings()
        balancing.algorithm = algorithm
        return Balancer(Array(0..<count), settings, balancing: balancing)
    }

    @Test(
        "every algorithm uses everyone, and keeps off what is excluded", arguments: BalancingSettings.Algorithm.allCases
    )
    func everyone(_ algorithm: BalancingSettings.Algorithm) {
        var random = SeededRandom(seed: Self.seed)
        var balancer = Self.balancer(5, algorithm)
        var chosen: [Int: Int] = [:]
        for _ in 0..<1000 {
            guard let next = balancer.choose(excluding: [3], hash: nil, now: Self.start, using: &random) else { return }
            chosen[next, default: 0] += 1
        }
        #expect(chosen.count == 4 && chosen[3] == nil && chosen.values.allSatisfy { $0 > 150 }, "\(chosen)")
        #expect(balancer.choose(excluding: [0, 1, 2, 3, 4], hash: nil, now: Self.start, using: &random) == nil)
        #expect(balancer.choose(excluding: [0, 1, 2, 3, 4], hash: 7, now: Self.start, using: &random) == nil)
        var nobody = Self.balancer(0, algorithm)
        #expect(nobody.choose(excluding: [], hash: nil, now: Self.start, using: &random) == nil)
        #expect(nobody.choose(excluding: [], hash: 7, now: Self.start, using: &random) == nil)
        #expect(nobody.choose(now: Self.start, using: &random) == nil)
    }

    @Test("round robin goes round, over what is ejected too")
    func roundRobin() {
        var random = SeededRandom(seed: Self.seed)
        var balancer = Self.balancer(4, .roundRobin)
        func draw(_ count: Int) -> [Int] {
            (0..<count).compactMap { _ in
                balancer.choose(excluding: [], hash: nil, now: Self.start, using: &random)
            }
        }
        let first = draw(8)
        #expect(Set(first.prefix(4)) == [0, 1, 2, 3] && Array(first.prefix(4)) == Array(first.suffix(4)), "\(first)")
        for _ in 0..<3 { _ = balancer.fail(2, now: Self.start) }
        let second = draw(6)
        #expect(Set(second.prefix(3)) == [0, 1, 3] && Array(second.prefix(3)) == Array(second.suffix(3)), "\(second)")
        // Connections go on in the same round.
        let next = balancer.choose(now: Self.start, using: &random)
        #expect(next == second[0])
    }

    @Test(
        "of two the one with fewer requests is taken", arguments: [BalancingSettings.Algorithm.leastRequests, .latency])
    func leastRequests(_ algorithm: BalancingSettings.Algorithm) {
        var random = SeededRandom(seed: Self.seed)
        var balancer = Self.balancer(2, algorithm)
        for _ in 0..<100 { _ = balancer.choose(excluding: [], hash: nil, now: Self.start, using: &random) }
        #expect(balancer.activeCount(of: 0) == 50 && balancer.activeCount(of: 1) == 50)
        // What the client cancels is as if it had not been.
        for _ in 0..<20 { _ = balancer.finish(1, .cancelled, latency: .seconds(60), now: Self.start) }
        for _ in 0..<20 { _ = balancer.choose(excluding: [], hash: nil, now: Self.start, using: &random) }
        #expect(balancer.activeCount(of: 0) == 50 && balancer.activeCount(of: 1) == 50)
    }

    @Test("what is finished too often, or has left, is no harm")
    func strangers() {
        var balancer = Self.balancer(2, .latency)
        #expect(balancer.finish(0, .success, latency: .seconds(-5), now: Instant(nanoseconds: 0)) == false)
        #expect(balancer.finish(0, .success, latency: .seconds(Int64.max), now: .never) == false)
        #expect(balancer.finish(7, .serverError(retryAfter: nil), latency: .zero, now: Self.start) == false)
        #expect(balancer.activeCount(of: 0) == 0)
    }

    @Test("one that asks for a rest is asked last, for a minute at most, and its sessions stay")
    func rest() {
        var random = SeededRandom(seed: Self.seed)
        for algorithm in BalancingSettings.Algorithm.allCases {
            var balancer = Self.balancer(3, algorithm)
            _ = balancer.finish(
                1, .overloaded(retryAfter: .seconds(3600)), latency: .milliseconds(1), now: Self.start)
            for _ in 0..<100 {
                let chosen = balancer.choose(excluding: [], hash: nil, now: Self.start, using: &random)
                #expect(chosen != 1, "\(algorithm)")
            }
            #expect(balancer.choose(excluding: [0, 2], hash: nil, now: Self.start, using: &random) == 1)
            let later = Self.start + .seconds(60)
            let chosen = (0..<300).compactMap { _ in
                balancer.choose(excluding: [], hash: nil, now: later, using: &random)
            }
            #expect(chosen.contains(1), "\(algorithm)")
            let sessions = (0..<100).compactMap {
                balancer.choose(excluding: [], hash: UInt64($0), now: Self.start, using: &random)
            }
            #expect(sessions.contains(1))
            #expect(balancer.ejectedCount(now: Self.start) == 0)
        }
    }

    struct Status: CustomTestStringConvertible {
        let status: Int
        var retryAfter: Duration?
        let result: RequestResult

        var testDescription: String { "\(status), Retry-After \(retryAfter.map { "\($0)" } ?? "none")" }
    }

    @Test(
        "what a status says of the endpoint",
        arguments: [
            Status(status: 200, result: .success), Status(status: 301, result: .success),
            Status(status: 404, result: .success), Status(status: 429, result: .overloaded(retryAfter: nil)),
            Status(status: 429, retryAfter: .seconds(2), result: .overloaded(retryAfter: .seconds(2))),
            Status(status: 500, result: .serverError(retryAfter: nil)),
            Status(status: 500, retryAfter: .seconds(2), result: .serverError(retryAfter: .seconds(2))),
            Status(status: 503, result: .serverError(retryAfter: nil)),
            Status(status: 503, retryAfter: .seconds(2), result: .overloaded(retryAfter: .seconds(2))),
            Status(status: 599, result: .serverError(retryAfter: nil)), Status(status: 600, result: .success),
        ])
    func statuses(_ row: Status) {
        #expect(RequestResult(status: row.status, retryAfter: row.retryAfter) == row.result)
    }

    @Test("what was learned stays with those that stay, in either order of kinds")
    func continuing() {
        var random = SeededRandom(seed: Self.seed)
        var old = Balancer(["a", "b", "c"], EjectionSettings(), balancing: BalancingSettings())
        for _ in 0..<7 { _ = old.finish("b", .serverError(retryAfter: nil), latency: .zero, now: Self.start) }
        var new = Balancer(["c", "b", "d"], EjectionSettings(), balancing: BalancingSettings(), continuing: old)
        #expect(new.ejectedCount(now: Self.start) == 1)
        for _ in 0..<100 {
            #expect(new.choose(excluding: [], hash: nil, now: Self.start, using: &random) != "b")
        }
        let connections = Balancer(["b", "e"], EjectionSettings(), continuing: new)
        var both = Balancer(["e", "b"], EjectionSettings(), balancing: BalancingSettings(), continuing: connections)
        #expect(both.choose(excluding: [], hash: 1, now: Self.start, using: &random) == "e")
    }
}
