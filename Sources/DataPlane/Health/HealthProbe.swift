// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ConnectionStates
internal import Discovery
internal import HTTPCodec
internal import LinuxSystem
internal import MeshModel
internal import PeerProtocol
internal import Reactor
internal import TLSSession
internal import Telemetry

/// What one check came to.
enum ProbeResult {
    case good
    case bad(ErrorCode, String)
    /// It says nothing of the endpoint: we have no identity, or no descriptors.
    case inconclusive
}

/// A check under way. It tells its result once, and nothing once it is cancelled.
class HealthProbe: EventHandler {
    let thread: DataThread
    private var done: ((ProbeResult) -> Void)?

    init(_ thread: DataThread, _ done: @escaping (ProbeResult) -> Void) {
        self.thread = thread
        self.done = done
        super.init()
        thread.loop.add(self)
    }

    func begin() { preconditionFailure("Every kind of probe begins.") }

    /// Lets go of whatever it has open. Called once.
    func close() {}

    final func finish(_ result: ProbeResult) {
        guard let done else { return }
        self.done = nil
        close()
        thread.loop.remove(self)
        done(result)
    }

    final func cancel() {
        guard done != nil else { return }
        done = nil
        close()
        thread.loop.remove(self)
    }

    final var isOver: Bool { done == nil }
}

/// Connects in plaintext, and leaves.
final class ConnectProbe: HealthProbe {
    private let address: SocketAddress
    private var socket: Descriptor?

    init(_ thread: DataThread, _ address: SocketAddress, _ done: @escaping (ProbeResult) -> Void) {
        self.address = address
        super.init(thread, done)
    }

    override func begin() {
        do throws(SystemError) {
            let socket = try thread.dial(address, isPlaintext: true)
            // It leaves by FIN: servers log a reset.
            socket.setResetOnClose(false)
            try thread.loop.watch(socket.number, for: self)
            self.socket = consume socket
        } catch {
            let result = Self.result(error.errno, address)
            thread.loop.atEndOfTurn { [self] in finish(result) }
        }
    }

    override func ready(_ readiness: Readiness, slot: UInt8, now: Instant) {
        if let errno = socket?.pendingError() { return finish(Self.result(errno, address)) }
        finish(.good)
    }

    override func close() { socket = nil }

    private static func result(_ errno: Errno, _ address: SocketAddress) -> ProbeResult {
        let outcome = connectOutcome(errno)
        return outcome == .descriptorsExhausted ? .inconclusive : .bad(outcome, "\(address): \(errno)")
    }
}

/// Opens a stream to the application behind the endpoint's sidecar, and aborts it when it has been reached.
final class StreamProbe: HealthProbe, PeerStreamUser {
    private let endpoint: Endpoint
    private var peer: PeerConnection?
    let startedAt: Instant

    init(_ thread: DataThread, _ endpoint: Endpoint, _ done: @escaping (ProbeResult) -> Void) {
        self.endpoint = endpoint
        startedAt = thread.loop.now
        super.init(thread, done)
    }

    override func begin() {
        guard case .mutualTLS(let identity) = endpoint.security, let context = thread.identity else {
            return thread.loop.atEndOfTurn { [self] in finish(.inconclusive) }
        }
        let key = PeerKey(endpoint, identity, context)
        // Always a connection of its own: whether a new one comes about is what is asked.
        PeerConnection.dial(thread, key, context, for: self) { peer = $0 }
    }

    override func close() {
        guard let peer else { return }
        self.peer = nil
        // Not from here: this may be inside the session's own call.
        thread.loop.atEndOfTurn { peer.abortStream(ResetFrame(stream: 0, reason: .aborted), isRefusal: false) }
    }

    var isSinkFull: Bool { false }

    func peerIsReady() {
        peer?.open { open in
            open.isCheck = true
            open.client = SocketAddress(thread.ownAddresses.first ?? endpoint.address.address, 0)
        }
    }

