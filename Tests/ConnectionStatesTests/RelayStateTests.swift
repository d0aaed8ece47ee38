// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ConnectionStates
import MeshModel
import Testing

@Suite("How far a relayed connection is")
struct RelayStateTests {
    private static let start = Instant(nanoseconds: 5_000_000_000)

    private static let timeouts: ProxyTimeouts = {
        var timeouts = ProxyTimeouts()
        timeouts.idle = .seconds(100)
        timeouts.halfClose = .seconds(10)
        return timeouts
    }()

    @Test("each order of the two ends leads over half-closed to complete", arguments: RelayDirection.allCases)
    func ends(_ first: RelayDirection) {
        var state = RelayState(now: Self.start)
        #expect(!state.isHalfClosed && !state.isComplete)
        state.end(first, now: Self.start)
        #expect(state.isHalfClosed && !state.isComplete)
        #expect(state.hasEnded(first) && !state.hasEnded(first.opposite))
        // Told twice is told once.
        state.end(first, now: Self.start)
        #expect(state.isHalfClosed && !state.isComplete)
        state.end(first.opposite, now: Self.start)
        #expect(state.isComplete && !state.isHalfClosed)
        #expect(first.opposite.opposite == first)
    }

    @Test("stillness is counted from the last movement, in either direction")
    func stillness() {
        var state = RelayState(now: Self.start)
        #expect(state.stillness(Self.timeouts) == (Self.start + .seconds(100), .idleTimeout))
        state.move(now: Self.start + .seconds(50))
        #expect(state.stillness(Self.timeouts) == (Self.start + .seconds(150), .idleTimeout))
        state.end(.forward, now: Self.start + .seconds(60))
        #expect(state.stillness(Self.timeouts) == (Self.start + .seconds(70), .halfCloseTimeout))
        // A download goes on for hours after its request has ended.
        for hour in 1...5 {
            state.move(now: Self.start + .seconds(3600 * hour))
            let end = Self.start + .seconds(3600 * hour + 10)
            #expect(state.stillness(Self.timeouts) == (end, .halfCloseTimeout))
        }
    }

    @Test("an idle timeout of zero is none, but a half-closed connection always has one")
    func unlimited() {
        var timeouts = Self.timeouts
        timeouts.idle = .zero
        var state = RelayState(now: Self.start)
        #expect(state.stillness(timeouts).deadline == .never)
        state.end(.backward, now: Self.start)
        #expect(state.stillness(timeouts) == (Self.start + .seconds(10), .halfCloseTimeout))
    }

    @Test("a timeout of centuries does not overflow")
    func saturation() {
        var timeouts = Self.timeouts
        timeouts.idle = .seconds(Int64.max / 2)
        #expect(RelayState(now: Self.start).stillness(timeouts).deadline == .never)
    }
}
