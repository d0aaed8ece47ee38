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
    private static let openedPatience: Duration = .milliseconds(8)
    /// A client that has sent this much may be waiting for OPENED to send more.
    private static let earlyDataEnough = 16 << 10

    /// Begins a stream that a peer has opened: authorise, then connect to where the peer's connection was headed.
    static func beginInbound(_ peer: PeerConnection, _ open: OpenFrame) {
        let thread = peer.thread
        guard let origin = peer.origin else { return }
        let target = origin.originalDestination
        var record = ConnectionRecord(
            id: thread.nextConnectionID(), direction: .inbound, client: origin.client, startedAt: thread.loop.now)
        record.originalDestination = target
        record.claimedClient = open.isShared ? nil : open.client
        record.trace = open.trace
        record.isReused = open.stream > 1
        if let verified = peer.verified {
            record.security = .mutualTLS(peer: verified.identity, cipher: peer.cipher)
        }
        record.state = "connecting"
        thread.opened(.inbound)
        let relay = StreamRelay(thread, record, app: PlainEnd(), isOutbound: false)
        relay.peer = peer
        peer.stream = relay
        thread.loop.add(relay)
        if let outcome = thread.mayAccept(peer) {
            return relay.abort(outcome, reason: ResetReason(outcome))
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
    /// Whether a peer may open a stream now; the reason if not. Layer 4 asks for a good certificate and room.
    func mayAccept(_ peer: PeerConnection) -> ErrorCode? {
        guard let verified = peer.verified else { return .denied }
        if WallTime.now() > verified.expiry { return .certificateExpired }
        return isFull ? .connectionLimit : nil
    }

    /// Says more about "connection refused" where more is known: an application that listens on loopback only.
    func refineRefusal(_ outcome: ErrorCode, _ record: ConnectionRecord) -> ErrorCode {
        guard outcome == .connectRefused, record.direction == .inbound, let target = record.originalDestination else {
            return outcome
        }
        return settings.loopbackListeners.contains(target.port) ? .loopbackOnly : outcome
    }
}
