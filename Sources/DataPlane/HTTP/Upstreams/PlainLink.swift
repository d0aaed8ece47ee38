// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Discovery
internal import LinuxSystem
internal import MeshModel
internal import Reactor

/// HTTP/2 on a plaintext connection: to the application beside an inbound proxy, or to an endpoint outside the mesh.
final class PlainLink: HTTP2Link {
    private let end = PlainEnd()

    /// A link for a request: one that is there, where that is safe, else a new one.
    static func obtain(_ thread: DataThread, _ endpoint: Endpoint, for exchange: Exchange, isLocal: Bool) -> HTTP2Link {
        let key = HTTP2LinkKey.plain(endpoint.address)
        if let link = fit(for: exchange, among: thread.requests.links.all(key)) { return link }
        let link = PlainLink(thread, endpoint, key)
        thread.requests.links.add(link)
        link.dial(
            isLocal: isLocal,
            patience: exchange.connectTimeout ?? thread.settings.proxy.timeouts.connect)
        return link
    }

    private func dial(isLocal: Bool, patience: Duration) {
        do throws(SystemError) {
            end.open(try thread.dial(endpoint.address, isPlaintext: true, isLocal: isLocal))
            try thread.loop.watch(end.number, for: self)
            thread.loop.setDeadline(thread.loop.now + patience, of: self)
        } catch {
            let (outcome, detail) = (connectOutcome(error.errno), error.description)
            // Not from here: the exchange is in the middle of its attempt.
            thread.loop.atEndOfTurn { [self] in connectFailed(outcome, detail) }
        }
    }

    private func connectFailed(_ outcome: ErrorCode, _ detail: String) {
        fail(outcome, detail, isUntouched: true, isEndpointFault: outcome != .descriptorsExhausted)
    }

    override func ready(_ readiness: Readiness, slot: UInt8, now: Instant) {
        end.note(readiness)
        let wasBlocked = isBlocked
        if !isReached {
            if let errno = end.pendingError() {
                return connectFailed(connectOutcome(errno), "\(endpoint.address): \(errno)")
            }
            reached()
        }
        if let errno = end.flush() { return broken(errno.description) }
        if wasBlocked, !isBlocked { flushNow() }
        read()
    }

    override func continueWork(now: Instant) { read() }

    override func deadlineReached(now: Instant) {
        guard isReached else { return connectFailed(.connectTimeout, "\(endpoint.address)") }
        restIsOver()
    }

    private func read() {
        var budget = Relay.turnBudget
        while !isClosed, isReached, end.mayHaveInput {
            guard budget > 0 else { return thread.loop.again(self) }
            let buffer = unsafe UnsafeMutableRawBufferPointer(rebasing: thread.buffers.plaintext[..<ReadSize.smallest])
            switch unsafe end.receive(into: buffer) {
            case .bytes(let count):
                budget -= count
                unsafe take(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            case .wouldBlock: return
            case .ended: return broken("it closed the connection")
            case .failed(let errno): return broken(errno.description)
            }
        }
    }

    private func broken(_ detail: String) {
        fail(.responseMissing, detail, isUntouched: false, isEndpointFault: true)
    }

    // MARK: To the far side

    override var isBlocked: Bool { !isReached || end.isBlocked }

    override func transmit(_ bytes: [UInt8]) {
        if let errno = unsafe bytes.withUnsafeBytes({ unsafe end.write($0) }) {
            // What it has answered before lies in its queue still; the failure comes back from the read.
            let detail = errno.description
            thread.loop.atEndOfTurn { [self] in
                read()
                if !isClosed { broken(detail) }
            }
        }
    }

    override func closeTransport() {
        end.closeCleanly()
        closed()
    }

    override func resetTransport() {
        end.reset()
        closed()
    }
}
