// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CNghttp2
package import HTTPCodec
package import MeshModel

/// What a session tells its owner, from inside ``HTTP2Session/receive(_:now:)`` and ``HTTP2Session/tellNews()``. From inside
/// of these the owner may submit, send, end, reset and consume, but not receive, take output or let go of the session.
package protocol HTTP2SessionUser: AnyObject {
    /// A request's head; of a server. `received` and `ended` follow.
    func requestBegan(_ stream: Int32, _ head: consuming HTTPRequest)
    /// A response's head; of a client. After an interim one another follows.
    func answerBegan(_ stream: Int32, _ head: consuming HTTPResponse)
    /// A piece of a body, never empty and good only inside. What has been passed on is to be told by
    /// ``HTTP2Session/consume(_:on:)``, or the peer will stop.
    func received(_ stream: Int32, _ bytes: UnsafeRawBufferPointer)
    /// The peer has ended its side of the stream in order.
    func ended(_ stream: Int32, _ trailers: HTTPFields)
    /// The stream is over before its time; nothing more is told of it. Of a server also for requests of which nothing was
    /// told, because their head was refused.
    func reset(_ stream: Int32, _ reset: HTTP2Reset)
    /// What waited to be sent on this stream is almost all out: it is time for more.
    func takesAgain(_ stream: Int32)
    /// The peer takes no new streams.
    func goingAway()
}

