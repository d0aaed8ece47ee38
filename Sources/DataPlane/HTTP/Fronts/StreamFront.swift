// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ConnectionStates
internal import HTTPCodec
internal import LinuxSystem
internal import MeshModel
internal import PeerProtocol
internal import Reactor
internal import Telemetry

/// Requests on a stream that another sidecar has opened; usually one.
///
/// OPENED waits for the application to be reached, and then a moment longer for the answer to travel with it.
final class StreamFront: HTTPFront, PeerStreamUser {
    private var peer: PeerConnection?
    private var owesOpened = true
    private var isApplicationReached = false
    private var hasSentEnd = false

    /// `carriesHTTP1`: what is asked in a session of HTTP/2 was HTTP/1 before, and becomes it again.
    static func begin(
        _ peer: PeerConnection, _ record: consuming ConnectionRecord, carriesHTTP1: Bool
    ) -> StreamFront {
        let front = StreamFront(peer, record, carriesHTTP1)
        peer.stream = front
        let loop = peer.thread.loop
        loop.add(front)
        loop.setDeadline(loop.now + peer.thread.settings.proxy.http.headTimeout, of: front)
        return front
    }

    private init(_ peer: PeerConnection, _ record: consuming ConnectionRecord, _ carriesHTTP1: Bool) {
        self.peer = peer
        super.init(peer.thread, record, carriesHTTP1: carriesHTTP1)
        thread.streamRelayCount += 1
    }

    var startedAt: Instant { record.startedAt }
    override var isSidecar: Bool { true }
    override var isEnding: Bool { hasSentEnd }

    /// The application is reached: the other side may send more than it could risk before, and need not wonder any more.
    override func applicationReached() {
        guard owesOpened else { return }
        if record.downstreamBytesReceived >= UInt64(StreamRelay.earlyDataEnough) { return sendOpened() }
        isApplicationReached = true
        loop.setDeadline(loop.now + StreamRelay.openedPatience, of: self)
    }

    private func sendOpened() {
        guard owesOpened, let peer, let number = peer.session.currentStream, !hasSentEnd else { return }
        owesOpened = false
        peer.perform {
            peer.session.acceptStream()
            peer.write(.opened(stream: number))
        }
    }

    // MARK: What the connection tells

    func peerIsReady() {}
    func peerIsConfirmed() {}
    func peerOpened() {}
    func willReceive(_ bytes: UnsafeRawBufferPointer) {}

    var isSinkFull: Bool { isInputPaused && heldByteCount > 0 }

    func receive() {
        unsafe thread.slices.forEachRest(after: 0) { piece in unsafe take(piece) }
    }

    func peerEnded() { inputEnded() }

    func peerAborted(_ reset: ResetFrame) {
        peer = nil
        clientFailed(reset.code.flatMap { $0.isFailure ? $0 : nil } ?? .clientReset, "told by the peer's sidecar")
    }

    func peerFailed(_ outcome: ErrorCode, _ detail: String, _ kind: Replay.Failure, isEndpointFault: Bool) {
        peer = nil
        clientFailed(outcome, detail)
    }

    func peerIsDone() {
        peer = nil
        if !isFinished { leave(.completed) }
    }

    func peerTakesDataAgain() { takesAgain() }

    func dismiss(_ outcome: ErrorCode, _ detail: String) { cut(outcome, detail) }

    // MARK: The transport

    override func readTransport() {
        // From inside its own call the connection goes on reading by itself.
        if let peer, thread.activePeer == nil { peer.read() }
    }

    override var isOutBlocked: Bool { peer?.isBlocked ?? false }

    override func transmit(_ bytes: consuming [UInt8], ends: Bool) {
        send(bytes, ends: ends)
        thread.buffers.giveBack(consume bytes)
    }

    private func send(_ bytes: [UInt8], ends: Bool) {
        guard let peer, let number = peer.session.currentStream, !hasSentEnd else { return }
        peer.perform {
            var opened: ControlFrame?
            if owesOpened {
                owesOpened = false
                peer.session.acceptStream()
                opened = .opened(stream: number)
            }
            hasSentEnd = ends
            peer.send(bytes[...], behind: opened, ends: ends)
        }
    }

    override func closeTransport() {
        guard !isFinished else { return }
        if !hasSentEnd { send([], ends: true) }
        // Where the peer still sends, nobody needs it: its own end follows, or is dropped with the connection.
        if hasInputEnded { leave(.completed) } else { loop.setDeadline(loop.now + .seconds(2), of: self) }
    }

    override func deadlineReached(now: Instant) {
        if owesOpened, isApplicationReached { return sendOpened() }
        guard hasSentEnd else { return super.deadlineReached(now: now) }
        resetTransport(AttemptFailure(.clientReset, "it went on sending after the last answer"))
    }

    override func resetTransport(_ failure: AttemptFailure) {
        guard !isFinished else { return }
        if let peer {
            self.peer = nil
            var reset = ResetFrame(stream: 0, reason: failure.isUntouched ? ResetReason(failure.outcome) : .aborted)
            reset.hasTouchedApplication = !failure.isUntouched
            reset.code = failure.outcome
            peer.abortStream(reset, isRefusal: failure.isUntouched && reset.reason != .aborted && owesOpened)
        }
        leave(failure.outcome, failure.detail)
    }

    /// The session that it carries, where it carries one, is to be begun anew on another connection.
    func announceRenewal() {
        if hasSession { announceLeaving() }
    }

    private func leave(_ outcome: ErrorCode, _ detail: String = "") {
        if let peer {
            self.peer = nil
            if peer.stream === self { peer.stream = nil }
        }
        thread.streamRelayCount -= 1
        conclude(outcome, detail)
    }
}
