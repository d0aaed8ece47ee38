// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
internal import ConnectionStates
internal import Detection
internal import HTTPCodec
internal import LinuxSystem
internal import MeshModel
internal import Reactor
internal import Telemetry

/// A connection on which requests come: the transport below an ``HTTPConversation``.
///
/// | subclass      | the requests come on                                                     |
/// |---------------|---------------------------------------------------------------------------|
/// | `PlainFront`  | a plaintext connection: of the workload, or of a client on a permissive port |
/// | `StreamFront` | a stream that another sidecar has opened                                    |
///
/// HTTP/1 and HTTP/2 are told apart by the first bytes: HTTP/2 begins with a preface that no HTTP/1 request is like (RFC
/// 9113 section 3.4).
class HTTPFront: Relay {
    private var conversation: (any HTTPConversation)?
    /// First bytes that may still become HTTP/2's preface.
    private var opening: [UInt8] = []
    private(set) var hasInputEnded = false
    /// Set for clients of a gateway.
    var gateway: GatewayOrigin?
    private(set) lazy var clientText = record.client.description
    /// The client's sidecar has made streams of HTTP/2 of what was HTTP/1.
    let carriesHTTP1: Bool
    /// Requests so far, malformed ones too.
    var requestCount = 0

    init(_ thread: DataThread, _ record: consuming ConnectionRecord, carriesHTTP1: Bool = false) {
        self.carriesHTTP1 = carriesHTTP1
        record.state = "http"
        super.init(thread, consume record, isClassified: true)
    }

    // MARK: Its requests

    /// Where the connection decides that its requests go.
    final var origin: ExchangeOrigin { ExchangeOrigin(dialled: record.originalDestination, service: record.service) }

    /// The record of a request that begins now. Not made from the whole of the connection's, which would be copied for it.
    final func beginRecord() -> RequestRecord {
        RequestRecord(
            connection: record.id, direction: record.direction, client: record.client, security: record.security,
            startedAt: loop.now)
    }

    /// Its requests are streams of one session.
    final var hasSession: Bool { conversation is HTTP2Conversation }

    // MARK: For the subclass to say

    /// Gives bytes to the client, in an array that goes back to the thread's buffers; with `ends` they are the last on this
    /// connection.
    func transmit(_ bytes: consuming [UInt8], ends: Bool) { preconditionFailure("Every kind of front transmits.") }
    /// The last answer has been given: only its end is waited for.
    var isEnding: Bool { false }
    /// What was given has not been taken yet.
    var isOutBlocked: Bool { false }
    /// True where the client is another sidecar.
    var isSidecar: Bool { false }
    /// There may be something to be read.
    var mayHaveInput: Bool { true }
    /// Reads what the transport holds.
    func readTransport() {}
    /// The last answer is out: ends cleanly.
    func closeTransport() {}
    /// Ends by force; `failure` is what the other sidecar is told of the request under way.
    func resetTransport(_ failure: AttemptFailure) {}
    /// The application has been reached for a request.
    func applicationReached() {}

    // MARK: From the client

    final var isInputPaused: Bool { conversation?.isInputPaused ?? false }

    /// Bytes that have come.
    final func take(_ bytes: UnsafeRawBufferPointer) {
        guard !isFinished else { return }
        state.move(now: loop.now)
        record.downstreamBytesReceived += UInt64(bytes.count)
        if let conversation { return unsafe conversation.take(bytes) }
        unsafe beginConversation(bytes)
    }

    private func beginConversation(_ bytes: UnsafeRawBufferPointer) {
        if opening.isEmpty, let first = unsafe bytes.first, !first.isTokenCharacter, first != 13, first != 10 {
            // No method begins like it: TLS of the application's own, or no HTTP at all.
            return clientFailed(.notHTTP, "the first byte is \(first)")
        }
        if opening.isEmpty, let spoken = unsafe Self.spoken(bytes) { return unsafe converse(in: spoken, bytes) }
        let all = unsafe opening + bytes
        opening = all
        if let spoken = unsafe all.withUnsafeBytes({ unsafe Self.spoken($0) }) { return converse(in: spoken) }
        loop.setDeadline(loop.now + thread.settings.proxy.http.headTimeout, of: self)
    }

    /// Nil while it may still become HTTP/2's preface.
    private static func spoken(_ bytes: UnsafeRawBufferPointer) -> DetectedProtocol? {
        let preface = FirstBytes.http2Preface
        for index in 0..<min(preface.count, bytes.count) where unsafe bytes[index] != preface[index] { return .http1 }
        return bytes.count < preface.count ? nil : .http2
    }

    private func converse(in spoken: DetectedProtocol) {
        let bytes = opening
        opening = []
        unsafe bytes.withUnsafeBytes { unsafe converse(in: spoken, $0) }
    }

    private func converse(in spoken: DetectedProtocol, _ bytes: UnsafeRawBufferPointer) {
        record.detected = carriesHTTP1 ? .http1 : spoken
        let conversation: any HTTPConversation =
            spoken == .http2 ? HTTP2Conversation(self) : HTTP1Conversation(self)
        self.conversation = conversation
        unsafe conversation.take(bytes)
    }

    /// The client has ended its direction.
    final func inputEnded() {
        hasInputEnded = true
        if !opening.isEmpty { converse(in: .http1) }
        if let conversation { return conversation.inputEnded() }
        closeTransport()
    }

    /// The client has reset, or is gone.
    final func clientFailed(_ outcome: ErrorCode, _ detail: String) { fail(AttemptFailure(outcome, detail)) }

    private func fail(_ failure: AttemptFailure) {
        if let conversation { conversation.fail(failure) } else { resetTransport(failure) }
    }

    /// The client has taken what was waiting.
    final func takesAgain() { conversation?.takesAgain() }

    // MARK: Life

    /// Ends with one line in the log for the connection only where none of its requests tells it.
    final func conclude(_ outcome: ErrorCode, _ detail: String = "") {
        conversation = nil
        finish(outcome, detail, isLogged: requestCount == 0 || outcome != .completed)
    }

    override func deadlineReached(now: Instant) {
        if !opening.isEmpty { converse(in: .http1) }
        if let conversation { conversation.deadlineReached(now: now) } else { closeTransport() }
    }

    override func continueWork(now: Instant) {
        if let conversation { conversation.goOn() } else { readTransport() }
    }

    /// We leave: no request after those under way.
    final func announceLeaving() {
        if let conversation { conversation.announceLeaving() } else { closeTransport() }
    }

    override func cut(_ outcome: ErrorCode, _ detail: String = "") { fail(AttemptFailure(outcome, detail)) }

    override var heldByteCount: Int { opening.count + (conversation?.heldByteCount ?? 0) }
}

extension AttemptFailure {
    /// One that says nothing about an endpoint.
    init(_ outcome: ErrorCode, _ detail: String) {
        self.init(outcome: outcome, detail: detail, isUntouched: false, isStale: false, isEndpointFault: false)
    }
}

/// How a client came to a gateway.
struct GatewayOrigin {
    /// The HTTPS listener that its server name chose; nil: plaintext, and the host of each request chooses.
    let secureListener: String?

    var scheme: String { secureListener == nil ? "http" : "https" }
}
