// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ConnectionStates
internal import Discovery
internal import LinuxSystem
internal import MeshModel
internal import Reactor

/// A plaintext connection to a server: the application beside an inbound proxy, or an endpoint outside the mesh.
///
/// Kept open for other requests, but never trusted for long: servers close idle connections when they like, and a request
/// that is under way in that moment is lost without anybody knowing whether it was read. What may be sent twice is; what
/// may not gets a connection that was in use a moment ago, or a fresh one.
final class PlainUpstream: HTTP1Upstream {
    /// How long a connection may have rested for a request that must not be repeated. Servers that close idle connections
    /// do so after seconds.
    private static let trustedRest: Duration = .milliseconds(50)

    private let end = PlainEnd()
    private var isConnected = false
    /// Our direction ends once all is sent.
    private var endsOutput = false
    private var wasUsed = false
    private(set) var idleSince: Instant?
    private let identifier: UInt64
    private let isSelf: Bool

    /// A connection for a request: one that is kept, where that is safe, else a new one.
    static func obtain(_ thread: DataThread, _ endpoint: Endpoint, for exchange: Exchange, isLocal: Bool)
        -> PlainUpstream
    {
        while let kept = thread.upstreams.take(endpoint.address) {
            if kept.isFit(for: exchange, now: thread.loop.now) {
                kept.idleSince = nil
                kept.wasUsed = true
                thread.loop.setDeadline(.never, of: kept)
                return kept
            }
            kept.close()
        }
        return PlainUpstream(thread, endpoint, isLocal: isLocal)
    }

    private init(_ thread: DataThread, _ endpoint: Endpoint, isLocal: Bool) {
        identifier = thread.nextConnectionID()
        isSelf = isLocal
        super.init(thread, endpoint)
        thread.upstreamCount += 1
        thread.loop.add(self)
    }

    override var isStale: Bool { wasUsed }
    override var isReached: Bool { isConnected }

    private func isFit(for exchange: Exchange, now: Instant) -> Bool {
        // Looking costs a system call. What can be sent again is, should the connection turn out to have ended; but once is
        // enough, where a server that restarts has ended all of them.
        if exchange.mayBeSentAgain, exchange.staleRetries == 0 { return true }
        guard exchange.isRepeatable || idleSince.map({ now - $0 <= Self.trustedRest }) ?? false else { return false }
        // Its end may lie in the socket already, before the loop has told of it.
        var byte: UInt8 = 0
        return unsafe withUnsafeMutableBytes(of: &byte) { buffer in
            if case .wouldBlock = unsafe end.receive(into: buffer) { true } else { false }
        }
    }

    private func dial() {
        do throws(SystemError) {
            end.open(try thread.dial(endpoint.address, isPlaintext: true, isLocal: isSelf))
            try loop.watch(end.number, for: self)
            let patience = exchange?.connectTimeout ?? thread.settings.proxy.timeouts.connect
            loop.setDeadline(loop.now + patience, of: self)
        } catch {
            let (outcome, detail) = (connectOutcome(error.errno), error.description)
            // Not from here: the exchange is in the middle of its attempt.
            loop.atEndOfTurn { [self] in connectFailed(outcome, detail) }
        }
    }

    private func connectFailed(_ outcome: ErrorCode, _ detail: String) {
        failed(outcome, detail, isUntouched: true, isEndpointFault: outcome != .descriptorsExhausted)
        close()
    }

    // MARK: Sending

    override func transmit(_ bytes: consuming [UInt8], ends: Bool) {
        if !end.isOpen { dial() }
        // A message says itself where it ends; what was switched to has no other end than the connection's.
        if ends, exchange?.isTunnel ?? false {
            endsOutput = true
            loop.sendSoon(self)
        }
        guard isConnected else {
            unsafe bytes.withUnsafeBytes { unsafe end.keep($0) }
            return thread.buffers.giveBack(consume bytes)
        }
        switch end.gatherOrWrite(lent: bytes, thread.buffers) {
        case .gathered: loop.sendSoon(self)
        case .written(let errno): if let errno { sendBroke(errno) }
        }
    }