    func peerIsConfirmed() {}
    func peerOpened() { finish(.good) }
    func willReceive(_ bytes: UnsafeRawBufferPointer) {}
    func receive() {}
    func peerTakesDataAgain() {}

    // An application that is reached and ends at once has been reached.
    func peerEnded() { finish(.good) }

    func peerIsDone() {
        peer = nil
        finish(.good)
    }

    func peerAborted(_ reset: ResetFrame) {
        peer = nil
        finish(.bad(reset.reason.outcome, "the peer's sidecar says so"))
    }

    func peerFailed(_ outcome: ErrorCode, _ detail: String, _ kind: Replay.Failure, isEndpointFault: Bool) {
        peer = nil
        finish(isEndpointFault ? .bad(outcome, detail) : .inconclusive)
    }

    func dismiss(_ outcome: ErrorCode, _ detail: String) { finish(.bad(outcome, detail)) }
}

/// Sends a request on the way that traffic takes, and looks at the status of its answer.
final class RequestProbe: HealthProbe, ExchangeFront {
    /// What follows the head of an answer is read so that the connection can be kept, but not for ever.
    private static let bodyMax = 64 << 10

    private let endpoint: Endpoint
    private let service: ResourceReference
    private let probe: HealthCheck.HTTPProbe
    private var exchange: Exchange?
    private var status: Int?
    private var bodyCount = 0
    private let record: RequestRecord
    var clientText: String { record.client.description }
    var origin: ExchangeOrigin { ExchangeOrigin(dialled: nil, service: nil) }
    func beginRecord() -> RequestRecord { record }

    init(
        _ thread: DataThread, _ endpoint: Endpoint, _ service: ResourceReference, _ probe: HealthCheck.HTTPProbe,
        _ done: @escaping (ProbeResult) -> Void
    ) {
        self.endpoint = endpoint
        self.service = service
        self.probe = probe
        let client = SocketAddress(thread.ownAddresses.first ?? endpoint.address.address, 0)
        record = RequestRecord(
            connection: thread.nextConnectionID(), direction: .outbound, client: client, startedAt: thread.loop.now)
        super.init(thread, done)
    }

    override func begin() {
        var request = HTTPRequest(
            method: probe.method, authority: probe.host ?? service.name.text, target: probe.path)
        request.fields.add("user-agent", "weft-check")
        for field in probe.fields { request.fields.set(field.name, field.value) }
        let exchange = Exchange(thread, self, request, checking: endpoint)
        self.exchange = exchange
        exchange.flush()
    }

    override func close() {
        let exchange = exchange
        self.exchange = nil
        // Not from here: this may be inside the exchange's own call.
        thread.loop.atEndOfTurn { exchange?.abandon(.requestTimeout, "") }
    }

    private func judge() {
        guard let status else { return finish(.bad(.responseMissing, "no answer")) }
        finish(probe.isGood(status) ? .good : .bad(.responseMissing, "status \(status)"))
    }

    // MARK: What the exchange tells

    /// Nobody is to be told of a failure but us, and as it is.
    var isSidecar: Bool { true }
    var gateway: GatewayOrigin? { nil }
    var isOutBlocked: Bool { false }

    func write(_ head: HTTPResponse) {
        if !head.isInterim { status = head.status }
    }

    func write(_ body: UnsafeRawBufferPointer) {
        bodyCount += body.count
        guard bodyCount > Self.bodyMax else { return }
        judge()
    }

    func endAnswer(_ trailers: HTTPFields) {}
    func flush() {}
    func exchangeTakesAgain() {}
    func exchangeReached() {}

    func exchangeEnded() {
        exchange = nil
        judge()
    }

    func exchangeFailed(_ failure: AttemptFailure) {
        exchange = nil
        finish(failure.isEndpointFault ? .bad(failure.outcome, failure.detail) : .inconclusive)
    }
}
