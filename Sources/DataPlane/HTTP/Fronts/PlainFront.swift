// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
internal import MeshModel
internal import Reactor
internal import Telemetry

/// Requests on a connection of a client: plaintext, or in the subclass ``SecureFront`` inside TLS.
class PlainFront: HTTPFront {
    /// How long what a client still sends after the last answer is read and dropped: closing on it would reset the
    /// connection and take the answer away (RFC 9112 section 9.6).
    private static let farewell: Duration = .seconds(2)

    let end: PlainEnd
    private(set) var isClosing = false
    override var isEnding: Bool { isClosing }

    /// A connection of the workload to a service that has routes, or with `gateway` of a client to an HTTP listener.
    static func begin(
        _ thread: DataThread, _ socket: consuming Descriptor, _ record: ConnectionRecord, gateway: GatewayOrigin? = nil
    ) {
        let end = PlainEnd(socket)
        if gateway != nil, let control = thread.settings.pacedCongestionControl { end.expectCongestion(control) }
        thread.opened(.outbound)
        let front = PlainFront(thread, end, record)
        front.gateway = gateway
        thread.loop.add(front)
        // Whoever comes from outside has something to ask; an application may keep connections at hand.
        let http = thread.settings.proxy.http
        thread.loop.setDeadline(thread.loop.now + (gateway != nil ? http.headTimeout : http.idleTimeout), of: front)
        do throws(SystemError) {
            try thread.loop.watch(front.end.number, for: front)
        } catch {
            return front.resetTransport(AttemptFailure(.descriptorsExhausted, error.description))
        }
        front.readTransport()
    }

    /// A client of a permissive port whose requests have to be looked at; takes the place of the gate.
    static func passInbound(
        _ thread: DataThread, _ end: PlainEnd, replacing gate: EventHandler, _ record: ConnectionRecord,
        firstBytes: [UInt8]
    ) {
        guard let downstream = end.take() else { return }
        thread.opened(.inbound)
        let front = PlainFront(thread, downstream, record)
        thread.loop.replace(gate, with: front)
        unsafe firstBytes.withUnsafeBytes { unsafe front.take($0) }
        front.readTransport()
    }

    init(_ thread: DataThread, _ end: PlainEnd, _ record: ConnectionRecord) {
        self.end = end
        super.init(thread, record)
        thread.plainRelayCount += 1
    }

    override func ready(_ readiness: Readiness, slot: UInt8, now: Instant) {
        end.note(readiness)
        if readiness.contains(.error), !isClosing { return clientFailed(.clientReset, "") }
        if end.isBlocked, !flushEnd() { return }
        if isClosing { return finishClosing() }
        readTransport()
    }

    override func sendGathered() {
        guard !isFinished, flushEnd() else { return }
        if isClosing { finishClosing() }
    }

    /// Sends what is pending as far as it goes; false if the client is gone.
    private func flushEnd() -> Bool {
        let wasBlocked = isOutBlocked
        if let errno = end.flush(thread.buffers) {
            clientFailed(.clientReset, errno.description)
            return false
        }
        if wasBlocked, !isOutBlocked, !isClosing { takesAgain() }
        return !isFinished
    }

    override func deadlineReached(now: Instant) {
        if isClosing { return concludeCleanly() }
        super.deadlineReached(now: now)
    }

    override func readTransport() {
        var budget = Relay.turnBudget
        while !isFinished, end.mayHaveInput, !end.hasEndedInput, !isInputPaused, !isClosing {
            guard budget > 0 else { return loop.again(self) }
            let buffer = unsafe UnsafeMutableRawBufferPointer(rebasing: thread.buffers.outgoing[..<ReadSize.smallest])
            switch unsafe end.receive(into: buffer) {
            case .bytes(let count):
                budget -= count
                unsafe take(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            case .wouldBlock: return
            case .ended: return inputEnded()
            case .failed(let errno): return clientFailed(.clientReset, errno.description)
            }
        }
    }

    override var isOutBlocked: Bool { end.isBlocked }
    override var mayHaveInput: Bool { end.mayHaveInput && !end.hasEndedInput }

    override func transmit(_ bytes: consuming [UInt8], ends: Bool) {
        switch end.gatherOrWrite(lent: bytes, thread.buffers) {
        case .gathered: loop.sendSoon(self)
        case .written(let errno): if let errno { writeFailed(errno) }
        }
    }

    /// Gives the socket bytes, small ones soon.
    final func give(_ bytes: UnsafeRawBufferPointer) {
        if unsafe end.gather(bytes, thread.buffers) { return loop.sendSoon(self) }
        if let errno = unsafe end.write(bytes) { writeFailed(errno) }
    }

    private func writeFailed(_ errno: Errno) {
        // Not from here: the exchange is writing its answer.
        loop.atEndOfTurn { [self] in
            if !isFinished { clientFailed(.clientReset, errno.description) }
        }
    }

    override func closeTransport() {
        guard !isFinished, !isClosing else { return }
        isClosing = true
        loop.setDeadline(loop.now + Self.farewell, of: self)
        finishClosing()
    }

    /// What has to be said before the connection ends; false while it is not all out.
    func beforeClosing() -> Bool { true }

    final func finishClosing() {
        guard !isFinished, end.pending.isEmpty, beforeClosing() else { return }
        if !end.hasEndedOutput, end.endOutput() != nil { return concludeCleanly() }
        let buffer = unsafe UnsafeMutableRawBufferPointer(rebasing: thread.buffers.outgoing[..<ReadSize.smallest])
        // At most so much a turn: a client that goes on sending is not waited for longer than the farewell.
        for _ in 0..<16 where end.mayHaveInput && !end.hasEndedInput {
            if case .failed = unsafe end.receive(into: buffer) { return concludeCleanly() }
        }
        if end.hasEndedInput { return concludeCleanly() }
        if end.mayHaveInput { loop.again(self) }
    }

    override func continueWork(now: Instant) {
        if isClosing { finishClosing() } else { super.continueWork(now: now) }
    }

    private func concludeCleanly() {
        end.closeCleanly()
        leave(.completed)
    }

    override func resetTransport(_ failure: AttemptFailure) {
        guard !isFinished else { return }
        LingeringReset.begin(thread, end, now: loop.now)
        end.reset()
        leave(failure.outcome, failure.detail)
    }

    private func leave(_ outcome: ErrorCode, _ detail: String = "") {
        thread.plainRelayCount -= 1
        conclude(outcome, detail)
    }

    override var heldByteCount: Int { super.heldByteCount + end.pending.count }
}
