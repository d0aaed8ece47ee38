// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ControlAPI
internal import HTTPCodec
internal import LinuxSystem
internal import MeshModel
internal import PeerProtocol
internal import Reactor
internal import TLSSession

/// One HTTP/1.1 connection to a control plane, over mutual TLS, on the control thread's loop. It carries one request at a
/// time and knows nothing of what they mean. After a switch of protocols what comes is told as pieces of a body.
///
/// ```
///   connecting ─▶ handshake ─▶ open ─▶ closed
///        └────────────┴──────────┴─ .closed(problem), once, and nothing after it
/// ```
/// What came is read to the end before anybody is told: whoever is told may use another session, and all sessions of a
/// thread share one ``TLSStaging``.
final class ControlConnection: EventHandler {
    enum Event {
        /// The other end has proved that it is the control plane.
        case opened
        case head(HTTPResponse)
        /// A piece of the body.
        case body(ArraySlice<UInt8>)
        /// The response is whole; another request may be sent if it said so.
        case end
        case closed(Problem)
    }

    private enum Phase {
        case connecting
        case handshake
        case open
        case closed
    }

    /// From the first packet to the end of the handshake.
    private static let openTimeout = Duration.seconds(5)
    private static let readBytes = 64 << 10

    private let loop: EventLoop
    private let context: TLSContext
    private let address: SocketAddress
    private let tell: (Event) -> Void
    private var phase = Phase.connecting
    private var socket: Descriptor?
    private var tls: TLSSession?
    private var reader = ResponseReader(HTTPSettings())
    private var outgoing: [UInt8] = []
    private var plaintext: [UInt8] = []
    private var hasEnded = false
    private var isOpening = false
    /// What the session found wrong, to be told when all that came before it has been.
    private var problem: Problem?
    private var input = [UInt8](repeating: 0, count: readBytes)

    /// Begins to connect. `tell` is called from the loop, never from inside a call to this object.
    init(_ loop: EventLoop, _ context: TLSContext, _ address: SocketAddress, _ tell: @escaping (Event) -> Void) {
        self.loop = loop
        self.context = context
        self.address = address
        self.tell = tell
        super.init()
        loop.add(self)
        loop.setDeadline(loop.now + Self.openTimeout, of: self)
        do throws(SystemError) {
            let socket = try Descriptor.stream(address.address.family)
            try? socket.set(.noDelay)
            socket.set(LivenessSettings())
            let refusal = socket.connect(to: address)
            try loop.watch(socket.number, for: self)
            self.socket = consume socket
            if let refusal { throw SystemError(refusal, "connect \(address)") }
        } catch {
            let problem = unreachable("\(error.errno)")
            loop.atEndOfTurn { [self] in fail(problem) }
        }
    }

    var isOpen: Bool { phase == .open }

    /// Sends a request with its body. The response to the one before has ended.
    func send(_ request: HTTPRequest, _ body: [UInt8]) {
        guard phase == .open else { return }
        reader.expect(method: request.method)
        var bytes: [UInt8] = []
        HTTPWriter.append(request, to: &bytes)
        bytes += body
        write(bytes)
    }

    /// Sends bytes of the protocol that both have switched to: the last head was 101.
    func say(_ bytes: [UInt8]) {
        guard phase == .open else { return }
        write(bytes)
    }

    /// Ends it without a word to whoever began it.
    func close() {
        guard phase != .closed else { return }
        phase = .closed
        tls?.end()
        flush()
        loop.remove(self)
        socket = nil
        tls = nil
    }

    // MARK: The loop's side

    override func ready(_ readiness: Readiness, slot: UInt8, now: Instant) {
        if phase == .connecting { connected() }
        if phase == .closed || phase == .connecting { return }
        flush()
        read()
    }

    override func continueWork(now: Instant) { read() }

    override func deadlineReached(now: Instant) {
        guard phase == .connecting || phase == .handshake else { return }
        fail(unreachable(phase == .connecting ? "the connect took too long" : "the handshake took too long"))
    }

    private func connected() {
        if let errno = socket?.pendingError() ?? nil { return fail(unreachable("\(errno)")) }
        // An event may come before the connect is decided.
        guard let peer = try? socket?.peerAddress(), peer == address else { return }
        let expected = ControlIdentity.spiffeID(in: context.material.identity.trustDomain)
        guard let session = TLSSession(context, .dialler, expecting: expected) else {
            return fail(unreachable("there is no memory for a session"))
        }
        tls = consume session
        phase = .handshake
        shakeHands()
    }

    // MARK: Bytes in

