// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ConnectionStates
internal import Discovery
internal import LinuxSystem
internal import MeshModel
internal import PeerProtocol
internal import Reactor
internal import TLSSession
internal import Telemetry

/// A request on a stream of its own: OPEN, the request and FIN leave in one TLS record where they fit, and OPENED, the
/// answer and FIN come back in one. The connection between the sidecars is pooled, so that a stream costs no handshake; and
/// since it carries nothing else, RESET says of exactly this request whether the application has seen any of it.
final class StreamUpstream: HTTP1Upstream, PeerStreamUser {
    private var peer: PeerConnection?
    private var waiting: [UInt8] = []
    private var isReady = false
    private var isOpened = false
    private var hasSentEnd = false
    private var endsWithWaiting = false
    private var replayState = Replay()
    /// Not lent (ARCHITECTURE.md, "Properties are not lent").
    private var replay: Replay {
        get { replayState }
        set { replayState = newValue }
    }
    private var earlyByteCount = 0
    private var isReused = false

    override init(_ thread: DataThread, _ endpoint: Endpoint) {
        super.init(thread, endpoint)
        thread.upstreamCount += 1
        thread.loop.add(self)
    }

    var startedAt: Instant { exchange?.startedAt ?? loop.now }
    override var isStale: Bool { isReused }
    var connectTimeout: Duration? { exchange?.connectTimeout }

    /// Finds or makes a connection to the endpoint's sidecar. A request that must not be repeated never travels on one that
    /// has rested: that its bytes were lost with a dead connection could not be told from their having been read.
    private func connect() {
        guard case .mutualTLS(let identity) = endpoint.security, let context = thread.identity else {
            let outcome = ErrorCode.identityMissing
            return loop.atEndOfTurn { [self] in
                failed(outcome, "", isUntouched: true, isEndpointFault: false)
            }
        }
        replay.beginAttempt()
        let key = PeerKey(endpoint, identity, context)
        if let pooled = thread.takePooled(key) {
            let hasRested = pooled.hasRested(longerThan: WeftOne.trustedIdle, now: loop.now)
            if !hasRested || exchange?.isRepeatable ?? false {
                isReused = true
                pooled.stream = self
                peer = pooled
                pooled.perform { peerIsReady() }
                return
            }
            thread.retire([pooled])
        }
        PeerConnection.dial(thread, key, context, for: self) { peer = $0 }
    }

    // MARK: Sending

    override func transmit(_ bytes: consuming [UInt8], ends: Bool) {
        keep(bytes)
        if ends { endsWithWaiting = true }
        if peer == nil, !isReady { return connect() }
        guard isReady, let peer else { return }
        peer.perform { sendWaiting(peer) }
    }

    /// Not lent, as above.
    private func keep(_ bytes: consuming [UInt8]) {
        var kept: [UInt8] = []
        swap(&kept, &waiting)
        guard !kept.isEmpty else {
            waiting = bytes
            return
        }
        kept += bytes
        waiting = kept
        thread.buffers.giveBack(consume bytes)
    }

    override var isFull: Bool { !waiting.isEmpty || peer?.isBlocked ?? false }

    /// Sends as much as may be sent now; before OPENED that is bounded.
    private func sendWaiting(_ peer: PeerConnection, opening: OpenFrame? = nil) {
        guard opening != nil || !peer.isBlocked, !hasSentEnd else { return }
        var bytes: [UInt8] = []
        swap(&bytes, &waiting)
        let room = isOpened ? bytes.count : min(bytes.count, WeftOne.earlyDataMax - earlyByteCount)
        let ends = endsWithWaiting && room == bytes.count
        guard room > 0 || ends || opening != nil else {
            waiting = bytes
            return
        }
        peer.send(bytes[..<room], behind: opening.map { .open($0) }, ends: ends)
        if room < bytes.count { waiting = Array(bytes[room...]) }
        thread.buffers.giveBack(consume bytes)
        if !isOpened { earlyByteCount += room }
        if room > 0 { replay.sendData() }
        hasSentEnd = ends
    }

    // MARK: What the connection tells

    func peerIsReady() {
        guard let peer, let exchange else { return }
        isReady = true
        exchange.secured(peer)
        var open = OpenFrame(stream: peer.session.open())
        open.isShared = true
        open.hint = .http1
        open.client = exchange.record.client
        open.trace = exchange.record.trace
        peer.becomeBusy()
        sendWaiting(peer, opening: open)
        loop.setDeadline(loop.now + thread.settings.proxy.timeouts.open, of: self)
    }

    func peerIsConfirmed() {}

    func peerOpened() {
        isOpened = true
        loop.setDeadline(.never, of: self)
        exchange?.reached()
        if let peer, !waiting.isEmpty { sendWaiting(peer) }
        if !isFull { exchange?.upstreamTakesAgain() }
    }

    var isSinkFull: Bool { isPaused }

    func willReceive(_ bytes: UnsafeRawBufferPointer) {}

    func receive() {
        unsafe thread.slices.forEachRest(after: 0) { piece in unsafe take(piece) }
    }

    func peerEnded() {
        // Our side of a stream whose answer has come early, or that carries something else than HTTP, ends with it.
        if let peer, !hasSentEnd, isAnswered {
            hasSentEnd = true
            peer.endSending()
        }
        inputEnded("its sidecar ended the stream")
    }

    func peerAborted(_ reset: ResetFrame) {
        peer = nil
        let isUntouched = !reset.hasTouchedApplication
        let outcome = reset.code.flatMap { $0.isFailure ? $0 : nil } ?? reset.reason.outcome
        failed(
            outcome, "the peer's sidecar says so", isUntouched: isUntouched,
            isEndpointFault: reset.reason != .denied)
        leave()
    }

    func peerFailed(_ outcome: ErrorCode, _ detail: String, _ kind: Replay.Failure, isEndpointFault: Bool) {
        peer = nil
        failed(
            outcome, detail, isUntouched: !isOpened && replay.isSafe(after: kind), isEndpointFault: isEndpointFault)
        leave()
    }

    func peerIsDone() {
        peer = nil
        leave()
    }

    func peerTakesDataAgain() {
        guard let peer else { return }
        if !waiting.isEmpty { peer.perform { sendWaiting(peer) } }
        if !isFull { exchange?.upstreamTakesAgain() }
    }

    func dismiss(_ outcome: ErrorCode, _ detail: String) {
        failed(outcome, detail, isUntouched: false, isEndpointFault: true)
    }

    override func deadlineReached(now: Instant) {
        failed(.openTimeout, "", isUntouched: false, isEndpointFault: true)
    }

    override func readAgain() { peer?.read() }

    // MARK: Afterwards

    override func released() {
        guard let peer else { return leave() }
        // FIN may still be on its way in; the connection lets go of us when it has come.
        if !hasSentEnd, peer.phase == .established, !peer.session.hasEndedSending {
            hasSentEnd = true
            let isEarly = exchange == nil && !waiting.isEmpty
            if isEarly { return cut() }
            peer.perform { peer.endSending() }
        }
    }

    override func cut() {
        if let peer {
            self.peer = nil
            peer.abortStream(ResetFrame(stream: 0, reason: .aborted), isRefusal: false)
        }
        leave()
    }

    private func leave() {
        guard token != 0 else { return }
        detach()
        loop.remove(self)
        thread.upstreamCount -= 1
    }
}
