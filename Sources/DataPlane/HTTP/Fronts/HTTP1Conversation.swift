// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ConnectionStates
internal import HTTPCodec
internal import LinuxSystem
internal import MeshModel
internal import Reactor
internal import Telemetry

/// Requests in HTTP/1.1 or 1.0, one after the other.
///
/// ```
///   between requests ──first byte──▶ head ──▶ exchange under way ──▶ answered ──▶ between requests
///        │                             │ too slow, malformed              │ and one of the two wants to close
///        └── client ends, idle ──▶ closed ◀── an answer of our own ◀──────┘
/// ```
/// Bytes behind the request under way are kept, at most what one read brought, and nothing more is read meanwhile.
final class HTTP1Conversation: HTTPConversation, ExchangeFront {
    private let transport: HTTPFront
    private let thread: DataThread
    /// The thread's, as in ``Relay``.
    private let loop: EventLoop
    private var reader: RequestReader
    private var exchange: Exchange?
    private var input: [UInt8] = []
    private var out: [UInt8] = []
    private var answer = HTTPBody.none
    private var isTunnel = false
    /// No request after this one: the client, the server or we have said so.
    private var closes = false
    private var isLeaving = false
    /// How long a connection that rests is kept when we leave.
    private static let farewell: Duration = .seconds(1)

    init(_ transport: HTTPFront) {
        self.transport = transport
        thread = transport.thread
        loop = transport.loop
        reader = RequestReader(thread.settings.proxy.http)
    }

    var origin: ExchangeOrigin { transport.origin }
    func beginRecord() -> RequestRecord { transport.beginRecord() }
    var clientText: String { transport.clientText }
    var isSidecar: Bool { transport.isSidecar }
    var gateway: GatewayOrigin? { transport.gateway }

    // MARK: From the client

    var isInputPaused: Bool {
        guard let exchange else { return isOutBlocked }
        return exchange.hasBeenRead && !isTunnel || exchange.isUpstreamFull
    }

    func take(_ bytes: UnsafeRawBufferPointer) {
        guard input.isEmpty, !isInputPaused else { return unsafe keep(bytes) }
        let used = unsafe parse(bytes)
        if used < bytes.count, !transport.isFinished {
            unsafe keep(UnsafeRawBufferPointer(rebasing: bytes[used...]))
        }
    }

    /// Not lent (ARCHITECTURE.md, "Properties are not lent"); the same is true of what is written.
    private func keep(_ bytes: UnsafeRawBufferPointer) {
        var kept: [UInt8] = []
        swap(&kept, &input)
        unsafe kept.append(contentsOf: bytes)
        input = kept
    }

    /// Goes on with what was kept.
    func goOn() {
        if !input.isEmpty, !isInputPaused {
            let bytes = input
            input = []
            let used = unsafe bytes.withUnsafeBytes { unsafe parse($0) }
            if used < bytes.count, !transport.isFinished { input = Array(bytes[used...]) }
        }
        guard !transport.isFinished, !isInputPaused else { return }
        if transport.hasInputEnded, input.isEmpty { return judgeEnd() }
        transport.readTransport()
    }

    private func parse(_ bytes: UnsafeRawBufferPointer) -> Int {
        if isTunnel {
            unsafe exchange?.requestData(bytes)
            exchange?.flush()
            return bytes.count
        }
        var offset = 0
        do throws(HTTPRefusal) {
            while !transport.isFinished, !closes || exchange != nil, !isInputPaused,
                let event = try unsafe reader.next(bytes.bytes, &offset)
            {
                switch consume event {
                case .head(let head): begin(head)
                case .data(let range):
                    unsafe exchange?.requestData(UnsafeRawBufferPointer(rebasing: bytes[range]))
                case .end(let trailers): exchange?.requestEnds(trailers)
                }
            }
        } catch {
            refuse(error)
            return bytes.count
        }
        exchange?.flush()
        schedule()
        return closes && exchange == nil ? bytes.count : offset
    }

    private func begin(_ head: consuming HTTPRequest) {
        transport.requestCount += 1
        // From the first moment of a drain on every answer says that it is the last, so that whoever asks again asks another.
        if !head.persists || isLeaving || thread.drain.hasBegun { closes = true }
        let exchange = Exchange(thread, self, head, isHTTP2: false)
        self.exchange = exchange
        exchange.begin()
    }

    /// What came is not a request that has one meaning. Nothing of it goes on.
    private func refuse(_ refusal: HTTPRefusal) {
        if let exchange {
            // Its head was good and its body is not: what was passed on of it must not look whole.
            closes = true
            return exchange.refuseBody(refusal.sentence)
        }
        transport.requestCount += 1
        closes = true
        let answer = LocalAnswer(refusal)
        write(answer.head)
        write(answer.body)
        endAnswer(HTTPFields())
        flush()
        var record = beginRecord()
        record.outcome = refusal.outcome
        record.detail = refusal.sentence
        record.status = refusal.status
        thread.finished(record)
        exchangeEnded()
    }

    func inputEnded() {
        guard input.isEmpty else { return }
        judgeEnd()
    }

