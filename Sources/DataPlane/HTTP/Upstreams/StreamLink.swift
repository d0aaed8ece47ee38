// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ConnectionStates
internal import Discovery
internal import HTTP2Codec
internal import LinuxSystem
internal import MeshModel
internal import PeerProtocol
internal import Reactor
internal import TLSSession

/// HTTP/2 on one stream of a connection to the endpoint's sidecar; the stream ends with the session.
final class StreamLink: HTTP2Link, PeerStreamUser {
    private var peer: PeerConnection?
    private var waiting: [UInt8] = []
    private var isReady = false
    private var isOpened = false
    private var hasSentEnd = false
    private var replay = Replay()
    private var earlyByteCount = 0
    private let since: Instant
    /// As the service says of the first request.
    private(set) var connectTimeout: Duration?

    /// A link for a request: one that is there, where that is safe, else a new one. Nil without an identity of our own, and for
    /// a request of HTTP/1 if it is not known of the sidecar that it takes these so.
    static func obtain(
        _ thread: DataThread, _ endpoint: Endpoint, for exchange: Exchange, carriesHTTP1: Bool
    ) -> HTTP2Link? {
        guard case .mutualTLS(let identity) = endpoint.security, let context = thread.identity else { return nil }
        let peerKey = PeerKey(endpoint, identity, context)
        let key = HTTP2LinkKey.sidecar(peerKey, carriesHTTP1: carriesHTTP1)
        if let link = fit(for: exchange, among: thread.requests.links.all(key)) {
            if let peer = (link as? StreamLink)?.peer { exchange.secured(peer) }
            return link
        }
        if carriesHTTP1, !thread.requests.takesHTTP1Sessions(peerKey) { return nil }
        let link = StreamLink(thread, endpoint, key)
        thread.requests.links.add(link)
        link.connectTimeout = exchange.connectTimeout
        link.connect(peerKey, context)
        return link
    }

    override init(_ thread: DataThread, _ endpoint: Endpoint, _ key: HTTP2LinkKey) {
        since = thread.loop.now
        super.init(thread, endpoint, key)
    }

    var startedAt: Instant { since }
    private func connect(_ key: PeerKey, _ context: TLSContext) {
        replay.beginAttempt()
        if let pooled = thread.takePooled(key) {
            // One that has rested may be dead without anybody knowing, and what is sent on it would be lost.
            if !pooled.hasRested(longerThan: WeftOne.trustedIdle, now: thread.loop.now) {
                pooled.stream = self
                pooled.isPromised = true
                peer = pooled
                // Not from here: the session of whoever asks may be at work.
                return thread.loop.atEndOfTurn { [self] in
                    if let peer, !isReady { peer.perform { peerIsReady() } }
                }
            }
            thread.retire([pooled])
        }
        PeerConnection.dial(thread, key, context, for: self) {
            peer = $0
            $0.isPromised = true
        }
    }

    // MARK: What the connection tells

    func peerIsReady() {
        guard let peer, !isClosed, !isReady else { return }
        if carriesHTTP1, !mayCarryHTTP1(peer) { return }
        isReady = true
        secured(peer)
        var open = OpenFrame(stream: peer.session.open())
        open.isShared = true
        open.hint = carriesHTTP1 ? .http1Session : .http2
        peer.isPromised = false
        peer.becomeBusy()
        sendWaiting(peer, opening: open)
        thread.loop.setDeadline(thread.loop.now + thread.settings.proxy.timeouts.open, of: self)
    }

    /// Only its own HELLO tells it of a connection: the address may have been another sidecar's before, or be another's by now.
    private func mayCarryHTTP1(_ peer: PeerConnection) -> Bool {
        guard let greeting = peer.greeting else { return false }
        if greeting.takesHTTP1Sessions { return true }
        fail(
            .peerCut, "its sidecar takes no sessions of HTTP/1 any more", isUntouched: true, isEndpointFault: false,
            mayTryAnother: true)
        return false
    }

