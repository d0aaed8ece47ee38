// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

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

/// One HTTP/2 connection (RFC 9113) without sockets and clocks: bytes in, messages out, and back. What a message may be is
/// judged by ``DecodedHead``, what a peer may do how often by `FloodGuard`.
///
///     socket ── receive ──▶ frames ──▶ HeadDecoder ──▶ DecodedHead ──▶ user
///     socket ◀── takeOutput ◀── output ◀── HeadEncoder ◀── submit, end, reset
///                      └──◀── streams' bodies, in turn ◀── send
///
/// Heads and answers to the peer's frames are written where they come up, in the order in which they will leave; so the
/// tables of the compression need no thought. Bodies wait with their streams for the peer's windows, but for those that are
/// short and find all windows open.
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
/// Belongs to one thread.
package final class HTTP2Session {
    package enum Role: Sendable {
        case server
        case client
    }

    /// How far the connection is; kept together, as they are asked for together with each frame and each request.
    struct State: OptionSet {
        let rawValue: UInt8

        static let hasSettingsAcknowledged = State(rawValue: 1)
        static let hasSeenSettings = State(rawValue: 2)
        static let isPeerLeaving = State(rawValue: 4)
        static let isLeaving = State(rawValue: 8)
        /// The peer knows the last stream that we take.
        static let hasNamedLast = State(rawValue: 16)
        /// A GOAWAY that ends everything has been written: for a failure, or as the owner wished.
        static let hasEnded = State(rawValue: 32)
        /// A head goes on in CONTINUATION.
        static let isInHead = State(rawValue: 64)

        static let takesNoStreams: State = [.isPeerLeaving, .isLeaving, .hasEnded]
    }

    /// What waits to be told, because it came up while the owner cannot be called.
    enum News {
        case takesAgain(Int32)
        case reset(Int32, HTTP2Reset)
    }

    /// Chosen by us: a stream that holds less than this wants more, so that two of the largest frames are always at hand.
    static let lowWater = 32_768
    /// Short bodies go straight into the output while there is less than this in it.
    static let directMost = 32_768
    /// Answers to frames that the peer has not read, in bytes: some two thousand.
    static let answersMost = 32_768
    /// RFC 9113 section 3.4.
    static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
    /// Chosen by us: half a window is taken within so short a time, where it is to grow; and how far it may.
    static let quickly: Duration = .milliseconds(100)
    static let grownWindowMost = 1 << 20
    /// As long as the peer has not said its limit.
    private static let streamsAssumed = 100

    package let role: Role
    /// Who is told what comes; not kept alive from here.
    private(set) weak var owner: (any HTTP2SessionUser)?
    /// The same while it can be called: so often as it is asked for then, it is not looked for each time.
    var user: (any HTTP2SessionUser)?
    var ending: HTTP2Failure?
    var state: State = []
    var pingCount = 0

    let settings: HTTP2Settings
    var floods: FloodGuard
    var now = Instant(nanoseconds: 0)
    private var streams = StreamTable<HTTP2Stream>()
    /// The highest number that a stream has had, which only the client opens.
    var lastStream: Int32 = 0
    /// The last stream of the peer's that something was made of.
    var lastTaken: Int32 = 0

    // What comes.
    /// Of the client's preface.
    var prefaceLeft: Int
    /// A frame that has not come whole, from its header on.
    var partial: [UInt8] = []
    /// Of the DATA that is coming: what is left of it, with and without the padding behind it.
    var incoming: IncomingData?
    /// A head that goes on in CONTINUATION.
    var unfinished: UnfinishedHead?
    var reader: HeadReader
    let headBytesMost: Int
    let continuationsMost: Int
    /// What the peer may still send on the whole connection, and what has been taken and not yet given back.
    var receiveWindow: Int
    var unreturned = 0
    /// By how much the windows of streams that are open have grown.
    var grownByteCount = 0

    // What goes.
    var encoder = HeadEncoder()
    let sentHeadMost: Int
    var output: [UInt8] = []
    /// Answers in the output.
    var answerByteCount = 0
    /// Counts how often the output was taken.
    var turn: UInt64 = 1
    /// Streams with something to send, in turn; and those that wait for the connection's window.
    var queue = StreamQueue()
    var stalled: [HTTP2Stream] = []
    var sendWindow = FlowWindow.initial
    var peerStreamWindow = FlowWindow.initial
    var peerStreamsMost = HTTP2Session.streamsAssumed
    var news: [News] = []
    var isMakingOutput = false

    /// Begins a session, the output of which begins with our SETTINGS.
    package init(_ role: Role, _ settings: HTTP2Settings, http: HTTPSettings) {
        self.role = role
        self.settings = settings
        reader = HeadReader(http)
        let (most, overflows) = http.headBytes.multipliedReportingOverflow(by: 4)
        headBytesMost = overflows ? .max : most
        // What came as HTTP/1 counts differently, and filters add to it.
        sentHeadMost = max(headBytesMost, 262_144)
        // Eight full frames hold twice what is taken, and senders fill them.
        continuationsMost = max(8, http.headBytes / 8192)
        floods = FloodGuard(settings.flood)
        prefaceLeft = role == .server ? Self.preface.count : 0
        receiveWindow = max(settings.connectionWindowBytes, FlowWindow.initial)
        begin(http)
    }

    /// The preface, our SETTINGS, and the connection's window, which is not among them.
    private func begin(_ http: HTTPSettings) {
        var output = role == .client ? Self.preface : []
        var entries = [
            (SettingKind.initialWindowSize, min(settings.streamWindowBytes, FlowWindow.most)),
            (SettingKind.headerListSize, http.headBytes),
            // The priorities of RFC 7540 were given up; without them streams share the connection in turn.
            (SettingKind.noRFC7540Priorities, 1),
        ]
        switch role {
        case .server: entries.append((SettingKind.concurrentStreams, settings.streams))
        case .client: entries.append((SettingKind.enablePush, 0))
        }
        output.appendFrame(FrameKind.settings, 0, 0, length: 6 * entries.count)
        for (kind, value) in entries {
            output.append(number: kind)
            output.append(number: UInt32(clamping: value))
        }
        self.output = output
        let more = min(receiveWindow, FlowWindow.most) - FlowWindow.initial
        if more > 0 { appendWindowUpdate(more, on: 0) }
    }

    // MARK: State

    /// Names the owner, who is told what comes, and is not kept alive from here.
    package func tell(_ user: any HTTP2SessionUser) { owner = user }

    /// Why the connection is over. The output ends with the GOAWAY that tells the peer.
    package var failure: HTTP2Failure? { ending }

    /// Pings of ours that wait for their answer.
    package var unansweredPingCount: Int { pingCount }

    /// The peer has acknowledged our SETTINGS; to be waited for with a time limit (RFC 9113 section 6.5.3).
    package var hasSettingsAcknowledged: Bool { state.contains(.hasSettingsAcknowledged) }

    /// The peer's SETTINGS have come, which are the first of its frames.
    package var hasSeenSettings: Bool { state.contains(.hasSeenSettings) }

    /// The peer has sent GOAWAY.
    package var isPeerLeaving: Bool { state.contains(.isPeerLeaving) }

    /// The client's preface has come whole; always true of a client.
    package var hasSeenPreface: Bool { prefaceLeft == 0 }

    /// Streams that are not over.
    package var openStreamCount: Int { streams.count }

    /// Nothing more is to be read or written: the connection can be closed. After ``finishLeaving()`` or a GOAWAY of the
    /// peer this is so as soon as the last stream has ended, and after a failure once the output is taken.
    package var isFinished: Bool {
        guard output.isEmpty else { return false }
        return state.contains(.hasEnded)
            || streams.isEmpty && !state.isDisjoint(with: [.hasNamedLast, .isPeerLeaving])
    }

    package var hasOutput: Bool {
        !output.isEmpty || !news.isEmpty || !queue.isEmpty && !state.contains(.hasEnded)
    }

    /// Appends to the output, which is taken out of its place for as long as `write` works on it, and then put back. So it is
    /// seen when this is compiled that no access to it can meet another one, which would have to be looked after each time
    /// that one is made. Meanwhile nothing else may be done here.
    @inline(__always)
    func writing<Result>(_ write: (inout [UInt8]) -> Result) -> Result {
        var bytes: [UInt8] = []
        swap(&bytes, &output)
        let result = write(&bytes)
        output = bytes
        return result
    }

    /// The same with the queue.
    @inline(__always)
    func queueing<Result>(_ change: (inout StreamQueue) -> Result) -> Result {
        var streams = StreamQueue()
        swap(&streams, &queue)
        let result = change(&streams)
        queue = streams
        return result
    }

    // MARK: Streams

    func stream(_ id: Int32) -> HTTP2Stream? { streams[id] }

    var streamCount: Int { streams.count }

    /// All of them; some may go while they are gone through.
    var allStreams: [HTTP2Stream] {
        let streams = streams
        return streams.values
    }

    // The table is changed in the way of ``writing(_:)``.

    func add(_ stream: HTTP2Stream) {
        var table = StreamTable<HTTP2Stream>()
        swap(&table, &streams)
        table.insert(stream, for: stream.id)
        streams = table
    }

    private func remove(_ stream: HTTP2Stream) {
        var table = StreamTable<HTTP2Stream>()
        swap(&table, &streams)
        table.remove(stream.id)
        streams = table
    }

    /// The peer's window for one stream. Until it knows ours, it has the one of RFC 9113 section 6.9.2.
    var streamWindow: Int { max(settings.streamWindowBytes, FlowWindow.initial) }

    /// The same as our SETTINGS have it.
    var toldStreamWindow: Int { min(settings.streamWindowBytes, FlowWindow.most) }

    /// The stream is over for us. What was not consumed goes back to the connection's window, which would shrink for good.
    func forget(_ stream: HTTP2Stream) {
        guard !stream.isOver else { return }
        stream.isOver = true
        remove(stream)
        grownByteCount -= stream.window - toldStreamWindow
        let unconsumed = stream.unconsumed
        stream.unconsumed = 0
        if unconsumed > 0 { giveBack(unconsumed) }
    }

    /// Both sides have ended in order.
    func forgetIfComplete(_ stream: HTTP2Stream) {
        if stream.hasSentEnd, stream.receiving == .ended { forget(stream) }
    }

    // MARK: Ending

    func fail(_ failure: HTTP2Failure) {
        guard ending == nil else { return }
        ending = failure
        end(failure.code)
    }

    /// The first half of an orderly end: the peer is asked for no new streams, and those that cross this on their way are
    /// still taken.
    package func announceLeaving() {
        guard !state.contains(.isLeaving) else { return }
        state.insert(.isLeaving)
        if role == .server { appendGoAway(Int32.max, .noError) }
    }

    /// The second half: streams above the last one that has come are not taken any more. Once those that are open have ended,
    /// the session ``isFinished``.
    package func finishLeaving() {
        guard !state.contains(.hasNamedLast) else { return }
        state.insert([.isLeaving, .hasNamedLast])
        appendGoAway(lastTaken, .noError)
    }

    /// Ends the connection at once, once the output is taken, for a reason of the owner's.
    package func end(_ code: HTTP2ErrorCode) {
        guard !state.contains(.hasEnded) else { return }
        state.insert(.hasEnded)
        appendGoAway(lastTaken, code)
    }

    /// Asks whether the peer is still there: ``unansweredPingCount`` says if it has answered.
    package func ping() {
        guard !state.contains(.hasEnded) else { return }
        writing { output in
            output.appendFrame(FrameKind.ping, 0, 0, length: 8)
            output.append(contentsOf: repeatElement(0, count: 8))
        }
        pingCount += 1
    }

    /// A client can open one more: neither side is leaving, and the peer's limit leaves room.
    package var canOpenStream: Bool {
        role == .client && state.isDisjoint(with: .takesNoStreams) && streams.count < peerStreamsMost
            && lastStream <= Int32.max - 2
    }
}

/// The DATA frame that is coming.
struct IncomingData {
    let stream: Int32
    let endsStream: Bool
    /// The byte that says how long the padding is, is still to come.
    var isLengthAwaited: Bool
    /// Of the body.
    var left: Int
    var paddingLeft = 0
}

/// A head whose first frame has come, and not its last.
struct UnfinishedHead {
    let stream: Int32
    let endsStream: Bool
    var block: [UInt8]
    var continuations = 0
}

/// Streams in turn.
struct StreamQueue {
    private var streams: [HTTP2Stream] = []
    private var first = 0

    var isEmpty: Bool { first == streams.count }

    mutating func append(_ stream: HTTP2Stream) { streams.append(stream) }

    mutating func popFirst() -> HTTP2Stream? {
        guard first < streams.count else { return nil }
        let stream = streams[first]
        first += 1
        if first == streams.count {
            streams.removeAll(keepingCapacity: streams.count <= 64)
            first = 0
        } else if first >= 64 {
            streams.removeSubrange(..<first)
            first = 0
        }
        return stream
    }
}

@available(*, unavailable)
extension HTTP2Session: Sendable {}
