// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Authorization
internal import ConnectionStates
internal import Discovery
internal import LinuxSystem
internal import MeshModel
internal import Reactor
internal import Telemetry

/// Relays between two plaintext sockets: outbound to what is not in the mesh, inbound on permissive ports.
///
/// ```
///   connecting ──▶ relaying ──▶ both directions ended ──▶ completed
///       │             └── one side broken ──▶ the other gets what was sent, then a reset
///       └── refused, timed out ──▶ next endpoint of the service, or a reset
/// ```
/// While connecting, the client's bytes stay in the kernel: nothing is lost if another endpoint has to be tried.
final class PlainRelay: Relay {
    private static let downstreamSlot: UInt8 = 0
    private static let upstreamSlot: UInt8 = 1

    let downstream: PlainEnd
    let upstream: PlainEnd
    var pipes = Pipes()
    private var plan: OutboundPlan?
    private var isConnected = false
    private var dialledAt: Instant
    private var readSizes = (forward: ReadSize(), backward: ReadSize())

    // MARK: Beginning

    /// Outbound, to the current endpoint of the plan. Takes the client's socket, with the bytes already read from it.
    static func beginOutbound(
        _ thread: DataThread, _ end: PlainEnd, _ record: ConnectionRecord, _ plan: OutboundPlan,
        replacing handler: EventHandler?, early: [UInt8]
    ) {
        guard let endpoint = plan.current, let downstream = end.take() else { return }
        let relay = PlainRelay(thread, downstream, record, plan, early)
        relay.enter(replacing: handler)
        relay.dial(endpoint)
    }

    /// Inbound, past the mesh: to the original destination.
    static func passInbound(
        _ thread: DataThread, _ end: PlainEnd, replacing gate: EventHandler, _ record: ConnectionRecord,
        firstBytes: [UInt8]
    ) {
        guard let target = record.originalDestination, let downstream = end.take() else { return }
        if let control = thread.settings.pacedCongestionControl { downstream.expectCongestion(control) }
        thread.opened(.inbound)
        let relay = PlainRelay(thread, downstream, record, nil, firstBytes)
        relay.enter(replacing: gate)
        relay.dial(target, isSelfCall: false)
    }

    private init(
        _ thread: DataThread, _ downstream: PlainEnd, _ record: ConnectionRecord, _ plan: OutboundPlan?,
        _ early: [UInt8]
    ) {
        self.downstream = downstream
        upstream = PlainEnd()
        self.plan = plan
        dialledAt = thread.loop.now
        super.init(thread, record)
        thread.plainRelayCount += 1
        if record.detected != .unknown { skipClassifying() }
        unsafe early.withUnsafeBytes { bytes in
            unsafe upstream.keep(bytes)
            unsafe classify(fromClient: bytes)
        }
        self.record.downstreamBytesReceived += UInt64(early.count)
        self.record.upstreamBytesSent += UInt64(early.count)
    }

    private func enter(replacing handler: EventHandler?) {
        if let handler {
            thread.loop.replace(handler, with: self)
            return
        }
        thread.loop.add(self)
        do throws(SystemError) {
            try thread.loop.watch(downstream.number, for: self, slot: Self.downstreamSlot)
        } catch {
            end(.descriptorsExhausted, error.description)
        }
    }

    private func dial(_ endpoint: Endpoint) {
        if case .plaintext(let reason) = endpoint.security { record.security = .plaintext(reason) }
        dial(endpoint.address, isSelfCall: false)
    }

    private func dial(_ address: SocketAddress, isSelfCall: Bool) {
        guard !isFinished else { return }
        record.upstream = address
        record.state = "connecting"
        dialledAt = thread.loop.now
        do throws(SystemError) {
            upstream.open(try thread.dial(address, isPlaintext: true))
            try thread.loop.watch(upstream.number, for: self, slot: Self.upstreamSlot)
            let patience = plan?.connectTimeout ?? thread.settings.proxy.timeouts.connect
            thread.loop.setDeadline(thread.loop.now + patience, of: self)
        } catch {
            dialFailed(error.errno)
        }
    }

    private func dialFailed(_ errno: Errno) {
        let outcome = connectOutcome(errno)
        if outcome != .descriptorsExhausted { plan?.failed(thread) }
        upstream.closeSocket()
        guard outcome != .descriptorsExhausted, plan?.hasAlternatives == true, !downstream.isEnding else {
            return end(thread.refineRefusal(outcome, record), "\(record.upstream?.description ?? ""): \(errno)")
        }
        // Not from here: this may be deep inside the dial of the endpoint before.
        thread.counters.failovers += 1
        thread.loop.again(self)
    }

