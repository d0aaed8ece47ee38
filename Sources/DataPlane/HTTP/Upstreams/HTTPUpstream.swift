// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Discovery
internal import HTTP2Codec
internal import HTTPCodec
internal import LinuxSystem
internal import MeshModel
internal import Reactor

/// How an attempt to have a request answered failed before any of the answer came.
struct AttemptFailure {
    let outcome: ErrorCode
    let detail: String
    /// It is proven that the application has not seen a byte: anything may be sent again.
    let isUntouched: Bool
    /// The connection had been used before and may have been closed by the other side in the meantime.
    let isStale: Bool
    /// It speaks against the endpoint.
    let isEndpointFault: Bool
    /// What the other end of an HTTP/2 stream gave as its reason, for the one on this side.
    var resetCode: HTTP2ErrorCode?
}

/// Carries one request to where it is answered, and the answer back: the far side of an ``Exchange``.
///
/// | subclass         | carries on                                                            |
/// |------------------|-----------------------------------------------------------------------|
/// | `PlainUpstream`  | HTTP/1 on a plaintext connection, kept for other requests afterwards   |
/// | `StreamUpstream` | HTTP/1 on a stream of its own on a pooled connection to the endpoint's sidecar |
/// | `HTTP2Upstream`  | HTTP/2 on a connection, or a stream to a sidecar, that carries others too; so may be HTTP/1 |
///
/// What is given to `begin`, `send` and `end` may wait for `flush`.
class HTTPUpstream: EventHandler {
    let thread: DataThread
    /// The thread's, as in ``Relay``.
    let loop: EventLoop
    let endpoint: Endpoint
    /// Whose request it carries; nil before and afterwards.
    private(set) var exchange: Exchange?
    /// The final head has come.
    private(set) var hasAnswered = false
    /// The whole answer has come.
    private(set) var isAnswered = false
    /// Why the far side has reset its HTTP/2 stream, and why the client has: each is told of the other.
    var resetCode: HTTP2ErrorCode?
    var cutCode: HTTP2ErrorCode?

    init(_ thread: DataThread, _ endpoint: Endpoint) {
        self.thread = thread
        loop = thread.loop
        self.endpoint = endpoint
        super.init()
    }

    // MARK: For the subclass to say

    func begin(_ request: HTTPRequest) { preconditionFailure("Every kind of upstream sends.") }
    func send(_ body: UnsafeRawBufferPointer) {}
    /// The request is complete.
    func end(_ trailers: HTTPFields) {}
    func flush() {}
    /// The application is known to be there: it may be that nothing of the request is ever held up for it.
    var isReached: Bool { false }
    /// More would have to be kept here: the client is not read meanwhile.
    var isFull: Bool { false }
    /// The client takes data again: reads on.
    func frontTakesAgain() {}
    /// Lets go of the request at once; what was sent of it is cut.
    func cut() {}
    /// The answer is complete: what carried it is kept for another request, or closed.
    func released() {}
    /// It carries a request on a connection that had been used before.
    var isStale: Bool { false }

    // MARK: The exchange

    func attach(_ exchange: Exchange) {
        self.exchange = exchange
        hasAnswered = false
        isAnswered = false
    }

    final func detach() { exchange = nil }

    /// True while the client does not take what has come.
    final var isPaused: Bool { exchange?.isFrontBlocked ?? false }

    final func answer(_ head: consuming HTTPResponse) {
        if !head.isInterim { hasAnswered = true }
        exchange?.answered(head)
    }

    final func answerEnded(_ trailers: HTTPFields) {
        isAnswered = true
        guard let exchange else { return }
        detach()
        released()
        exchange.answerEnded(trailers)
    }

    /// The attempt is over, and badly.
    final func failed(_ outcome: ErrorCode, _ detail: String, isUntouched: Bool, isEndpointFault: Bool) {
        guard let exchange else { return }
        detach()
        let failure = AttemptFailure(
            outcome: outcome, detail: detail, isUntouched: isUntouched && !hasAnswered, isStale: isStale,
            isEndpointFault: isEndpointFault, resetCode: resetCode)
        cut()
        exchange.attemptFailed(failure)
    }
}
