// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ConnectionStates
internal import HTTP2Codec
internal import HTTPCodec
internal import LinuxSystem
internal import MeshModel
internal import Reactor
internal import Telemetry

/// Requests in HTTP/2 with prior knowledge, each on its stream.
///
/// What answers bring is collected over a turn of the loop and leaves at its end, so that many small answers share a
/// write. The client gets credit for bytes of a body only when they have gone on: its window is the back-pressure.
final class HTTP2Conversation: HTTPConversation, HTTP2SessionUser {
    /// Given to the transport at once.
    private static let outputMax = 64 << 10
    /// After the first GOAWAY, which closes nothing yet: what is on its way to us still counts.
    private static let farewell: Duration = .seconds(1)

    private let transport: HTTPFront
    let thread: DataThread
    let session: HTTP2Session
    private var streams = StreamTable<HTTP2FrontStream>()
    /// Streams whose exchange has something new since the session was last left alone.
    private var touched: [HTTP2FrontStream] = []
    private var isInside = false
    private var isFlushScheduled = false
    private var isLeaving = false
    /// The GOAWAY that names the last stream has gone out; whatever had crossed the first one has come.
    private var hasSaidGoodbye = false
    private var isOver = false

    init(_ transport: HTTPFront) {
        self.transport = transport
        thread = transport.thread
        let settings = thread.settings.proxy.http
        session = HTTP2Session(
            .server, transport.isSidecar ? settings.http2.betweenSidecars : settings.http2,
            http: transport.carriesHTTP1 ? settings.forSharedSessions : settings)
        session.tell(self)
        schedule()
    }

    var origin: ExchangeOrigin { transport.origin }
    func beginRecord() -> RequestRecord { transport.beginRecord() }
    var clientText: String { transport.clientText }
    var isSidecar: Bool { transport.isSidecar }
    /// What comes as HTTP/2 is HTTP/1 for whom it is for.
    var carriesHTTP1: Bool { transport.carriesHTTP1 }
    var gateway: GatewayOrigin? { transport.gateway }

    // MARK: From the client

    /// A client that takes nothing is given nothing to answer.
    var isInputPaused: Bool { transport.isOutBlocked }

    func take(_ bytes: UnsafeRawBufferPointer) {
        guard !isOver else { return }
        isInside = true
        var failure: HTTP2Failure?
        do throws(HTTP2Failure) {
            unsafe try session.receive(bytes, now: thread.loop.now)
        } catch {
            failure = error
        }
        isInside = false
        passOn()
        if let failure { return end(after: failure) }
        flushNow()
        if streams.isEmpty { rested() }
    }

    /// Gives what has come to the upstreams, and credit for what they have taken.
    private func passOn() {
        var streams: [HTTP2FrontStream] = []
        swap(&streams, &touched)
        for stream in streams {
            stream.isTouched = false
            stream.passOn()
        }
        // For the next ones, unless there are some already.
        streams.removeAll(keepingCapacity: true)
        if touched.isEmpty { touched = streams }
    }

    /// Changes the table of streams, or the list of those that are touched, outside of its place, where no access to it can
    /// meet another one, which is seen when this is compiled and need not be looked after when it runs.
    @inline(__always)
    private func changeStreams<Result>(_ change: (inout StreamTable<HTTP2FrontStream>) -> Result) -> Result {
        var table = StreamTable<HTTP2FrontStream>()
        swap(&table, &streams)
        let result = change(&table)
        streams = table
        return result
    }

    private func takeAllStreams() -> [HTTP2FrontStream] {
        changeStreams { streams in
            defer { streams.removeAll() }
            return streams.values
        }
    }

    func touch(_ stream: HTTP2FrontStream) {
        guard !stream.isTouched else { return }
        stream.isTouched = true
        var streams: [HTTP2FrontStream] = []
        swap(&streams, &touched)
        streams.append(stream)
        touched = streams
    }

    func goOn() {
        guard !isOver else { return }
        passOn()
        flushNow()
        if !isInputPaused { transport.readTransport() }
    }

    func inputEnded() {
        // Whoever has ended may still read the answers to what was complete.
        for stream in streams.values where !stream.hasWholeRequest {
            stream.abandon(.clientReset, "the connection ended within a request")
        }
        flushNow()
    }

    func fail(_ failure: AttemptFailure) {
        isOver = true
        for stream in takeAllStreams() { stream.abandon(failure.outcome, failure.detail) }
        transport.resetTransport(failure)
    }

    /// The client does not keep to the protocol, or to a limit. GOAWAY says so, and the requests under way end.
    private func end(after failure: HTTP2Failure) {
        isOver = true
        let outcome = failure.limit != nil ? ErrorCode.excessHTTP2 : .malformedHTTP2
        for stream in takeAllStreams() { stream.abandon(.clientReset, failure.sentence) }
        tell(outcome, failure.sentence)
        transport.requestCount += 1
        flushNow()
        transport.closeTransport()
    }

