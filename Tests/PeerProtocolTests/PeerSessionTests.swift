// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import MeshTesting
import PeerProtocol
import Testing

@Suite("The life of a connection between sidecars")
struct PeerSessionTests {
    /// A confirmed dialler with an open stream.
    private func dialler() throws -> PeerSession { try #require(try SessionState.session(.dialler, "open")) }
    private func acceptor() throws -> PeerSession { try #require(try SessionState.session(.acceptor, "open")) }

    @Test("many streams, one after the other, on both sides")
    func streams() throws {
        var dialler = PeerSession(role: .dialler)
        var acceptor = PeerSession(role: .acceptor)
        #expect(!dialler.isPoolable && !dialler.isConfirmed && acceptor.isConfirmed)
        for expected in UInt32(1)...50 {
            let number = dialler.open()
            #expect(number == expected && dialler.maySend && !dialler.isPoolable)
            #expect(try acceptor.receive(.open(OpenFrame(stream: number))) == .open(OpenFrame(stream: number)))
            #expect(!acceptor.maySend)
            #expect(try acceptor.receiveData(100))
            if expected == 1 { _ = try dialler.receive(.hello(HelloFrame())) }
            acceptor.acceptStream()
            #expect(acceptor.maySend)
            #expect(try dialler.receive(.opened(stream: number)) == .opened)
            #expect(try dialler.receiveData(1000))
            // Either side may end first.
            if expected % 2 == 0 {
                dialler.sendEnd()
                #expect(try acceptor.receive(.fin(stream: number)) == .ended)
                #expect(!dialler.maySend && acceptor.maySend)
                acceptor.sendEnd()
                #expect(try dialler.receive(.fin(stream: number)) == .ended)
            } else {
                acceptor.sendEnd()
                #expect(try dialler.receive(.fin(stream: number)) == .ended)
                dialler.sendEnd()
                #expect(try acceptor.receive(.fin(stream: number)) == .ended)
            }
            #expect(dialler.isIdle && acceptor.isIdle && dialler.isPoolable && acceptor.isPoolable)
        }
        #expect(dialler.lastStreamNumber == 50 && acceptor.lastStreamNumber == 50)
    }

    @Test("another stream's number is fatal", arguments: [UInt32(0), 2, 3, .max])
    func numbers(_ number: UInt32) throws {
        let wrong = ProtocolViolation.wrongStream(expected: 1, found: number)
        #expect(throws: wrong) {
            var session = PeerSession(role: .acceptor)
            _ = try session.receive(.open(OpenFrame(stream: number)))
        }
        for frame in [ControlFrame.fin(stream: number), .reset(ResetFrame(stream: number, reason: .aborted))] {
            #expect(throws: wrong) {
                var session = try dialler()
                _ = try session.receive(frame)
            }
        }
        #expect(throws: wrong) {
            var session = try #require(try SessionState.session(.dialler, "OPEN sent"))
            _ = try session.receive(.opened(stream: number))
        }
    }

    @Test(
        "a refusal before anything reached the application leaves the connection fit; any other reset does not",
        arguments: ResetReason.allCases, [false, true])
    func refusals(_ reason: ResetReason, _ hasTouched: Bool) throws {
        var session = try #require(try SessionState.session(.dialler, "OPEN sent"))
        var reset = ResetFrame(stream: 1, reason: reason)
        reset.hasTouchedApplication = hasTouched
        #expect(try session.receive(.reset(reset)) == .aborted(reset, answer: true))
        #expect(!session.isIdle)
        session.sendEnd()
        #expect(session.isIdle)
        #expect(session.isPoolable == (reason != .aborted && !hasTouched))
    }

    @Test("after OPENED no reset leaves the connection fit", arguments: ResetReason.allCases)
    func lateResets(_ reason: ResetReason) throws {
        var session = try dialler()
        _ = try session.receive(.reset(ResetFrame(stream: 1, reason: reason)))
        session.sendEnd()
        #expect(session.isIdle && !session.isPoolable)
    }

    @Test("the acceptor's own refusal leaves the connection fit once the dialler has answered")
    func ownRefusal() throws {
        var session = try #require(try SessionState.session(.acceptor, "RESET sent before OPENED"))
        #expect(session.isDiscarding && !session.isPoolable)
        #expect(try !session.receiveData(1000))
        #expect(try session.receive(.fin(stream: 1)) == .nothing)
        #expect(session.isIdle && session.isPoolable)
    }

    @Test("a stream that went RAW ends with close_notify, and the connection is never used again")
    func raw() throws {
        var session = try dialler()
        session.sendRaw()
        #expect(session.isSendingRaw && session.maySend)
        #expect(!session.isReceivingRaw)
        #expect(try session.receive(.raw) == .raw)
        #expect(session.isReceivingRaw && session.isSendingRaw)
        #expect(try session.receiveData(1 << 30))
        session.sendEnd()
        let isEnd = session.receiveCloseNotify()
        #expect(isEnd)
        #expect(session.isIdle && !session.isPoolable)
        #expect(throws: ProtocolViolation.dataOnIdleConnection) { try session.receiveData(1) }
    }

    @Test("a dialler's RAW direction that is aborted by the peer still owes its end")
    func rawReset() throws {
        var session = try dialler()
        session.sendRaw()
        let reset = ResetFrame(stream: 1, reason: .aborted)
        #expect(try session.receive(.reset(reset)) == .aborted(reset, answer: true))
        #expect(session.isSendingRaw)
        session.sendEnd()
        #expect(session.isIdle && !session.isPoolable)
    }

    @Test("bytes before OPENED and after RESET are bounded, to the byte")
    func bounds() throws {
        var early = try #require(try SessionState.session(.acceptor, "OPEN received"))
        #expect(try early.receiveData(WeftOne.earlyDataMax - 1))
        #expect(try early.receiveData(1))
        #expect(throws: ProtocolViolation.tooMuchEarlyData) { try early.receiveData(1) }
        var discarding = try #require(try SessionState.session(.dialler, "RESET sent"))
        for _ in 0..<4 { #expect(try !discarding.receiveData(WeftOne.discardMax / 4)) }
        #expect(throws: ProtocolViolation.tooMuchDiscarded) { try discarding.receiveData(1) }
        // Once it is open there is no such bound.
        var open = try acceptor()
        #expect(try open.receiveData(1 << 40))
    }

    @Test("after GOAWAY of either side nothing new begins, and what is under way ends well")
    func goAway() throws {
        var session = try dialler()
        #expect(try session.receive(.goAway(lastStream: 1)) == .goAway(isRejected: false))
        #expect(session.peerIsGoingAway)
        session.sendEnd()
        #expect(try session.receive(.fin(stream: 1)) == .ended)
        #expect(session.isIdle && !session.isPoolable)
        var leaving = try acceptor()
        leaving.sendGoAway()
        #expect(try leaving.receive(.fin(stream: 1)) == .ended)
        leaving.sendEnd()
        #expect(!leaving.isPoolable)
        // What crossed the farewell is dropped as a whole, however much it is.
        #expect(try leaving.receive(.open(OpenFrame(stream: 2))) == .nothing)
        #expect(try !leaving.receiveData(60_000))
        #expect(try leaving.receive(.fin(stream: 2)) == .nothing)
        #expect(leaving.isIdle && leaving.lastStreamNumber == 1)
    }

    @Test(
        "the dialler gives an idle connection up well before the acceptor does",
        arguments: [(15_000, 4_000), (8_000, 4_000), (7_000, 3_500), (1, 0), (0, 0), (4_294_967_295, 4_000)])
    func idleLimit(_ acceptor: Int64, _ dialler: Int64) {
        var hello = HelloFrame()
        hello.idleTimeout = .milliseconds(acceptor)
        #expect(hello.diallerIdle.wholeMilliseconds == dialler)
        #expect(hello.diallerIdle <= .milliseconds(acceptor))
    }
}
