// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
internal import ConnectionStates
internal import Detection
internal import HTTPCodec
internal import LinuxSystem
internal import MeshModel
internal import Reactor
internal import Telemetry

/// A connection on which requests come: the near side of ``Exchange``s, one after the other.
///
/// ```
///   between requests ──first byte──▶ head ──▶ exchange under way ──▶ answered ──▶ between requests
///        │                             │ too slow, malformed              │ and one of the two wants to close
///        └── client ends, idle ──▶ closed ◀── an answer of our own ◀──────┘
/// ```
/// | subclass      | the requests come on                                                     |
/// |---------------|---------------------------------------------------------------------------|
/// | `PlainFront`  | a plaintext connection: of the workload, or of a client on a permissive port |
/// | `StreamFront` | a stream that another sidecar has opened                                    |
///
/// Bytes behind the request under way are kept, at most what one read brought, and nothing more is read meanwhile.
class HTTPFront: Relay {
    private var reader: RequestReader
    private(set) var exchange: Exchange?
    private var input: [UInt8] = []
    private var out: [UInt8] = []
    private var answer = HTTPBody.none
    private(set) var hasInputEnded = false
    private var isTunnel = false
    /// No request after this one: the client, the server or we have said so.
    private var closes = false
    private var requestCount = 0

    override init(_ thread: DataThread, _ record: ConnectionRecord) {
        reader = RequestReader(thread.settings.proxy.http)
        super.init(thread, record)
        self.record.detected = .http1
        skipClassifying()
    }

    // MARK: For the subclass to say

    /// Gives bytes to the client; with `ends` they are the last on this connection.
    func transmit(_ bytes: [UInt8], ends: Bool) { preconditionFailure("Every kind of front transmits.") }
    /// What was given has not been taken yet.
    var isOutBlocked: Bool { false }
    /// Reads what the transport holds.
    func readTransport() {}
    /// The last answer is out: ends cleanly.
    func closeTransport() {}
    /// Ends by force; `failure` is what the other sidecar is told of the request under way.
    func resetTransport(_ failure: AttemptFailure) {}

    // MARK: From the client

    final var isInputPaused: Bool {
        guard let exchange else { return isOutBlocked }
        return exchange.hasBeenRead && !isTunnel || exchange.isUpstreamFull
    }

    /// Bytes that have come.
    final func take(_ bytes: UnsafeRawBufferPointer) {
        guard !isFinished else { return }
        state.move(now: thread.loop.now)
        record.downstreamBytesReceived += UInt64(bytes.count)
        if requestCount == 0, let first = unsafe bytes.first, !first.isTokenCharacter, first != 13, first != 10 {
            // No method begins like it: TLS of the application's own, or no HTTP at all.
            return clientFailed(.notHTTP, "the first byte is \(first)")
        }
        guard input.isEmpty, !isInputPaused else { return unsafe input.append(contentsOf: bytes) }
        let used = unsafe parse(bytes)
        if used < bytes.count, !isFinished { unsafe input.append(contentsOf: bytes[used...]) }
    }

    /// Goes on with what was kept.
    final func takeKept() {
        if !input.isEmpty, !isInputPaused {
            let bytes = input
            input = []
            let used = unsafe bytes.withUnsafeBytes { unsafe parse($0) }
            if used < bytes.count, !isFinished { input = Array(bytes[used...]) }
        }
        guard !isFinished, !isInputPaused else { return }
        if hasInputEnded, input.isEmpty { return judgeEnd() }
        readTransport()
    }

