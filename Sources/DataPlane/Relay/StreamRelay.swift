// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Authorization
internal import ConnectionStates
internal import Discovery
internal import LinuxSystem
internal import MeshModel
internal import PeerProtocol
internal import Reactor
internal import Telemetry

/// Relays between a plaintext socket of the application and a stream of a ``PeerConnection``. The same code on both sides
/// of the mesh: only who begins differs.
///
/// ```
///   outbound:  held ─▶ opening ─▶ relaying ─▶ …      the application is the client (downstream)
///                        │  ▲
///                        ▼  └ stale connection (once), next endpoint of the service
///                      reset
///   inbound:          opening ─▶ relaying ─▶ …       the application is the server (upstream)
///                 (connecting to it)
///
///   relaying ─▶ both directions ended ─▶ completed
///       └ one side broken ─▶ the other gets what was sent to it, then a reset
/// ```
/// Back-pressure: nothing is read from the application while the peer's socket has output waiting, and nothing from the
/// peer while the application's has. What waits is at most what one read brought.
final class StreamRelay: Relay, PeerStreamUser {
    enum Phase {
        /// Waiting for an identity.
        case held
        /// Outbound: OPEN is on its way, or the connection it will travel on. Inbound: connecting to the application.
        case opening
        case relaying
    }

    var phase = Phase.opening
    let app: PlainEnd
    /// The connection that carries the stream, while there is one.
    var peer: PeerConnection?
    let isOutbound: Bool

    // Outbound.
    var plan: OutboundPlan?
    var replay = Replay()
    /// Bytes of the client that were sent before OPENED, kept to be sent again should the connection turn out stale.
    var retained: [UInt8] = []
    /// A connection that has rested long may be dead: no byte is risked on it before OPENED.
    var awaitsOpened = false
    var hint = StreamHint.undecided

    // Inbound.
    var isAppConnected: Bool
    var dialledAt: Instant
    /// OPENED is put off a moment to travel with the application's first bytes.
    var owesOpened = false
    /// Inbound: false where nothing is to come.
    var takesBytes = true

    private var hasPeerEnded = false
    private var hasEndedToPeer = false
    private var readSize = ReadSize()
    private var sentFramed: UInt64 = 0

    init(
        _ thread: DataThread, _ record: ConnectionRecord, app: PlainEnd, isOutbound: Bool
    ) {
        self.app = app
        self.isOutbound = isOutbound
        isAppConnected = isOutbound
        dialledAt = thread.loop.now
        super.init(thread, record)
        thread.streamRelayCount += 1
    }

    private var toPeer: RelayDirection { isOutbound ? .forward : .backward }
    private var toApp: RelayDirection { toPeer.opposite }

    // MARK: Events of the application's socket

    override func ready(_ readiness: Readiness, slot: UInt8, now: Instant) {
        app.note(readiness)
        if !isAppConnected {
            guard appConnected() else { return }
        }
        // While nothing is read from a client yet, this is how its reset is noticed.
        if isOutbound, phase != .relaying, readiness.contains(.error) { return abort(.clientReset) }
        work(now: now)
    }

    override func continueWork(now: Instant) {
        if isOutbound, peer == nil, phase == .opening { return connectPeer() }
        work(now: now)
    }

    override func deadlineReached(now: Instant) {
        switch phase {
        case .held: return abort(.identityMissing)
        case .opening where isOutbound: return abort(.openTimeout)
        case .opening: return appDialFailed(.timedOut)
        case .relaying: break
        }
        if owesOpened {
            sendOpened()
            return scheduleReview()
        }
        let (deadline, outcome) = state.stillness(thread.settings.proxy.timeouts)
        guard now < deadline else { return cut(outcome) }
        if app.reviewUserTimeout(thread.settings.liveness.userTimeout) { thread.counters.relaxedTimeouts += 1 }
        scheduleReview()
    }

    func work(now: Instant) {
        guard !isFinished, isAppConnected else { return }
        let wasFull = isSinkFull
        if let errno = app.flush() { return appBroken(errno) }
        passEndToApp(now: now)
        if wasFull, !isSinkFull { peer?.read() }
        guard !isFinished else { return }
        pumpToPeer(now: now)
    }

    // MARK: From the application to the peer

    /// The peer's socket has taken what was waiting.
    func peerTakesDataAgain() { pumpToPeer(now: thread.loop.now) }

    /// Reads from the application and sends to the peer, until there is nothing, the peer is blocked or the turn is over.
    func pumpToPeer(now: Instant) {
        guard let peer, peer.phase == .established, !isFinished else { return }
        peer.perform { pump(peer, now: now) }
    }