    private func judgeEnd() {
        if isTunnel {
            exchange?.tunnelEnds()
            exchange?.flush()
        } else if let exchange {
            // A client may end its direction after a whole request and still want the answer.
            if !exchange.hasBeenRead { exchange.abandon(.clientReset, "it ended within its request") }
        } else if reader.isBetweenMessages || closes {
            transport.closeTransport()
        } else {
            transport.resetTransport(AttemptFailure(.clientReset, "it ended within a request's head"))
        }
    }

    func fail(_ failure: AttemptFailure) {
        if let exchange { return exchange.abandon(failure.outcome, failure.detail) }
        transport.resetTransport(failure)
    }

    // MARK: To the client

    var isOutBlocked: Bool { transport.isOutBlocked }

    func write(_ head: consuming HTTPResponse) {
        if head.isInterim {
            // HTTP/1.0 has none (RFC 9110 section 15.2).
            if exchange?.request.isHTTP11 ?? true { append(head) }
            return
        }
        if head.body == .tunnel {
            isTunnel = true
            // What the client has sent behind its request belongs to what is switched to.
            loop.again(transport)
        } else {
            if head.body == .chunked || head.body == .untilClose {
                head.body = exchange?.request.isHTTP11 ?? true ? .chunked : .untilClose
            }
            if head.body == .untilClose { closes = true }
            if !(exchange?.hasBeenRead ?? true) { closes = true }
            head.persists = !closes
        }
        head.isHTTP11 = true
        answer = head.body
        append(head)
    }

    private func append(_ head: HTTPResponse) {
        var bytes = takeOut()
        if bytes.capacity == 0 { bytes = thread.buffers.array() }
        HTTPWriter.append(head, to: &bytes)
        out = bytes
    }

    private func takeOut() -> [UInt8] {
        var taken: [UInt8] = []
        swap(&taken, &out)
        return taken
    }

    func write(_ body: UnsafeRawBufferPointer) {
        var bytes = takeOut()
        if answer == .chunked {
            unsafe HTTPWriter.appendChunk(body, to: &bytes)
        } else {
            unsafe bytes.append(contentsOf: body)
        }
        out = bytes
    }

    func endAnswer(_ trailers: HTTPFields) {
        if answer == .chunked {
            var bytes = takeOut()
            HTTPWriter.appendLastChunk(trailers: trailers, to: &bytes)
            out = bytes
        }
        if answer == .tunnel { closes = true }
        isTunnel = false
        answer = .none
    }

    private var isLast: Bool { closes || transport.hasInputEnded && input.isEmpty }

    func flush() {
        guard !transport.isFinished else { return }
        let ends = exchange == nil && isLast
        guard !out.isEmpty || ends else { return }
        let bytes = takeOut()
        transport.record.downstreamBytesSent += UInt64(bytes.count)
        transport.state.move(now: loop.now)
        transport.transmit(bytes, ends: ends)
    }

    func takesAgain() {
        exchange?.frontTakesAgain()
        if exchange == nil { goOn() }
    }

    // MARK: What the exchange tells

    func exchangeTakesAgain() {
        // Not from here: this may be inside a session's call.
        loop.again(transport)
    }

    func exchangeReached() { transport.applicationReached() }

    func exchangeEnded() {
        exchange = nil
        flush()
        guard !transport.isFinished else { return }
        if isLast { return transport.closeTransport() }
        schedule()
        // Not from here: this may be inside the session that brought the answer. What came meanwhile, an end too, has had
        // its event and was not read.
        if !input.isEmpty || transport.hasInputEnded || transport.mayHaveInput { loop.again(transport) }
    }

    func exchangeFailed(_ failure: AttemptFailure) {
        exchange = nil
        transport.resetTransport(failure)
    }

    // MARK: Time

    /// A head that dribbles, and a connection that rests, have an end.
    private func schedule() {
        guard !transport.isFinished, !transport.isEnding, exchange == nil else { return }
        let isInsideHead = reader.isInsideHead
        // Asked one by one: the settings together would be copied.
        let limit =
            isInsideHead
            ? thread.settings.proxy.http.headTimeout
            : isLeaving ? Self.farewell : thread.settings.proxy.http.idleTimeout
        if !isInsideHead || transport.deadline > loop.now + limit {
            loop.setDeadline(loop.now + limit, of: transport)
        }
    }

    func deadlineReached(now: Instant) {
        guard exchange == nil else { return }
        guard reader.isInsideHead else { return transport.closeTransport() }
        refuseLate()
    }

    private func refuseLate() {
        closes = true
        let answer = LocalAnswer(.requestHeadTimeout, status: 408, detail: "")
        write(answer.head)
        write(answer.body)
        endAnswer(HTTPFields())
        flush()
        transport.closeTransport()
    }

    func announceLeaving() {
        guard !isLeaving else { return }
        isLeaving = true
        guard exchange == nil else { return closes = true }
        // The next request may be on its way; it is still answered.
        if reader.isBetweenMessages { loop.setDeadline(loop.now + Self.farewell, of: transport) }
    }

    var heldByteCount: Int { input.count + out.count }
}
