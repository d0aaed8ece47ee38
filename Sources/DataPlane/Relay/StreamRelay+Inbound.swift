// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Discovery
internal import LinuxSystem
internal import MeshModel
internal import PeerProtocol
internal import Reactor
internal import TLSSession
internal import Telemetry

/// The side that accepts: the application is the server.
extension StreamRelay {
    /// How long OPENED may wait for the application's first bytes to travel along with them. A request whose answer comes
    /// within this costs one record and one wake-up less on both sides; one that takes longer notices nothing, since its
    /// bytes are with the application already.
    static let openedPatience: Duration = .milliseconds(8)
    /// A client that has sent this much may be waiting for OPENED to send more.
    static let earlyDataEnough = 16 << 10

    /// Carries a stream that a peer has opened: connects to where the peer's connection was headed, unless it is refused.
    /// Without `takesBytes` the first one ends it: it is a check, and may be for a port whose requests have to be looked at.
    static func beginInbound(
        _ peer: PeerConnection, _ record: ConnectionRecord, _ refusal: DataThread.Refusal?, takesBytes: Bool
    ) {
        guard let target = record.originalDestination else { return }
        let relay = StreamRelay(peer.thread, record, app: PlainEnd(), isOutbound: false)
        relay.record.state = "connecting"
        relay.takesBytes = takesBytes
        relay.peer = peer
        peer.stream = relay
        peer.thread.loop.add(relay)
        if let refusal {
            return relay.abort(refusal.outcome, refusal.detail, reason: ResetReason(refusal.outcome))
        }
        relay.dialApp(target)
    }

    private func dialApp(_ target: SocketAddress) {
        record.upstream = target
        dialledAt = thread.loop.now
        do throws(SystemError) {
            app.open(try thread.dial(target, isPlaintext: true, isLocal: true))
            try thread.loop.watch(app.number, for: self)
            thread.loop.setDeadline(thread.loop.now + thread.settings.proxy.timeouts.connect, of: self)
        } catch {
            appDialFailed(error.errno)
        }
    }

    func appDialFailed(_ errno: Errno) {
        let outcome = thread.refineRefusal(connectOutcome(errno), record)
        abort(outcome, "\(record.originalDestination?.description ?? ""): \(errno)", reason: ResetReason(outcome))
    }

    /// The connect to the application is decided; false if it failed.
    func appConnected() -> Bool {
        if let errno = app.pendingError() {
            appDialFailed(errno)
            return false
        }
        isAppConnected = true
        phase = .relaying
        record.state = "relaying"
        thread.counters.connectTimes.observe(thread.loop.now - dialledAt)
        guard let peer else { return true }
        // A client that spoke first is answered first; one that has not may be waiting for a banner, or for OPENED itself.
        let early = record.downstreamBytesReceived
        if early > 0, early < UInt64(Self.earlyDataEnough) {
            owesOpened = true
            peer.session.acceptStream()
            thread.loop.setDeadline(thread.loop.now + Self.openedPatience, of: self)
        } else {
            peer.perform { peer.acceptStream() }
            scheduleReview()
        }
        return true
    }

    /// Sends the OPENED that was put off.
    func sendOpened() {
        guard owesOpened, let peer, let number = peer.session.currentStream else { return }
        owesOpened = false
        peer.perform { peer.write(.opened(stream: number)) }
        scheduleReview()
    }
}

extension DataThread {
    /// Says more about "connection refused" where more is known: an application that listens on loopback only.
    func refineRefusal(_ outcome: ErrorCode, _ record: ConnectionRecord) -> ErrorCode {
        guard outcome == .connectRefused, record.direction == .inbound, let target = record.originalDestination else {
            return outcome
        }
        return settings.loopbackListeners.contains(target.port) ? .loopbackOnly : outcome
    }
}