    func peerIsConfirmed() {
        guard !isReady, let peer else { return }
        peer.perform { peerIsReady() }
    }

    func peerOpened() {
        isOpened = true
        reached()
        if let peer, !waiting.isEmpty { sendWaiting(peer) }
        if !isBlocked { flushNow() }
    }

    /// What has come can always be taken: the windows of the session's streams bound it.
    var isSinkFull: Bool { false }

    func willReceive(_ bytes: UnsafeRawBufferPointer) {}

    func receive() {
        unsafe thread.slices.forEachRest(after: 0) { piece in unsafe take(piece) }
    }

    func peerEnded() {
        if isIdle { return endStream() }
        fail(.responseCut, "its sidecar ended the session", isUntouched: false, isEndpointFault: true)
    }

    func peerAborted(_ reset: ResetFrame) {
        peer = nil
        let outcome = reset.code.flatMap { $0.isFailure ? $0 : nil } ?? reset.reason.outcome
        fail(
            outcome, "the peer's sidecar says so", isUntouched: !reset.hasTouchedApplication,
            isEndpointFault: reset.reason != .denied)
    }

    func peerFailed(_ outcome: ErrorCode, _ detail: String, _ kind: Replay.Failure, isEndpointFault: Bool) {
        peer = nil
        fail(
            outcome, detail, isUntouched: !isOpened && replay.isSafe(after: kind), isEndpointFault: isEndpointFault)
    }

    func peerIsDone() {
        peer = nil
        fail(.responseCut, "its sidecar ended the session", isUntouched: false, isEndpointFault: true)
        closed()
    }

    func peerTakesDataAgain() {
        guard let peer else { return }
        if !waiting.isEmpty { peer.perform { sendWaiting(peer) } }
        if !isBlocked { flushNow() }
    }

    func dismiss(_ outcome: ErrorCode, _ detail: String) {
        fail(outcome, detail, isUntouched: false, isEndpointFault: false)
    }

    override func deadlineReached(now: Instant) {
        if isOpened { return restIsOver() }
        fail(.openTimeout, "", isUntouched: false, isEndpointFault: true)
    }

    // MARK: To the far side

    override var isBlocked: Bool { !isReady || !waiting.isEmpty || peer?.isBlocked ?? true }

    override func transmit(_ bytes: [UInt8]) {
        if waiting.isEmpty { waiting = bytes } else { waiting += bytes }
        guard isReady, let peer else { return }
        peer.perform { sendWaiting(peer) }
    }

    /// Sends as much as may be sent now; before OPENED that is bounded.
    private func sendWaiting(_ peer: PeerConnection, opening: OpenFrame? = nil) {
        guard opening != nil || !peer.isBlocked, !hasSentEnd else { return }
        if opening != nil, waiting.isEmpty { session.takeOutput(into: &waiting, atMost: WeftOne.earlyDataMax) }
        let room = isOpened ? waiting.count : min(waiting.count, WeftOne.earlyDataMax - earlyByteCount)
        guard room > 0 || opening != nil else { return }
        peer.send(waiting[..<room], behind: opening.map { .open($0) }, ends: false)
        if room == waiting.count { waiting = [] } else { waiting.removeFirst(room) }
        if !isOpened { earlyByteCount += room }
        if room > 0 { replay.sendData() }
    }

    private func endStream() {
        guard let peer else { return closed() }
        if !hasSentEnd, isReady, peer.phase == .established, !peer.session.hasEndedSending {
            hasSentEnd = true
            // The connection lets go of us when its peer has ended as well.
            retire()
            return peer.perform { peer.endSending() }
        }
    }

    override func closeTransport() {
        guard isOpened else { return resetTransport() }
        endStream()
    }

    override func resetTransport() {
        if let peer {
            self.peer = nil
            thread.loop.atEndOfTurn { peer.abortStream(ResetFrame(stream: 0, reason: .aborted), isRefusal: false) }
        }
        closed()
    }
}
