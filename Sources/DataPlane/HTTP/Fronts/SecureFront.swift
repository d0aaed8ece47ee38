// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Discovery
internal import LinuxSystem
internal import MeshModel
internal import Reactor
internal import TLSSession
internal import Telemetry

/// Requests of a client of a gateway, inside TLS that ends here.
///
/// The staging of the thread belongs to one session at a time: what comes is decrypted whole before anybody looks at it,
/// and what goes out while another session is at work waits for the end of the turn.
final class SecureFront: PlainFront {
    /// Plaintext that waits to be encrypted; beyond it the answer is not read on.
    private static let waitingMax = 64 << 10

    private let tls: GatewayTLSSession
    private var isEstablished = false
    private var waiting: [UInt8] = []
    private var hasEndedTLS = false
    private var isPutOff = false

    /// A client whose server name belongs to an HTTPS listener; takes the place of the gate, with the ClientHello.
    static func begin(
        _ thread: DataThread, _ end: PlainEnd, replacing gate: EventHandler, _ listener: GatewayListener,
        _ record: ConnectionRecord, firstBytes: [UInt8]
    ) {
        guard let context = thread.gatewayContexts[listener.label], let tls = GatewayTLSSession(context),
            let downstream = end.take()
        else {
            end.reset()
            thread.loop.remove(gate)
            return thread.refused(record, .internalFault, "no TLS for \(listener.label)")
        }
        thread.opened(.outbound)
        let front = SecureFront(thread, downstream, record, tls)
        front.gateway = GatewayOrigin(secureListener: listener.label)
        thread.loop.replace(gate, with: front)
        thread.loop.setDeadline(thread.loop.now + thread.settings.proxy.timeouts.handshake, of: front)
        unsafe firstBytes.withUnsafeBytes { unsafe front.decrypt($0) }
        front.readTransport()
    }

    private init(
        _ thread: DataThread, _ end: PlainEnd, _ record: ConnectionRecord, _ tls: GatewayTLSSession
    ) {
        self.tls = tls
        super.init(thread, end, record)
    }

    // MARK: From the client

    override func readTransport() {
        guard thread.activePeer == nil else { return loop.again(self) }
        var budget = Relay.turnBudget
        while !isFinished, end.mayHaveInput, !end.hasEndedInput, !isInputPaused, !isClosing {
            guard budget > 0 else { return loop.again(self) }
            let buffer = unsafe UnsafeMutableRawBufferPointer(rebasing: thread.buffers.ciphertext[..<ReadSize.smallest])
            switch unsafe end.receive(into: buffer) {
            case .bytes(let count):
                budget -= count
                unsafe decrypt(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            case .wouldBlock: return
            // Inside TLS an end is said before; where it was not, it is a cut.
            case .ended: return clientFailed(.clientReset, "the connection ended without a word")
            case .failed(let errno): return clientFailed(.clientReset, errno.description)
            }
        }
    }

    private enum Ending {
        case failed(ErrorCode, String)
        case ended
    }

    private func decrypt(_ ciphertext: UnsafeRawBufferPointer) {
        var plaintext: [UInt8] = []
        unsafe thread.staging.give(ciphertext)
        let ending = advance(into: &plaintext)
        unsafe thread.staging.give(UnsafeRawBufferPointer(start: nil, count: 0))
        sendStaged()
        guard !isFinished else { return }
        if !plaintext.isEmpty { unsafe plaintext.withUnsafeBytes { unsafe take($0) } }
        guard !isFinished else { return }
        switch ending {
        case .failed(let outcome, let detail): clientFailed(outcome, detail)
        case .ended: inputEnded()
        case nil: break
        }
    }

    /// The handshake as far as it goes, then records.
    private func advance(into plaintext: inout [UInt8]) -> Ending? {
        if !isEstablished {
            switch tls.handshake() {
            case .needsInput: return nil
            case .done:
                isEstablished = true
                loop.setDeadline(loop.now + thread.settings.proxy.http.headTimeout, of: self)
            case .failed(let failure): return .failed(.handshakeFailed, "\(failure)")
            }
        }
        let buffer = unsafe UnsafeMutableRawBufferPointer(rebasing: thread.buffers.outgoing[..<TLSStaging.plaintextMax])
        while true {
            switch unsafe tls.read(into: buffer) {
            case .bytes(let count):
                unsafe plaintext.append(contentsOf: buffer[..<count])
                if tls.hasReadEverything { return nil }
            case .needsInput: return nil
            case .ended: return .ended
            case .failed(let failure): return .failed(.protocolViolation, "\(failure)")
            }
        }
    }

    // MARK: To the client

    override var isOutBlocked: Bool { super.isOutBlocked || waiting.count >= Self.waitingMax }

    override func transmit(_ bytes: consuming [UInt8], ends: Bool) {
        waiting += bytes
        thread.buffers.giveBack(consume bytes)
        encryptOrPutOff()
    }

    private func encryptOrPutOff() {
        guard thread.activePeer != nil else { return encrypt() }
        guard !isPutOff else { return }
        isPutOff = true
        loop.atEndOfTurn { [self] in
            isPutOff = false
            guard !isFinished else { return }
            let wasBlocked = isOutBlocked
            encrypt()
            if isClosing { return finishClosing() }
            // What waited here may have been all that held up the answer: no event of the socket will tell.
            if wasBlocked, !isOutBlocked { takesAgain() }
        }
    }

    private func encrypt() {
        let bytes = waiting
        waiting.removeAll(keepingCapacity: true)
        unsafe bytes.withUnsafeBytes { all in
            var start = 0
            while start < all.count {
                let stop = min(all.count, start + TLSStaging.plaintextMax)
                if !thread.staging.hasRoomForRecord { sendStaged() }
                if unsafe tls.write(UnsafeRawBufferPointer(rebasing: all[start..<stop])) != nil { break }
                start = stop
            }
        }
        sendStaged()
    }

    /// Gives the socket what the session wants sent.
    private func sendStaged() {
        let staged = unsafe thread.staging.output
        defer { thread.staging.clearOutput() }
        if unsafe !staged.isEmpty { unsafe give(staged) }
    }

    /// close_notify goes before the end of the connection.
    override func beforeClosing() -> Bool {
        guard thread.activePeer == nil, waiting.isEmpty else {
            encryptOrPutOff()
            return false
        }
        guard !hasEndedTLS else { return true }
        hasEndedTLS = true
        tls.end()
        sendStaged()
        return end.pending.isEmpty
    }

    override var heldByteCount: Int { super.heldByteCount + waiting.count }
}