    override func sendGathered() {
        if isConnected { _ = flushEnd(wasFull: isFull) }
    }

    /// Sends what is pending as far as it goes; false if the server is gone. `wasFull`: nothing was taken before.
    private func flushEnd(wasFull: Bool) -> Bool {
        if let errno = end.flush(thread.buffers) {
            sendBroke(errno)
            return false
        }
        if endsOutput, end.pending.isEmpty, !end.hasEndedOutput { _ = end.endOutput() }
        if wasFull, !isFull { exchange?.upstreamTakesAgain() }
        return true
    }

    override var isFull: Bool { end.isBlocked || !isConnected && !end.pending.isEmpty }

    // MARK: Events

    override func ready(_ readiness: Readiness, slot: UInt8, now: Instant) {
        end.note(readiness)
        if exchange == nil {
            // A server says nothing unasked; being writable is no news.
            return readiness.isDisjoint(with: [.readable, .peerEnded, .hangup, .error]) ? () : close()
        }
        let wasFull = isFull
        if !isConnected {
            if let errno = end.pendingError() {
                return connectFailed(connectOutcome(errno), "\(endpoint.address): \(errno)")
            }
            isConnected = true
            loop.setDeadline(.never, of: self)
            exchange?.reached()
        }
        if flushEnd(wasFull: wasFull) { readAgain() }
    }

    override func continueWork(now: Instant) { readAgain() }

    override func deadlineReached(now: Instant) {
        if exchange == nil { return close() }
        connectFailed(.connectTimeout, "\(endpoint.address)")
    }

    override func readAgain() {
        // In the thread's buffers lies what a session is being read from.
        guard thread.activePeer == nil else { return loop.again(self) }
        var budget = Relay.turnBudget
        while exchange != nil, isConnected, end.mayHaveInput, !isPaused {
            guard budget > 0 else { return loop.again(self) }
            let buffer = unsafe UnsafeMutableRawBufferPointer(rebasing: thread.buffers.plaintext[..<ReadSize.smallest])
            switch unsafe end.receive(into: buffer) {
            case .bytes(let count):
                budget -= count
                unsafe take(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            case .wouldBlock: return
            case .ended: return inputEnded("it closed the connection")
            case .failed(let errno): return broken(errno)
            }
        }
    }

    private func broken(_ errno: Errno) {
        inputBroke(errno.description)
        close()
    }

    /// It takes nothing any more. What it had answered before is still in its queue, whether or not the loop has told of it;
    /// once that is read, the failure comes back from the read.
    private func sendBroke(_ errno: Errno) {
        guard thread.activePeer == nil else {
            return loop.atEndOfTurn { [self] in if token != 0 { sendBroke(errno) } }
        }
        end.noteInput()
        if exchange != nil, isConnected { readAgain() }
        if exchange != nil { broken(errno) } else { close() }
    }

    // MARK: Afterwards

    override func released() {
        guard persists, end.pending.isEmpty || end.flush() == nil && end.pending.isEmpty, !end.hasEndedInput,
            isConnected
        else { return closeCleanly() }
        idleSince = loop.now
        guard thread.upstreams.put(self, identifier: identifier, for: endpoint.address)
        else {
            return closeCleanly()
        }
        loop.setDeadline(loop.now + thread.settings.proxy.http.idleUpstreamTimeout, of: self)
    }

    override func cut() {
        detach()
        close()
    }

    /// Says goodbye: the server sees an end, not a reset.
    private func closeCleanly() {
        end.closeCleanly()
        close()
    }

    func close() {
        guard token != 0 else { return }
        if idleSince != nil {
            thread.upstreams.remove(identifier: identifier, for: endpoint.address)
            end.closeCleanly()
        }
        end.reset()
        loop.remove(self)
        thread.upstreamCount -= 1
    }
}
