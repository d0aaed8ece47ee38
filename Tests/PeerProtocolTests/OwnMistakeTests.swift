// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import PeerProtocol
import Testing

/// Where a peer breaks a rule, an error is thrown; where we do, the process ends, before anything false is sent.
@Suite("Our own mistakes")
struct OwnMistakeTests {
    @Test("a stream is opened only by the dialler, and only on an idle connection")
    func opening() async {
        await #expect(processExitsWith: .failure) {
            var session = PeerSession(role: .acceptor)
            _ = session.open()
        }
        await #expect(processExitsWith: .failure) {
            var session = PeerSession(role: .dialler)
            _ = session.open()
            _ = session.open()
        }
        await #expect(processExitsWith: .failure) {
            var session = PeerSession(role: .dialler)
            _ = try session.receive(.hello(HelloFrame()))
            _ = try session.receive(.goAway(lastStream: 0))
            _ = session.open()
        }
    }

    @Test("a stream is accepted once, and only by the acceptor")
    func accepting() async {
        await #expect(processExitsWith: .failure) {
            var session = PeerSession(role: .acceptor)
            session.acceptStream()
        }
        await #expect(processExitsWith: .failure) {
            var session = PeerSession(role: .acceptor)
            _ = try session.receive(.open(OpenFrame(stream: 1)))
            session.acceptStream()
            session.acceptStream()
        }
    }

    @Test("a direction ends once, and goes RAW only while it is open")
    func ending() async {
        await #expect(processExitsWith: .failure) {
            var session = PeerSession(role: .dialler)
            _ = session.open()
            session.sendEnd()
            session.sendReset(isRefusal: false)
        }
        await #expect(processExitsWith: .failure) {
            var session = PeerSession(role: .dialler)
            _ = session.open()
            session.sendRaw()
        }
    }

    @Test("a DATA frame is never empty nor longer than its length can say")
    func data() async {
        await #expect(processExitsWith: .failure) { _ = FrameWriter.dataHeader(payloadLength: 0) }
        await #expect(processExitsWith: .failure) { _ = FrameWriter.dataHeader(payloadLength: 65_536) }
    }
}