/// One HTTP/2 connection (RFC 9113) without sockets and clocks: bytes in, messages out, and back. Frames, compression and
/// windows are libnghttp2's; what a message may be is judged by ``DecodedHead``, what a peer may do how often by `FloodGuard`.
///
///     socket ── receive ──▶ FrameCensus ──▶ libnghttp2 ──▶ DecodedHead ──▶ user
///     socket ◀── takeOutput ── output ◀──── libnghttp2 ◀── streams' bytes ◀── submit, send, end, reset
///
/// The owner, after anything it has done here:
///
///     while session.hasOutput { session.takeOutput(into: &bytes, atMost: n) ... }     // as far as its socket takes it
///     session.tellNews()                                                              // who may send again
///     if session.failure != nil || session.isFinished { ... }
///
/// Flow control goes from end to end: the peer gets credit for what the owner has consumed, and nothing is acknowledged by
/// itself. Of what is to be sent the session keeps whatever it is given; the owner stops at a bound of its own
/// (``pendingByteCount(on:)``) and goes on at `takesAgain`.
///
/// Belongs to one thread. The library's own judgement of messages is switched off, so that there is one place for each rule
/// and a sentence for each refusal.
@safe
package final class HTTP2Session {
    package enum Role: Sendable {
        case server
        case client
    }

    /// What waits to be told, because it came up while output was made.
    private enum News {
        case takesAgain(Int32)
        case reset(Int32, HTTP2Reset)
    }

    /// Chosen by us: a stream that holds less than this wants more, so that two of the largest frames are always at hand.
    static let lowWater = 32_768
    /// So much output is made at once without being asked for.
    private static let readyByteCount = 16_384
    /// Frames of ours that wait for the peer to read, beyond two for each stream.
    private static let queuedFrames = 200

    package let role: Role
    package weak var user: (any HTTP2SessionUser)?
    /// Why the connection is over. The output ends with the GOAWAY that tells the peer.
    package private(set) var failure: HTTP2Failure?
    /// The peer has acknowledged our SETTINGS; to be waited for with a time limit (RFC 9113 section 6.5.3).
    package internal(set) var hasSettingsAcknowledged = false
    /// The peer's SETTINGS have come, which are the first of its frames.
    package internal(set) var hasSeenSettings = false
    /// Pings of ours that wait for their answer.
    package internal(set) var unansweredPingCount = 0
    /// The peer has sent GOAWAY.
    package internal(set) var isPeerLeaving = false
    private var isLeaving = false

    let library: OpaquePointer
    let settings: HTTP2Settings
    private(set) var streams = StreamTable<HTTP2Stream>()
    var head: DecodedHead
    /// The stream whose head is coming; zero if it is nobody's.
    var headStream: Int32 = 0
    let headBytesMost: Int
    /// Until the peer knows our window, it has the one of RFC 9113 section 6.9.2.
    var streamWindow: Int { max(settings.streamWindowBytes, 65_535) }
    var fields = FieldList()
    var output: [UInt8] = []
    var outputTarget = 0
    private var isMakingOutput = false
    private var news: [News] = []
    var floods: FloodGuard
    private var census: FrameCensus
    var now = Instant(nanoseconds: 0)
    /// Streams whose RST_STREAM our side wanted; all others count as the peer's fault.
    var wantedResets: Set<Int32> = []

    /// Begins a session, the output of which begins with our SETTINGS.
    package init(_ role: Role, _ settings: HTTP2Settings, http: HTTPSettings) {
        self.role = role
        self.settings = settings
        head = DecodedHead(http)
        let (most, overflows) = http.headBytes.multipliedReportingOverflow(by: 4)
        headBytesMost = overflows ? .max : most
        floods = FloodGuard(settings.flood)
        census = FrameCensus(isServer: role == .server, headBytes: http.headBytes)
        unsafe library = Library.session(role, http: http)
        unsafe nghttp2_session_set_user_data(library, Unmanaged.passUnretained(self).toOpaque())
        unsafe Library.begin(library, role, settings, http: http)
    }

    deinit { unsafe nghttp2_session_del(library) }

    /// The client's preface has come whole; always true of a client.
    package var hasSeenPreface: Bool { census.hasPreface }

    /// Streams that are not over.
    package var openStreamCount: Int { streams.count }

    /// Nothing more is to be read or written: the connection can be closed. After ``finishLeaving()`` or a GOAWAY of the
    /// peer this is so as soon as the last stream has ended, and after a failure once the output is taken.
    package var isFinished: Bool {
        unsafe output.isEmpty && nghttp2_session_want_read(library) == 0 && nghttp2_session_want_write(library) == 0
    }

    package var hasOutput: Bool { unsafe !output.isEmpty || nghttp2_session_want_write(library) != 0 }

    /// Takes bytes from the peer, however they are cut. A failure is final, and thrown again by every later call; what the
    /// peer should be told of it is in the output.
    package func receive(_ bytes: UnsafeRawBufferPointer, now: Instant) throws(HTTP2Failure) {
        precondition(!isMakingOutput, "Bytes are received only while no output is made.")
        if let failure { throw failure }
        self.now = now
        floods.moved(to: now)
        var start = 0
        while start < bytes.count {
            // In pieces, so that answers cannot pile up before anybody looks.
            let end = min(bytes.count, start + 16_384)
            let piece = unsafe UnsafeRawBufferPointer(rebasing: bytes[start..<end])
            let (good, flood) = unsafe census.scan(piece.bytes, &floods)
            unsafe feed(UnsafeRawBufferPointer(rebasing: piece[..<good]))
            // What the library has found comes first: it came first.
            makeOutput(upTo: Self.readyByteCount)
            if let flood { fail(flood) }
            let queued = unsafe nghttp2_session_get_outbound_queue_size(library)
            if queued > Self.queuedFrames + 2 * streams.count { fail(.queuedOutput) }
            makeOutput(upTo: Self.readyByteCount)
            tellNews()
            if let failure { throw failure }
            start = end
        }
    }

    private func feed(_ bytes: UnsafeRawBufferPointer) {
        guard unsafe failure == nil && !bytes.isEmpty else { return }
        let result = unsafe nghttp2_session_mem_recv(
            library, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
        guard result < 0, failure == nil else { return }
        switch result {
        case Int(NGHTTP2_ERR_FLOODED.rawValue): fail(.queuedOutput)
        case Int(NGHTTP2_ERR_BAD_CLIENT_MAGIC.rawValue):
            fail(HTTP2Failure(.protocolError, "the connection does not begin with the preface of HTTP/2"))
        default: fail(HTTP2Failure(.internalError, "the HTTP/2 library gave up (\(result))"))
        }
    }

    func fail(_ limit: HTTP2Limit) {
        fail(HTTP2Failure(.enhanceYourCalm, FloodGuard.sentence(limit), limit: limit))
    }

    func fail(_ failure: HTTP2Failure) {
        guard self.failure == nil else { return }
        self.failure = failure
        unsafe _ = nghttp2_session_terminate_session(library, failure.code.rawValue)
    }

    /// The library has ended the connection itself.
    func hasFailed(_ failure: HTTP2Failure) { if self.failure == nil { self.failure = failure } }

    /// Appends output. About `atMost` bytes: a frame is not cut, and what was made ready is given out whole, so that there may
    /// be 32 KiB more. May append nothing although there seemed to be some.
    package func takeOutput(into bytes: inout [UInt8], atMost: Int) {
        guard bytes.isEmpty, output.isEmpty else {
            makeOutput(upTo: atMost)
            bytes.append(contentsOf: output)
            output = []
            return
        }
        // Made in the caller's memory: a session that rests keeps none.
        swap(&bytes, &output)
        makeOutput(upTo: atMost)
        swap(&bytes, &output)
    }

    private func makeOutput(upTo target: Int) {
        precondition(!isMakingOutput, "Output is not asked for from inside the session.")
        isMakingOutput = true
        defer { isMakingOutput = false }
        outputTarget = target
        while output.count < target {
            var frame: UnsafePointer<UInt8>?
            let count = unsafe nghttp2_session_mem_send(library, &frame)
            guard count > 0 else {
                if count < 0 { fail(HTTP2Failure(.internalError, "the HTTP/2 library gave up (\(count))")) }
                return
            }
            unsafe output.append(contentsOf: UnsafeRawBufferPointer(start: frame, count: count))
        }
    }

    /// Tells the user what came up while output was made: to be called after ``takeOutput(into:atMost:)``. Apart from it, so
    /// that no call comes back while the owner's bytes are being appended to.
    package func tellNews() {
        while !news.isEmpty {
            let all = news
            news.removeAll(keepingCapacity: true)
            for item in all {
                switch item {
                case .takesAgain(let id): if streams[id] != nil { user?.takesAgain(id) }
                case .reset(let id, let reset): user?.reset(id, reset)
                }
            }
        }
    }

    func stream(_ id: Int32) -> HTTP2Stream? { streams[id] }

    func add(_ stream: HTTP2Stream) { streams.insert(stream, for: stream.id) }

    /// The stream is over for us. What was not consumed goes back to the connection's window, which would shrink for good.
    @discardableResult
    func forget(_ id: Int32) -> HTTP2Stream? {
        guard let stream = streams.remove(id) else { return nil }
        if stream.unconsumed > 0 { unsafe _ = nghttp2_session_consume_connection(library, stream.unconsumed) }
        stream.unconsumed = 0
        return stream
    }

    func tell(_ id: Int32, _ reset: HTTP2Reset) {
        if isMakingOutput { news.append(.reset(id, reset)) } else { user?.reset(id, reset) }
    }

    func hasRoom(_ stream: HTTP2Stream) {
        stream.wantsRoomNews = false
        news.append(.takesAgain(stream.id))
    }

    /// The first half of an orderly end: the peer is asked for no new streams, and those that cross this on their way are
    /// still taken.
    package func announceLeaving() {
        isLeaving = true
        if role == .server { unsafe _ = nghttp2_submit_shutdown_notice(library) }
    }

    /// The second half: streams above the last one that has come are not taken any more. Once those that are open have ended,
    /// the session ``isFinished``.
    package func finishLeaving() {
        isLeaving = true
        let last = unsafe nghttp2_session_get_last_proc_stream_id(library)
        unsafe _ = nghttp2_submit_goaway(library, 0, last, HTTP2ErrorCode.noError.rawValue, nil, 0)
    }

    /// Ends the connection at once, once the output is taken, for a reason of the owner's.
    package func end(_ code: HTTP2ErrorCode) {
        unsafe _ = nghttp2_session_terminate_session(library, code.rawValue)
    }

    /// Asks whether the peer is still there: ``unansweredPingCount`` says if it has answered.
    package func ping() {
        guard unsafe nghttp2_submit_ping(library, 0, nil) == 0 else { return }
        unansweredPingCount += 1
    }

    /// A client can open one more: neither side is leaving, and the peer's limit leaves room.
    package var canOpenStream: Bool {
        guard role == .client, failure == nil, !isLeaving else { return false }
        let most = unsafe nghttp2_session_get_remote_settings(library, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS)
        return unsafe streams.count < Int(most) && nghttp2_session_check_request_allowed(library) != 0
    }
}

@available(*, unavailable)
extension HTTP2Session: Sendable {}