    private func read() {
        // A bounded piece of work: four reads, then everybody else has a turn.
        for _ in 0..<4 {
            guard phase == .handshake || phase == .open else { return }
            let result = unsafe input.withUnsafeMutableBytes { buffer in
                let result = unsafe socket?.receive(into: buffer) ?? .ended
                // What was received lies in the buffer until the session has taken all of it, and no longer.
                if case .bytes(let count) = result {
                    unsafe context.staging.give(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                    decrypt()
                    unsafe context.staging.give(UnsafeRawBufferPointer(start: nil, count: 0))
                }
                return result
            }
            switch result {
            case .bytes: break
            case .wouldBlock: return
            case .ended: return fail(unreachable("it has ended the connection"))
            case .failed(let errno): return fail(unreachable("\(errno)"))
            }
            deliver()
        }
        if phase != .closed { loop.again(self) }
    }

    private func decrypt() {
        if phase == .handshake { shakeHands() }
        guard phase == .open else { return }
        // A record, which is the most that one call gives.
        let start = plaintext.count
        var end = start
        plaintext += [UInt8](repeating: 0, count: TLSStaging.plaintextMax)
        defer { plaintext.removeLast(plaintext.count - end) }
        while true {
            let room = end + TLSStaging.plaintextMax
            if plaintext.count < room { plaintext += [UInt8](repeating: 0, count: room - plaintext.count) }
            let result = unsafe plaintext.withUnsafeMutableBytes { bytes in
                unsafe tls?.read(into: UnsafeMutableRawBufferPointer(rebasing: bytes[end..<room])) ?? .ended
            }
            switch result {
            case .bytes(let count): end += count
            case .needsInput: return flush()
            case .ended:
                hasEnded = true
                return
            case .failed(let failure):
                problem = problem(of: failure)
                return flush()
            }
        }
    }

    private func shakeHands() {
        guard let progress = tls?.handshake(now: WallTime.now()) else { return }
        flush()
        switch progress {
        case .needsInput: break
        case .done:
            phase = .open
            loop.setDeadline(.never, of: self)
            isOpening = true
        case .failed(let failure): problem = problem(of: failure)
        }
    }

    /// Tells what the last input has brought.
    private func deliver() {
        if isOpening {
            isOpening = false
            tell(.opened)
        }
        let bytes = plaintext
        plaintext.removeAll(keepingCapacity: true)
        var offset = 0
        do throws(HTTPRefusal) {
            while phase == .open, let event = unsafe try reader.next(bytes.span.bytes, &offset) {
                switch consume event {
                case .head(let response): tell(.head(response))
                case .data(let range): tell(.body(bytes[range]))
                case .end: tell(.end)
                }
            }
        } catch {
            return fail(Problem(.controlMessage, at: "\(address)", "what it answers is not HTTP: \(error)"))
        }
        if let problem { return fail(problem) }
        if hasEnded { fail(unreachable("it has ended the connection")) }
    }

    // MARK: Bytes out

    private func write(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = rest.prefix(TLSStaging.plaintextMax)
            rest = rest.dropFirst(piece.count)
            let failure = unsafe piece.withUnsafeBytes { unsafe tls?.write($0) }
            if let failure = failure ?? nil {
                let problem = problem(of: failure)
                return loop.atEndOfTurn { [self] in fail(problem) }
            }
            takeOutput()
        }
        flush()
    }

    private func takeOutput() {
        unsafe outgoing.append(contentsOf: context.staging.output)
        context.staging.clearOutput()
    }

    /// Sends what waits; the loop tells when there is room for more.
    private func flush() {
        takeOutput()
        var sent = 0
        while sent < outgoing.count {
            let result = unsafe outgoing.withUnsafeBytes { bytes in
                unsafe socket?.send(UnsafeRawBufferPointer(rebasing: bytes[sent...]))
            }
            // An end shows when it is read.
            guard case .bytes(let count)? = result else { break }
            sent += count
        }
        outgoing.removeFirst(sent)
    }

    // MARK: The end

    private func fail(_ problem: Problem) {
        guard phase != .closed else { return }
        close()
        tell(.closed(problem))
    }

    private func unreachable(_ reason: String) -> Problem {
        Problem(.controlUnreachable, at: "\(address)", reason)
    }

    private func problem(of failure: TLSFailure) -> Problem {
        switch failure {
        case .certificate(let rejection):
            Problem(.controlIdentity, at: "\(address)", "\(rejection.code.label) \(rejection.detail)")
        case .alert(let name): unreachable("it refuses us with the TLS alert `\(name)`")
        case .noCommonProtocol: unreachable("it does not speak HTTP/1.1")
        case .protocolError(let text): unreachable("what it speaks is not TLS as it should be: \(text)")
        }
    }
}