    private func dialNext() {
        guard let endpoint = plan?.next(thread), let plan else { return end(.noEndpoint) }
        switch endpoint.security {
        case .plaintext: dial(endpoint)
        case .mutualTLS:
            // The service has members of both kinds; the stream's relay takes over, in our place in the loop.
            let early = upstream.takePending()
            thread.plainRelayCount -= 1
            StreamRelay.beginOutbound(thread, downstream, record, plan, replacing: self, early: early)
        }
    }

    // MARK: Events

    override func ready(_ readiness: Readiness, slot: UInt8, now: Instant) {
        if slot == Self.downstreamSlot {
            downstream.note(readiness)
            if !isConnected {
                // A client that has reset must not keep the dial going; one that has only ended may still want an answer.
                if readiness.contains(.error) { end(.clientReset) }
                return
            }
        } else {
            upstream.note(readiness)
            if !isConnected, !connected() { return }
        }
        work(now: now)
    }

    override func continueWork(now: Instant) {
        if !isConnected, !upstream.isOpen { return dialNext() }
        work(now: now)
    }

    override func deadlineReached(now: Instant) {
        guard isConnected else { return dialFailed(.timedOut) }
        let (deadline, outcome) = state.stillness(thread.settings.proxy.timeouts)
        guard now < deadline else { return cut(outcome) }
        let normal = thread.settings.liveness.userTimeout
        let relaxed = (downstream.reviewUserTimeout(normal), upstream.reviewUserTimeout(normal))
        thread.counters.relaxedTimeouts += (relaxed.0 ? 1 : 0) + (relaxed.1 ? 1 : 0)
        releaseEmptyPipes()
        scheduleReview()
    }

    private func connected() -> Bool {
        if let errno = upstream.pendingError() {
            dialFailed(errno)
            return false
        }
        isConnected = true
        plan?.succeeded(thread)
        thread.counters.connectTimes.observe(thread.loop.now - dialledAt)
        record.state = "relaying"
        state.move(now: thread.loop.now)
        scheduleReview()
        return true
    }

    // MARK: Moving bytes

    private func work(now: Instant) {
        guard isConnected, !isFinished else { return }
        if let errno = upstream.flush() { return broken(.forward, errno) }
        if let errno = downstream.flush() { return broken(.backward, errno) }
        passEnds(now: now)
        guard pump(.forward, now: now), pump(.backward, now: now) else { return }
        passEnds(now: now)
    }

    /// Moves bytes in one direction until there are none, the sink is full or the turn is over. False: the relay ended.
    private func pump(_ direction: RelayDirection, now: Instant) -> Bool {
        var budget = Self.turnBudget
        while mayMove(direction) {
            guard budget > 0 else {
                thread.loop.again(self)
                return true
            }
            let size = direction == .forward ? readSizes.forward : readSizes.backward
            let buffer = unsafe UnsafeMutableRawBufferPointer(rebasing: thread.buffers.outgoing[..<size.byteCount])
            switch unsafe receive(direction, buffer) {
            case .bytes(let count):
                budget -= count
                state.move(now: now)
                let bytes = unsafe UnsafeRawBufferPointer(rebasing: buffer[..<count])
                if let errno = unsafe send(direction, bytes) {
                    broken(direction, errno)
                    return false
                }
                adapt(direction, wasFull: count == size.byteCount)
                if size.isLargest { considerSplicing(direction) }
            case .ended, .wouldBlock:
                return true
            case .failed(let errno):
                sourceFailed(direction, errno)
                return false
            }
        }
        return isSpliced(direction) && isFlushed(direction) ? splice(direction, now: now) : true
    }

    private func isSpliced(_ direction: RelayDirection) -> Bool {
        direction == .forward ? pipes.forward != nil : pipes.backward != nil
    }

    /// Everything that was copied has been taken: what comes next may go through the pipe.
    private func isFlushed(_ direction: RelayDirection) -> Bool {
        direction == .forward ? upstream.pending.isEmpty : downstream.pending.isEmpty
    }

    private func mayMove(_ direction: RelayDirection) -> Bool {
        guard !isSpliced(direction) else { return false }

        return switch direction {
        case .forward: downstream.mayHaveInput && !downstream.hasEndedInput && upstream.pending.isEmpty
        case .backward: upstream.mayHaveInput && !upstream.hasEndedInput && downstream.pending.isEmpty
        }
    }

    private func receive(_ direction: RelayDirection, _ buffer: UnsafeMutableRawBufferPointer) -> ReceiveResult {
        unsafe direction == .forward ? downstream.receive(into: buffer) : upstream.receive(into: buffer)
    }

