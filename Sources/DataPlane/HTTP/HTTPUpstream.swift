// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Discovery
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
}

/// Carries one request to where it is answered, and the answer back: the far side of an ``Exchange``.
///
/// | subclass         | carries on                                                            |
/// |------------------|-----------------------------------------------------------------------|
/// | `PlainUpstream`  | a plaintext connection, kept for other requests afterwards             |
/// | `StreamUpstream` | a stream of its own on a pooled connection to the endpoint's sidecar    |
class HTTPUpstream: EventHandler {
    let thread: DataThread
    let endpoint: Endpoint
    /// Whose request it carries; nil before and afterwards.
    private(set) var exchange: Exchange?
    private var reader: ResponseReader
    private var hasAnswered = false
    private(set) var isAnswered = false
    private(set) var persists = true

    init(_ thread: DataThread, _ endpoint: Endpoint) {
        self.thread = thread
        self.endpoint = endpoint
        reader = ResponseReader(thread.settings.proxy.http)
        super.init()
    }

    /// Sends the next bytes of the request; with `ends` they are its last.
    func send(_ bytes: [UInt8], ends: Bool) { preconditionFailure("Every kind of upstream sends.") }
    /// The application is known to be there: it may be that nothing of the request is ever held up for it.
    var isReached: Bool { false }
    /// More would have to be kept here: the client is not read meanwhile.
    var isFull: Bool { false }
    /// Reads again after the client's side was full.
    func readAgain() {}
    /// Lets go of the request at once; what was sent of it is cut.
    func cut() {}
    /// The answer is complete: kept for another request, or closed.
    func released() {}

    final func attach(_ exchange: Exchange) {
        self.exchange = exchange
        hasAnswered = false
        isAnswered = false
        reader.expect(method: exchange.method)
    }

    final func detach() { exchange = nil }

    /// True while the client does not take what has come.
    final var isPaused: Bool { exchange?.isFrontBlocked ?? false }

    /// Bytes of the answer.
    final func take(_ bytes: UnsafeRawBufferPointer) {
        unsafe parse(bytes)
        exchange?.flushFront()
    }

    /// The client takes data again.
    final func frontTakesAgain() {
        if !isPaused { readAgain() }
    }

    private func parse(_ bytes: UnsafeRawBufferPointer) {
        var offset = 0
        do throws(HTTPRefusal) {
            while let exchange, !isAnswered, let event = try unsafe reader.next(bytes.bytes, &offset) {
                switch event {
                case .head(let head):
                    if !head.isInterim { hasAnswered = true }
                    persists = head.persists
                    exchange.answered(head, by: self)
                case .data(let range):
                    unsafe exchange.answerData(UnsafeRawBufferPointer(rebasing: bytes[range]))
                case .end(let trailers):
                    isAnswered = true
                    finish(exchange, trailers)
                }
            }
        } catch {
            return failed(.responseMalformed, error.sentence, isUntouched: false, isEndpointFault: true)
        }
        // Bytes behind an answer belong to nobody.
        if offset < bytes.count, isAnswered { persists = false }
    }

    private func finish(_ exchange: Exchange, _ trailers: HTTPFields) {
        // An answer that came before the whole request was sent leaves the connection in the middle of it.
        if !exchange.hasSentAll { persists = false }
        detach()
        released()
        exchange.answerEnded(trailers)
    }

    /// The far side has ended its direction.
    final func inputEnded(_ detail: String) {
        guard exchange != nil, !isAnswered else { return }
        do throws(HTTPRefusal) {
            if case .end(let trailers)? = try reader.inputEnded(), let exchange {
                isAnswered = true
                persists = false
                return finish(exchange, trailers)
            }
        } catch {}
        failed(hasAnswered ? .responseCut : .responseMissing, detail, isUntouched: false, isEndpointFault: true)
    }

    /// The attempt is over, and badly.
    final func failed(_ outcome: ErrorCode, _ detail: String, isUntouched: Bool, isEndpointFault: Bool) {
        guard let exchange else { return }
        detach()
        let failure = AttemptFailure(
            outcome: outcome, detail: detail, isUntouched: isUntouched && !hasAnswered, isStale: isStale,
            isEndpointFault: isEndpointFault)
        cut()
        exchange.attemptFailed(failure)
    }

    /// It carries a request on a connection that had been used before.
    var isStale: Bool { false }
}
