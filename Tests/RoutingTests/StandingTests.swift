// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import MeshTesting
import Routing
import Testing

@Suite("What is told of endpoints")
struct StandingTests {
    private static let start = Instant(nanoseconds: 1_000_000_000)

    private static func balancer(_ count: Int) -> Balancer<Int> {
        var settings = EjectionSettings()
        settings.consecutiveErrors = 2
        settings.consecutiveFailures = 2
        settings.base = .seconds(5)
        return Balancer(Array(0..<count), settings, balancing: BalancingSettings())
    }

    private static func all(_ balancer: Balancer<Int>, now: Instant = start) -> [EndpointStanding] {
        balancer.standings(onlyTroubled: false, now: now).map(\.standing)
    }

    @Test("nothing is known before anything was tried")
    func new() {
        let standings = Self.all(Self.balancer(3))
        #expect(standings.count == 3)
        #expect(
            standings.allSatisfy {
                $0.state == .healthy && $0.until == nil && $0.openCount == 0 && $0.latency == nil
                    && $0.tally == EndpointTally()
            })
        #expect(Self.balancer(3).standings(onlyTroubled: true, now: Self.start).isEmpty)
    }

    @Test("what was tried is counted by how it ended")
    func tally() throws {
        var balancer = Self.balancer(1)
        var random = SeededRandom(seed: 1)
        for _ in 0..<4 { _ = balancer.choose(excluding: [], hash: nil, now: Self.start, using: &random) }
        #expect(Self.all(balancer).first?.openCount == 4)
        balancer.succeed(0)
        _ = balancer.finish(0, .success, latency: .milliseconds(200), now: Self.start)
        _ = balancer.finish(0, .cancelled, latency: .zero, now: Self.start)
        _ = balancer.finish(0, .overloaded(retryAfter: nil), latency: .milliseconds(1), now: Self.start)
        _ = balancer.fail(0, now: Self.start)
        _ = balancer.finish(0, .cancelled, latency: .zero, now: Self.start)
        let standing = try #require(Self.all(balancer).first)
        #expect(standing.openCount == 0 && standing.tally.reached == 1 && standing.tally.unreachable == 1)
        #expect(standing.tally.successes == 1 && standing.tally.failures == 1)
        #expect(try #require(standing.latency) >= .milliseconds(200))
    }

    @Test("an ejected one and one that rests are told with their end, and alone where only the troubled are asked for")
    func troubled() throws {
        var balancer = Self.balancer(4)
        for _ in 0..<2 {
            _ = balancer.finish(1, .serverError(retryAfter: nil), latency: .milliseconds(1), now: Self.start)
        }
        _ = balancer.finish(2, .overloaded(retryAfter: .seconds(9)), latency: .milliseconds(1), now: Self.start)
        let troubled = balancer.standings(onlyTroubled: true, now: Self.start)
        #expect(troubled.map(\.endpoint) == [1, 2])
        #expect(troubled.map(\.standing.state) == [.ejected, .resting])
        #expect(troubled.map(\.standing.until) == [Self.start + .seconds(5), Self.start + .seconds(9)])
        #expect(Self.all(balancer).map(\.state) == [.healthy, .ejected, .resting, .healthy])
        let later = Self.start + .seconds(10)
        #expect(Self.all(balancer, now: later).allSatisfy { $0.state == .healthy && $0.until == nil })
    }

    @Test("what checks have found is said until they find otherwise, before all else")
    func unhealthy() {
        var balancer = Self.balancer(2)
        for _ in 0..<2 {
            _ = balancer.finish(1, .serverError(retryAfter: nil), latency: .milliseconds(1), now: Self.start)
        }
        balancer.mark(1, isUnhealthy: true)
        let troubled = balancer.standings(onlyTroubled: true, now: Self.start + .seconds(3600))
        #expect(troubled.map(\.endpoint) == [1] && troubled.map(\.standing.state) == [.unhealthy])
        #expect(troubled.first?.standing.until == nil)
        balancer.mark(1, isUnhealthy: false)
        #expect(Self.all(balancer).map(\.state) == [.healthy, .ejected])
    }

    @Test("of two threads the worse state counts, and numbers add up, whoever is asked first")
    func merging() throws {
        var (one, two) = (Self.balancer(2), Self.balancer(2))
        _ = one.finish(0, .success, latency: .milliseconds(500), now: Self.start)
        for _ in 0..<2 {
            _ = two.finish(0, .serverError(retryAfter: nil), latency: .milliseconds(1), now: Self.start)
        }
        var (left, right) = (try #require(Self.all(one).first), try #require(Self.all(two).first))
        let unmerged = left
        left.merge(right)
        right.merge(unmerged)
        for merged in [left, right] {
            #expect(merged.state == .ejected && merged.until == Self.start + .seconds(5))
            #expect(merged.tally.successes == 1 && merged.tally.failures == 2)
            #expect(try #require(merged.latency) >= .seconds(1))
        }
    }
}