    /// Counts and logs what never became a request.
    private func tell(_ outcome: ErrorCode, _ detail: String) {
        var record = beginRecord()
        record.outcome = outcome
        record.detail = detail
        thread.finished(record)
    }

    // MARK: What the session tells

    func requestBegan(_ stream: Int32, _ head: consuming HTTPRequest) {
        transport.requestCount += 1
        let front = HTTP2FrontStream(self, stream)
        changeStreams { $0.insert(front, for: stream) }
        front.begin(head)
        touch(front)
    }

    func received(_ stream: Int32, _ bytes: UnsafeRawBufferPointer) {
        guard let front = streams[stream] else { return session.consume(bytes.count, on: stream) }
        unsafe front.received(bytes)
        touch(front)
    }

    func ended(_ stream: Int32, _ trailers: HTTPFields) {
        guard let front = streams[stream] else { return }
        front.requestEnds(trailers)
        touch(front)
    }

    func reset(_ stream: Int32, _ reset: HTTP2Reset) {
        guard let front = changeStreams({ $0.remove(stream) }) else {
            guard reset.isOurs else { return }
            transport.requestCount += 1
            return tell(.requestMalformed, reset.detail)
        }
        front.abandon(
            reset.isOurs ? .requestMalformed : .clientReset,
            reset.isOurs ? reset.detail : "RST_STREAM \(reset.code.name)", code: reset.code)
    }

    func takesAgain(_ stream: Int32) {
        guard let front = streams[stream] else { return }
        front.wantsMore = true
        touch(front)
    }

    func answerBegan(_ stream: Int32, _ head: HTTPResponse) {}
    func goingAway() {}

    // MARK: To the client

    /// Hands over what the session has, when the events of this turn are handled.
    func scheduleFlush() {
        guard !isFlushScheduled, !isOver else { return }
        isFlushScheduled = true
        thread.loop.atEndOfTurn { [self] in
            isFlushScheduled = false
            flushNow()
        }
    }

    private func flushNow() {
        guard !transport.isFinished, !isInside else { return }
        while session.hasOutput, !transport.isOutBlocked {
            var bytes = thread.buffers.array()
            session.takeOutput(into: &bytes, atMost: Self.outputMax)
            session.tellNews()
            guard !bytes.isEmpty else {
                thread.buffers.giveBack(bytes)
                break
            }
            transport.record.downstreamBytesSent += UInt64(bytes.count)
            transport.state.move(now: thread.loop.now)
            transport.transmit(bytes, ends: false)
        }
        if !touched.isEmpty { thread.loop.again(transport) }
        if hasSaidGoodbye || transport.hasInputEnded, streams.isEmpty, !session.hasOutput { leave() }
    }

    func takesAgain() {
        flushNow()
        guard !isOver, !transport.isOutBlocked else { return }
        for stream in streams.values { stream.takesAgain() }
        scheduleFlush()
    }

    // MARK: What exchanges tell

    func exchangeTakesAgain(_ stream: HTTP2FrontStream) {
        touch(stream)
        thread.loop.again(transport)
    }

    func exchangeReached() { transport.applicationReached() }

    /// The stream's answer is written.
    func answered(_ stream: HTTP2FrontStream) {
        guard changeStreams({ $0.remove(stream.number) }) != nil else { return }
        // An answer that came early: the rest of its request need not come (RFC 9113 section 8.1).
        if !stream.hasWholeRequest { session.reset(stream.number, .noError) }
        scheduleFlush()
        if streams.isEmpty { rested() }
    }

    func reset(_ stream: HTTP2FrontStream, _ code: HTTP2ErrorCode) {
        guard changeStreams({ $0.remove(stream.number) }) != nil else { return }
        // What has come of an answer goes on before its end.
        session.sendWaiting(on: stream.number)
        session.reset(stream.number, code)
        scheduleFlush()
        if streams.isEmpty { rested() }
    }

    /// True while more of an answer would only wait here.
    func isBlocked(_ stream: Int32) -> Bool {
        transport.isOutBlocked || session.pendingByteCount(on: stream) >= Self.outputMax
    }

    // MARK: Time

    private func rested() {
        guard !isOver else { return }
        if isLeaving || transport.hasInputEnded { return scheduleFlush() }
        schedule()
    }

    private func schedule() {
        thread.loop.setDeadline(thread.loop.now + thread.settings.proxy.http.idleTimeout, of: transport)
    }

    func deadlineReached(now: Instant) {
        if isLeaving {
            hasSaidGoodbye = true
            session.finishLeaving()
            return flushNow()
        }
        guard streams.isEmpty else { return }
        announceLeaving()
    }

    func announceLeaving() {
        guard !isLeaving, !isOver else { return }
        isLeaving = true
        session.announceLeaving()
        thread.loop.setDeadline(thread.loop.now + Self.farewell, of: transport)
        scheduleFlush()
    }

    private func leave() {
        guard !isOver else { return }
        isOver = true
        transport.closeTransport()
    }

    var heldByteCount: Int { streams.values.reduce(0) { $0 + session.pendingByteCount(on: $1.number) } }
}
