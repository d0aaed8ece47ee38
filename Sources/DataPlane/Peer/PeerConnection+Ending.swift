// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ConnectionStates
internal import LinuxSystem
internal import MeshModel
internal import PeerProtocol
internal import Reactor
internal import TLSSession
internal import Telemetry

/// How a connection to or from a sidecar ends.
extension PeerConnection {
    /// How long what is left of a connection may take after our farewell.
    private static let farewellPatience: Duration = .seconds(5)

    /// The connection is of no use any more: what it carried fails with it.
    func fail(_ outcome: ErrorCode, _ detail: String, _ kind: Replay.Failure) {
        guard phase != .closed else { return }
        let wasConnecting = phase == .connecting
        let isUnconfirmed = !session.isConfirmed || phase == .handshaking
        handshakeCounts(failed: true)
        let relay = stream
        stream = nil
        // With a stream the stream's own record tells of it.
        if let origin, phase == .handshaking || (relay == nil && outcome == .protocolViolation) {
            var record = origin.record
            if let verified { record.security = .mutualTLS(peer: verified.identity, cipher: cipher) }
            thread.refused(record, outcome, detail)
        }
        close()
        relay?.peerFailed(outcome, detail, kind, isEndpointFault: wasConnecting || isUnconfirmed)
    }

    /// Says goodbye and closes: GOAWAY, close_notify, FIN.
    func farewell() {
        guard phase == .established else { return close() }
        perform {
            session.sendGoAway()
            write(.goAway(lastStream: session.lastStreamNumber))
            tls.end()
            guard phase == .established else { return }
            phase = .leaving
            thread.leavingCount += 1
        }
        guard phase == .leaving else { return }
        loop.setDeadline(loop.now + Self.farewellPatience, of: self)
        mayHaveInput = true
        finishLeaving()
    }

    /// An acceptor ends its direction and drops what still comes until the dialler has ended too: a connection that is
    /// closed with bytes in it is reset, and the reset would take our GOAWAY away from a dialler that has just sent a
    /// request, who could not know then that nobody read it.
    func finishLeaving() {
        guard output.isEmpty else { return }
        guard role == .acceptor else { return close() }
        if !hasEndedOutput {
            hasEndedOutput = true
            guard socket?.endWriting() == nil else { return close() }
        }
        let buffer = unsafe UnsafeMutableRawBufferPointer(rebasing: buffers.ciphertext[..<ReadSize.smallest])
        // At most so much a turn: one that goes on sending is not waited for longer than the farewell.
        for _ in 0..<16 where mayHaveInput {
            switch unsafe socket?.receive(into: buffer) ?? .ended {
            case .bytes: break
            case .wouldBlock: mayHaveInput = false
            case .ended, .failed: return close()
            }
        }
        if mayHaveInput { loop.again(self) }
    }

    /// The configuration or the trust bundle no longer allows this peer.
    func dismiss(_ outcome: ErrorCode, _ detail: String) {
        guard phase == .established else { return }
        if let stream { stream.dismiss(outcome, detail) } else { farewell() }
    }

    /// We leave: no stream after the one under way. An idle connection ends now.
    func announceLeaving() {
        guard phase == .established, !session.isSendingRaw else { return }
        guard !session.isIdle else { return farewell() }
        perform {
            session.sendGoAway()
            write(.goAway(lastStream: session.lastStreamNumber))
        }
    }

    /// Our certificate has been replaced: streams that come next are to see the new one. A stream that carries the requests
    /// of many has no end of its own; it takes no new ones.
    func announceRenewal() {
        if let front = stream as? StreamFront { front.announceRenewal() }
        announceLeaving()
    }

    /// Closes at once. Within TLS nobody can take that for an end that was meant.
    func close() {
        guard phase != .closed else { return }
        // What was gathered belongs before the end, an alert above all.
        if !output.isEmpty, !isBlocked {
            var kept = takeOutput()
            unsafe kept.drain { rest in
                _ = unsafe socket?.send(rest)
                return rest.count
            }
        }
        if phase == .established, session.isIdle, role == .dialler { thread.pool.remove(self) }
        handshakeCounts(failed: true)
        if phase == .leaving {
            thread.leavingCount -= 1
            thread.drainMayBeOver()
        }
        phase = .closed
        socket = nil
        _ = takeOutput()
        loop.remove(self)
        thread.counters.peerConnections -= 1
        thread.memory.note()
    }
}
