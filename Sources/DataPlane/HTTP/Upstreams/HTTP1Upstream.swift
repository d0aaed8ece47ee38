// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Discovery
internal import HTTPCodec
internal import LinuxSystem
internal import MeshModel
internal import Reactor

/// Carries a request as HTTP/1.1: writes it, and reads its answer. The subclass has the bytes carried.
class HTTP1Upstream: HTTPUpstream {
    private var reader: ResponseReader
    private var out: [UInt8] = []
    private var isChunked = false
    private var hasEnd = false
    private var hasFlushedEnd = false
    /// The connection may carry another request.
    private(set) var persists = true

    override init(_ thread: DataThread, _ endpoint: Endpoint) {
        reader = ResponseReader(thread.settings.proxy.http)
        super.init(thread, endpoint)
    }

    // MARK: For the subclass to say

    /// Gives the next bytes of the request to the connection, in an array that goes back to the thread's buffers; with `ends`
    /// they are its last.
    func transmit(_ bytes: consuming [UInt8], ends: Bool) { preconditionFailure("Every kind of upstream transmits.") }
    /// Reads what has come, and what could not be taken before.
    func readAgain() {}

    // MARK: The request

    override final func attach(_ exchange: Exchange) {
        super.attach(exchange)
        reader.expect(method: exchange.method)
        hasEnd = false
        hasFlushedEnd = false
    }

    override final func begin(_ request: HTTPRequest) {
        isChunked = request.body == .chunked
        var bytes = takeOut()
        if bytes.capacity == 0 { bytes = thread.buffers.array() }
        HTTPWriter.append(request, to: &bytes)
        out = bytes
    }

    /// Not lent (ARCHITECTURE.md, "Properties are not lent").
    private func takeOut() -> [UInt8] {
        var taken: [UInt8] = []
        swap(&taken, &out)
        return taken
    }

    override final func send(_ body: UnsafeRawBufferPointer) {
        var bytes = takeOut()
        if isChunked {
            unsafe HTTPWriter.appendChunk(body, to: &bytes)
        } else {
            unsafe bytes.append(contentsOf: body)
        }
        out = bytes
    }

    override final func end(_ trailers: HTTPFields) {
        guard !hasEnd else { return }
        if isChunked {
            var bytes = takeOut()
            HTTPWriter.appendLastChunk(trailers: trailers, to: &bytes)
            out = bytes
        }
        hasEnd = true
    }

    override final func flush() {
        guard !out.isEmpty || hasEnd && !hasFlushedEnd else { return }
        let bytes = takeOut()
        hasFlushedEnd = hasEnd
        transmit(bytes, ends: hasEnd)
    }

    // MARK: The answer

    /// Bytes of the answer.
    final func take(_ bytes: UnsafeRawBufferPointer) {
        unsafe parse(bytes)
        exchange?.flushFront()
    }

    override final func frontTakesAgain() {
        if !isPaused { readAgain() }
    }

    private func parse(_ bytes: UnsafeRawBufferPointer) {
        var offset = 0
        do throws(HTTPRefusal) {
            while let exchange, !isAnswered, let event = try unsafe reader.next(bytes.bytes, &offset) {
                switch consume event {
                case .head(let head):
                    persists = head.persists
                    answer(head)
                case .data(let range):
                    unsafe exchange.answerData(UnsafeRawBufferPointer(rebasing: bytes[range]))
                case .end(let trailers):
                    // An answer that came before the whole request was sent leaves the connection in the middle of it.
                    if !exchange.hasSentAll { persists = false }
                    answerEnded(trailers)
                }
            }
        } catch {
            return failed(.responseMalformed, error.sentence, isUntouched: false, isEndpointFault: true)
        }
        // Bytes behind an answer belong to nobody.
        if offset < bytes.count, isAnswered { persists = false }
    }

    /// The far side has ended its direction.
    final func inputEnded(_ detail: String) {
        guard exchange != nil, !isAnswered else { return }
        do throws(HTTPRefusal) {
            if case .end(let trailers)? = try reader.inputEnded(), exchange != nil {
                persists = false
                return answerEnded(trailers)
            }
        } catch {}
        inputBroke(detail)
    }

    /// The connection broke: what has come of the answer is not whole, whatever its framing says.
    final func inputBroke(_ detail: String) {
        // A server may close a connection that rests; nothing was wrong with it then.
        failed(
            hasAnswered ? .responseCut : .responseMissing, detail, isUntouched: false,
            isEndpointFault: hasAnswered || !isStale)
    }
}