    private func parse(_ bytes: UnsafeRawBufferPointer) -> Int {
        if isTunnel {
            unsafe exchange?.tunnelData(bytes)
            exchange?.flush()
            return bytes.count
        }
        var offset = 0
        do throws(HTTPRefusal) {
            while !isFinished, !closes || exchange != nil, !isInputPaused,
                let event = try unsafe reader.next(bytes.bytes, &offset)
            {
                switch event {
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

    private func begin(_ head: HTTPRequest) {
        requestCount += 1
        if !head.persists || thread.isFinishing && record.direction == .inbound { closes = true }
        let exchange = Exchange(thread, self, head)
        self.exchange = exchange
        exchange.begin()
    }

    /// What came is not a request that has one meaning. Nothing of it goes on.
    private func refuse(_ refusal: HTTPRefusal) {
        if let exchange {
            // Its head was good and its body is not: what was passed on of it must not look whole.
            exchange.abandon(.requestMalformed, refusal.sentence)
            return
        }
        var request = RequestRecord(
            connection: record.id, direction: record.direction, client: record.client, startedAt: thread.loop.now)
        request.security = record.security
        if case .tooLarge = refusal { request.outcome = .requestTooLarge } else { request.outcome = .requestMalformed }
        request.detail = refusal.sentence
        request.status = refusal.status
        requestCount += 1
        closes = true
        let answer = LocalAnswer(request.outcome, status: refusal.status, detail: refusal.sentence)
        write(answer.head)
        write(answer.body)
        endAnswer(HTTPFields())
        flush()
        thread.finished(request)
        exchangeEnded()
    }

    /// The client has ended its direction.
    final func inputEnded() {
        hasInputEnded = true
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
            closeTransport()
        } else {
            resetTransport(AttemptFailure(.clientReset, "it ended within a request's head"))
        }
    }

    /// The client has reset, or is gone.
    final func clientFailed(_ outcome: ErrorCode, _ detail: String) {
        if let exchange { return exchange.abandon(outcome, detail) }
        resetTransport(AttemptFailure(outcome, detail))
    }

    // MARK: To the client

    /// Begins an answer, or passes an interim one.
    final func write(_ head: HTTPResponse) {
        var head = head
        if head.isInterim {
            // HTTP/1.0 has none (RFC 9110 section 15.2).
            if exchange?.request.isHTTP11 ?? true { HTTPWriter.append(head, to: &out) }
            return
        }
        if head.body == .tunnel {
            isTunnel = true
            // What the client has sent behind its request belongs to what is switched to.
            thread.loop.again(self)
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
        HTTPWriter.append(head, to: &out)
    }

    final func write(_ body: [UInt8]) {
        unsafe body.withUnsafeBytes { unsafe write($0) }
    }

    final func write(_ body: UnsafeRawBufferPointer) {
        if answer == .chunked {
            unsafe HTTPWriter.appendChunk(body, to: &out)
        } else {
            unsafe out.append(contentsOf: body)
        }
    }

    /// The answer is complete.
    final func endAnswer(_ trailers: HTTPFields) {
        if answer == .chunked { HTTPWriter.appendLastChunk(trailers: trailers, to: &out) }
        if answer == .tunnel { closes = true }
        isTunnel = false
        answer = .none
    }

    /// Hands over what was written.
    final func flush() {
        guard !isFinished else { return }
        let isLast = exchange == nil && (closes || hasInputEnded && input.isEmpty)
        guard !out.isEmpty || isLast else { return }
        let bytes = out
        out = []
        record.downstreamBytesSent += UInt64(bytes.count)
        state.move(now: thread.loop.now)
        transmit(bytes, ends: isLast)
    }

    /// The client has taken what was waiting.
    final func takesAgain() {
        exchange?.frontTakesAgain()
        if exchange == nil { takeKept() }
    }

    /// The exchange is over and its answer is written, though perhaps not all of it taken yet.
    final func exchangeEnded() {
        exchange = nil
        flush()
        guard !isFinished else { return }
        if closes || hasInputEnded && input.isEmpty { return closeTransport() }
        schedule()
        // Not from here: this may be inside the session that brought the answer.
        if !input.isEmpty || hasInputEnded { thread.loop.again(self) }
    }

    /// The exchange cannot be answered any more, or must not be.
    final func exchangeFailed(_ failure: AttemptFailure) {
        exchange = nil
        resetTransport(failure)
    }

    /// Ends with one line in the log for the connection only where none of its requests tells it.
    final func conclude(_ outcome: ErrorCode, _ detail: String = "") {
        finish(outcome, detail, isLogged: requestCount == 0 || outcome != .completed)
    }

    // MARK: Time

    /// A head that dribbles, and a connection that rests, have an end.
    private func schedule() {
        guard !isFinished, exchange == nil else { return }
        let http = thread.settings.proxy.http
        let limit = reader.isInsideHead ? http.headTimeout : http.idleTimeout
        if !reader.isInsideHead || deadline > thread.loop.now + limit {
            thread.loop.setDeadline(thread.loop.now + limit, of: self)
        }
    }

    override func deadlineReached(now: Instant) {
        guard exchange == nil else { return }
        guard reader.isInsideHead else { return closeTransport() }
        refuseLate()
    }

    private func refuseLate() {
        closes = true
        let answer = LocalAnswer(.requestHeadTimeout, status: 408, detail: "")
        write(answer.head)
        write(answer.body)
        endAnswer(HTTPFields())
        flush()
        closeTransport()
    }

    override func continueWork(now: Instant) { takeKept() }

    /// We leave: no request after the one under way.
    final func announceLeaving() {
        closes = true
        if exchange == nil, reader.isBetweenMessages, input.isEmpty { closeTransport() }
    }

    override func cut(_ outcome: ErrorCode, _ detail: String = "") {
        if let exchange { return exchange.abandon(outcome, detail) }
        resetTransport(AttemptFailure(outcome, detail))
    }

    override var heldByteCount: Int { input.count + out.count }
}

extension AttemptFailure {
    /// One that says nothing about an endpoint.
    init(_ outcome: ErrorCode, _ detail: String) {
        self.init(outcome: outcome, detail: detail, isUntouched: false, isStale: false, isEndpointFault: false)
    }
}