    private func send(_ direction: RelayDirection, _ bytes: UnsafeRawBufferPointer) -> Errno? {
        let count = UInt64(bytes.count)
        switch direction {
        case .forward:
            unsafe classify(fromClient: bytes)
            record.downstreamBytesReceived += count
            record.upstreamBytesSent += count
            return unsafe upstream.write(bytes)
        case .backward:
            noteServerSpoke()
            record.upstreamBytesReceived += count
            record.downstreamBytesSent += count
            return unsafe downstream.write(bytes)
        }
    }

    private func adapt(_ direction: RelayDirection, wasFull: Bool) {
        let isBehind = direction == .forward ? !upstream.pending.isEmpty : !downstream.pending.isEmpty
        func adapt(_ size: inout ReadSize) {
            if isBehind { size.sinkFellBehind() } else if wasFull { size.wasFull() }
        }
        if direction == .forward { adapt(&readSizes.forward) } else { adapt(&readSizes.backward) }
    }

    // MARK: Ending

    /// Passes on the ends that have been read and for which everything before them has been sent.
    private func passEnds(now: Instant) {
        guard !isFinished else { return }
        if downstream.hasEndedInput, isPassedOn(.forward), !state.hasEnded(.forward) {
            state.end(.forward, now: now)
            // The close below sends the FIN as well.
            if !state.isComplete, let errno = upstream.endOutput() { return broken(.forward, errno) }
            if !state.isComplete { scheduleReview() }
        }
        if upstream.hasEndedInput, isPassedOn(.backward), !state.hasEnded(.backward) {
            state.end(.backward, now: now)
            if !state.isComplete, let errno = downstream.endOutput() { return broken(.backward, errno) }
            if !state.isComplete { scheduleReview() }
        }
        guard state.isComplete else { return }
        downstream.closeCleanly()
        upstream.closeCleanly()
        close(.completed)
    }

    /// The sink has taken everything of a direction.
    private func isPassedOn(_ direction: RelayDirection) -> Bool { isFlushed(direction) && isPipeEmpty(direction) }

    /// A read failed: that side has reset. The other one gets what was sent to it before, then a reset too.
    func sourceFailed(_ direction: RelayDirection, _ errno: Errno) {
        let outcome: ErrorCode =
            errno == .timedOut ? .peerGone : direction == .forward ? .clientReset : .serverReset
        end(outcome, errno.description)
    }

    /// A write failed: the sink has reset. What it had sent before is still in its queue and is passed on first.
    func broken(_ direction: RelayDirection, _ errno: Errno) {
        emptyPipes()
        rescue(direction.opposite)
        sourceFailed(direction.opposite, errno)
    }

    /// Reads what a broken socket still holds, bounded, and gives it to the other side.
    private func rescue(_ direction: RelayDirection) {
        let buffer = unsafe UnsafeMutableRawBufferPointer(rebasing: thread.buffers.outgoing[...])
        for _ in 0..<16 {
            guard case .bytes(let count) = unsafe receive(direction, buffer) else { return }
            guard unsafe send(direction, UnsafeRawBufferPointer(rebasing: buffer[..<count])) == nil else { return }
        }
    }

    override func cut(_ outcome: ErrorCode, _ detail: String = "") { end(outcome, detail) }

    /// Ends by force: both sides are reset, after what was sent to them.
    private func end(_ outcome: ErrorCode, _ detail: String = "") {
        guard !isFinished else { return }
        emptyPipes()
        if isConnected {
            LingeringReset.begin(thread, downstream, now: thread.loop.now)
            LingeringReset.begin(thread, upstream, now: thread.loop.now)
        }
        downstream.reset()
        upstream.reset()
        close(outcome, detail)
    }

    private func close(_ outcome: ErrorCode, _ detail: String = "") {
        emptyPipes()
        plan?.release(thread)
        thread.plainRelayCount -= 1
        finish(outcome, detail)
    }

    override var heldByteCount: Int { downstream.pending.count + upstream.pending.count }

    override func isStillAllowed() -> ErrorCode? {
        guard record.direction == .inbound, case .plaintext(let reason) = record.security else { return nil }
        let port = thread.settings.proxy.inbound.settings(for: record.originalDestination?.port ?? 0)
        let target = record.originalDestination?.port ?? 0
        let facts = ConnectionFacts(peer: nil, source: record.client.address, port: target)
        let policies = thread.snapshot.policies
        guard policies.judge(facts).isAllowed, !thread.snapshot.readsRequests(port: target) else {
            return .policyChanged
        }
        if port.mode == .permissive || (reason == .passthroughTLS && port.passthroughTLS) { return nil }
        return .policyChanged
    }
}