    private func pump(_ peer: PeerConnection, now: Instant) {
        var budget = Self.turnBudget
        while app.mayHaveInput, !app.hasEndedInput, !peer.isBlocked, peer.session.maySend, self.peer === peer {
            guard budget > 0 else {
                thread.loop.again(self)
                break
            }
            let (result, offered) = receiveForPeer(peer)
            guard let result else { break }
            switch result {
            case .bytes(let count):
                budget -= count
                state.move(now: now)
                sendToPeer(peer, count)
                if count == offered { readSize.wasFull() }
            case .wouldBlock: break
            case .ended: break
            case .failed(let errno): return appFailed(errno)
            }
        }
        if app.hasEndedInput { endToPeer(peer, now: now) }
        if peer.isBlocked { readSize.sinkFellBehind() }
    }

    /// Reads from the application in the form the stream has: framed with room for headers, RAW in one piece, or, before
    /// OPENED, no more than may be kept. Nil: nothing may be read now.
    private func receiveForPeer(_ peer: PeerConnection) -> (ReceiveResult?, offered: Int) {
        let buffer = unsafe thread.buffers.outgoing
        if peer.session.isSendingRaw {
            let target = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[..<readSize.byteCount])
            return (unsafe app.receive(into: target), readSize.byteCount)
        }
        if isOutbound, !peer.session.isOpened {
            let room = min(WeftOne.earlyDataMax - retained.count, WeftOne.dataPayload)
            guard room > 0, !awaitsOpened else { return (nil, 0) }
            let target = unsafe UnsafeMutableRawBufferPointer(
                rebasing: buffer[WeftOne.headerLength..<WeftOne.headerLength + room])
            return (unsafe app.receive(into: target), room)
        }
        let slots = max(1, readSize.byteCount / ThreadBuffers.slotByteCount)
        let result = unsafe app.receive(
            intoSlotsOf: buffer, slotByteCount: ThreadBuffers.slotByteCount, gap: WeftOne.headerLength, count: slots)
        return (result, slots * WeftOne.dataPayload)
    }

    /// Sends what was just received; it lies in the thread's outgoing buffer.
    private func sendToPeer(_ peer: PeerConnection, _ count: Int) {
        if owesOpened { sendOpened() }
        let buffer = unsafe UnsafeMutableRawBufferPointer(rebasing: thread.buffers.outgoing[...])
        countToPeer(count)
        if peer.session.isSendingRaw {
            var offset = 0
            while offset < count {
                let end = min(offset + 16_384, count)
                unsafe peer.writeRecord(UnsafeRawBufferPointer(rebasing: buffer[offset..<end]))
                offset = end
            }
            return
        }
        var sent = 0
        var slot = 0
        while sent < count {
            let length = min(WeftOne.dataPayload, count - sent)
            let start = slot * ThreadBuffers.slotByteCount
            let frame = unsafe UnsafeMutableRawBufferPointer(
                rebasing: buffer[start..<start + WeftOne.headerLength + length])
            let header = FrameWriter.dataHeader(payloadLength: length)
            unsafe frame.storeBytes(of: header, as: (UInt8, UInt8, UInt8, UInt8).self)
            let payload = unsafe UnsafeRawBufferPointer(rebasing: frame[WeftOne.headerLength...])
            if isOutbound { unsafe noteClientBytes(payload, peer) } else { noteServerSpoke() }
            unsafe peer.writeRecord(UnsafeRawBufferPointer(frame))
            sent += length
            slot += 1
        }
        sentFramed += UInt64(count)
        if sentFramed >= WeftOne.rawThreshold, peer.session.isOpened, peer.phase == .established { peer.goRaw() }
    }

    private func noteClientBytes(_ bytes: UnsafeRawBufferPointer, _ peer: PeerConnection) {
        unsafe classify(fromClient: bytes)
        guard !peer.session.isOpened else { return }
        unsafe retained.append(contentsOf: bytes)
        replay.sendData()
    }

    private func countToPeer(_ count: Int) {
        if isOutbound {
            record.downstreamBytesReceived += UInt64(count)
            record.upstreamBytesSent += UInt64(count)
        } else {
            record.upstreamBytesReceived += UInt64(count)
            record.downstreamBytesSent += UInt64(count)
        }
    }

    /// Passes the application's end on, once; everything before it has been handed to the session.
    private func endToPeer(_ peer: PeerConnection, now: Instant) {
        guard !hasEndedToPeer, !isFinished, peer.session.maySend, self.peer === peer else { return }
        if owesOpened { sendOpened() }
        peer.endSending()
        hasEndedToPeer = true
        state.end(toPeer, now: now)
        if !completeIfOver() { reviewEnd() }
    }

    // MARK: From the peer to the application

    /// True while the application does not take what it has been given: the peer is not read meanwhile. Before the
    /// application is connected the protocol bounds what may come.
    var isSinkFull: Bool { isAppConnected && !app.pending.isEmpty }

    /// One piece of what ``receive()`` will give to the application.
    func willReceive(_ bytes: UnsafeRawBufferPointer) {
        if isOutbound { noteServerSpoke() } else { unsafe classify(fromClient: bytes) }
        let count = UInt64(bytes.count)
        if isOutbound {
            record.upstreamBytesReceived += count
            record.downstreamBytesSent += count
        } else {
            record.downstreamBytesReceived += count
            record.upstreamBytesSent += count
        }
    }

    /// Gives the application what the thread's slices hold.
    func receive() {
        guard !isFinished else { return }
        guard takesBytes else { return abort(.protocolViolation, "bytes came on a stream that is a check") }
        state.move(now: thread.loop.now)
        guard isAppConnected else { return app.keep(thread.slices) }
        if let errno = app.write(thread.slices) { appBroken(errno) }
    }

    /// The peer's direction has ended cleanly.
    func peerEnded() {
        hasPeerEnded = true
        passEndToApp(now: thread.loop.now)
    }

    private func passEndToApp(now: Instant) {
        guard hasPeerEnded, isAppConnected, !isFinished, app.pending.isEmpty, !state.hasEnded(toApp) else { return }
        state.end(toApp, now: now)
        // Where both have ended, the close sends the FIN.
        if completeIfOver() { return }
        if let errno = app.endOutput() { return appBroken(errno) }
        reviewEnd()
    }

    /// After the end of a direction the time for the other runs. Until OPENED has come, or gone, its own deadline stays.
    private func reviewEnd() {
        guard phase == .relaying, !owesOpened else { return }
        scheduleReview()
    }

    // MARK: Ending

    private func completeIfOver() -> Bool {
        guard state.isComplete, !isFinished else { return isFinished }
        app.closeCleanly()
        close(.completed)
        return true
    }

    /// The stream is over on the wire: the connection goes its own way. What the application has yet to take is ours.
    func peerIsDone() { peer = nil }

    /// The application's socket reported a failure on reading: it has reset.
    func appFailed(_ errno: Errno) {
        let outcome: ErrorCode = errno == .timedOut ? .peerGone : isOutbound ? .clientReset : .serverReset
        abort(outcome, errno.description)
    }

    /// Writing to the application failed. What it had sent before it reset is passed on first.
    private func appBroken(_ errno: Errno) {
        if !isFinished, let peer, peer.phase == .established, !peer.isBlocked {
            app.note([.readable, .error])
            peer.perform { pump(peer, now: thread.loop.now) }
        }
        if !isFinished { appFailed(errno) }
    }

    override var heldByteCount: Int { app.pending.count + retained.count + (peer?.output.count ?? 0) }

    override func cut(_ outcome: ErrorCode, _ detail: String = "") { abort(outcome, detail) }

    override func isStillAllowed() -> ErrorCode? {
        guard !isOutbound, let port = record.originalDestination?.port,
            case .mutualTLS(let identity, _) = record.security
        else { return nil }
        let facts = ConnectionFacts(peer: identity, source: record.client.address, port: port)
        let policies = thread.snapshot.policies
        // Whose requests have to be looked at from now on cannot go on as bytes.
        return policies.judge(facts).isAllowed && !thread.snapshot.readsRequests(port: port) ? nil : .policyChanged
    }

    func dismiss(_ outcome: ErrorCode, _ detail: String) { abort(outcome, detail) }

    var startedAt: Instant { record.startedAt }

    /// Ends by force on both sides.
    func abort(_ outcome: ErrorCode, _ detail: String = "", reason: ResetReason = .aborted) {
        guard !isFinished else { return }
        if let peer {
            self.peer = nil
            var reset = ResetFrame(stream: 0, reason: reason)
            // The application may have seen everything that was handed to its socket.
            reset.hasTouchedApplication = !isOutbound && isAppConnected && record.upstreamBytesSent > 0
            reset.code = outcome
            peer.abortStream(reset, isRefusal: reason != .aborted && !reset.hasTouchedApplication)
        }
        resetApp()
        close(outcome, detail)
    }

    /// Resets the application's side, after what was sent to it.
    func resetApp() {
        if isAppConnected { LingeringReset.begin(thread, app, now: thread.loop.now) }
        app.reset()
    }

    func close(_ outcome: ErrorCode, _ detail: String = "") {
        guard !isFinished else { return }
        plan?.release(thread)
        if let peer {
            // Complete here, but the peer's last frame may still be on its way out.
            self.peer = nil
            if peer.stream === self { peer.stream = nil }
        }
        retained = []
        thread.streamRelayCount -= 1
        finish(outcome, detail)
    }
}
