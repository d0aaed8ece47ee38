// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ConnectionStates
import MeshModel
import Testing

@Suite("How a proxy ends")
struct DrainStateTests {
    private static let start = Instant(nanoseconds: 77_000_000_000)

    /// Seconds since the drain began, how many connections are open then, and the phase.
    struct Moment: CustomTestStringConvertible, Sendable {
        let second: Int64
        let connectionCount: Int
        let phase: DrainState.Phase

        init(_ second: Int64, _ connectionCount: Int, _ phase: DrainState.Phase) {
            self.second = second
            self.connectionCount = connectionCount
            self.phase = phase
        }

        var testDescription: String { "after \(second) s with \(connectionCount) connections" }
    }

    @Test(
        "settles, finishes what is open, and is over when empty or at the deadline",
        arguments: [
            Moment(0, 0, .settling), Moment(0, 3, .settling), Moment(4, 0, .settling), Moment(4, 3, .settling),
            Moment(5, 3, .finishing), Moment(5, 0, .over(wasClean: true)), Moment(29, 1, .finishing),
            Moment(29, 0, .over(wasClean: true)), Moment(30, 1, .over(wasClean: false)),
            Moment(30, 0, .over(wasClean: true)), Moment(1000, 9, .over(wasClean: false)),
        ])
    func phases(_ moment: Moment) {
        var drain = DrainState(DrainSettings(settle: .seconds(5), deadline: .seconds(30)))
        drain.begin(now: Self.start)
        drain.inboundIsClosed()
        let now = Self.start + .seconds(moment.second)
        #expect(drain.phase(now: now, connectionCount: moment.connectionCount) == moment.phase)
    }

    @Test("runs until it is told to end, and a second order changes nothing")
    func beginning() {
        var drain = DrainState(DrainSettings(settle: .seconds(5), deadline: .seconds(30)))
        #expect(drain.phase(now: Self.start, connectionCount: 0) == .running)
        #expect(drain.nextChange(now: Self.start) == .never)
        #expect(!drain.hasBegun)
        drain.begin(now: Self.start)
        drain.begin(now: Self.start + .seconds(20))
        #expect(drain.hasBegun)
        #expect(drain.phase(now: Self.start + .seconds(5), connectionCount: 1) == .finishing)
    }

    @Test("empty is not over before all who are connected have heard of it")
    func farewell() {
        var drain = DrainState(DrainSettings(settle: .seconds(5), deadline: .seconds(30)))
        drain.begin(now: Self.start)
        let settled = Self.start + .seconds(5)
        #expect(drain.phase(now: settled, connectionCount: 0) == .finishing)
        drain.inboundIsClosed()
        #expect(drain.phase(now: settled, connectionCount: 0) == .over(wasClean: true))
    }

    @Test("can be cut short at any time", arguments: [false, true], [0, 2])
    func cut(_ hasBegun: Bool, _ connectionCount: Int) {
        var drain = DrainState(DrainSettings(settle: .seconds(5), deadline: .seconds(30)))
        if hasBegun { drain.begin(now: Self.start) }
        drain.cut()
        let phase = drain.phase(now: Self.start, connectionCount: connectionCount)
        #expect(phase == .over(wasClean: connectionCount == 0))
    }

    @Test(
        "says when to look again: the phase changes there, and not before",
        arguments: [(Int64(5), Int64(30)), (0, 30), (30, 5), (0, 0), (10, 10)])
    func nextChange(_ settle: Int64, _ deadline: Int64) {
        var drain = DrainState(DrainSettings(settle: .seconds(settle), deadline: .seconds(deadline)))
        drain.begin(now: Self.start)
        var now = Self.start
        var phases = [drain.phase(now: now, connectionCount: 1)]
        for _ in 0..<5 {
            if case .over = phases[phases.count - 1] { break }
            let next = drain.nextChange(now: now)
            #expect(next > now)
            let before = drain.phase(now: Instant(nanoseconds: next.nanoseconds - 1), connectionCount: 1)
            #expect(before == phases[phases.count - 1])
            now = next
            phases.append(drain.phase(now: now, connectionCount: 1))
        }
        #expect(phases.last == .over(wasClean: false))
        #expect(now == Self.start + .seconds(deadline))
    }
}
