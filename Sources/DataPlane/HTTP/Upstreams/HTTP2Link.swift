// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Discovery
internal import HTTP2Codec
internal import HTTPCodec
internal import LinuxSystem
internal import MeshModel
internal import Reactor

/// A connection that carries requests of many clients to one endpoint at once, as streams of HTTP/2.
///
/// | subclass     | the session travels on                             |
/// |--------------|----------------------------------------------------|
/// | `PlainLink`  | a plaintext connection                              |
/// | `StreamLink` | one stream on a connection to the endpoint's sidecar |
///
/// ```
///   dialled ─▶ carries requests ─▶ rests ─▶ closed after a while
///                    └─ GOAWAY, a limit, age ─▶ takes no new ones ─▶ closed after the last
/// ```
class HTTP2Link: EventHandler, HTTP2SessionUser {
    /// How long a link without requests is kept. A session of HTTP/1 ends as soon as it would not be trusted with every
    /// request; its connection waits in the pool, and the next session costs no more than its first bytes.
    private var restMax: Duration { carriesHTTP1 ? Self.trustedRest : .seconds(60) }
    /// A request that must not be repeated never travels on a link that has rested longer.
    private static let trustedRest: Duration = .seconds(1)
    private static let outputMax = 64 << 10

    let thread: DataThread
    let endpoint: Endpoint
    let key: HTTP2LinkKey
    /// True where the far side is another sidecar.
    let isSidecar: Bool
    /// To that sidecar and from it, what it carries is HTTP/1.
    let carriesHTTP1: Bool
    let session: HTTP2Session
    private var requests = StreamTable<HTTP2Upstream>()
    private var touched: [HTTP2Upstream] = []
    /// Its connection is there.
    private(set) var isReached = false
    /// It has carried a request to its end.
    private(set) var wasUsed = false
    private var isRetired = false
    private(set) var isClosed = false
    private var isInside = false
    private var isFlushScheduled = false
    private var restsSince: Instant?
    /// Requests that their clients gave up.
    private var cancelCount = 0
    /// What ended it.
    private(set) var failure: AttemptFailure?

    init(_ thread: DataThread, _ endpoint: Endpoint, _ key: HTTP2LinkKey) {
        self.thread = thread
        self.endpoint = endpoint
        self.key = key
        let settings = thread.settings.proxy.http
        isSidecar = if case .sidecar = key { true } else { false }
        carriesHTTP1 = if case .sidecar(_, true) = key { true } else { false }
        session = HTTP2Session(
            .client, isSidecar ? settings.http2.betweenSidecars : settings.http2,
            http: carriesHTTP1 ? settings.forSharedSessions : settings)
        super.init()
        session.tell(self)
        thread.upstreamCount += 1
        thread.loop.add(self)
    }

    // MARK: For the subclass to say

    func transmit(_ bytes: [UInt8]) { preconditionFailure("Every kind of link transmits.") }
    var isBlocked: Bool { false }
    /// No request is left and none will come: ends cleanly.
    func closeTransport() {}
    /// Ends by force.
    func resetTransport() {}

    // MARK: Requests

    /// True if it can carry this request.
    final func isFit(for exchange: Exchange) -> Bool {
        guard !isRetired, !isClosed, session.canOpenStream else { return false }
        guard let restsSince, thread.loop.now - restsSince > Self.trustedRest else { return true }
        return exchange.isRepeatable
    }

    /// Of these the first that can carry this request. One that has rested too long for it is given up: what does not trust
    /// it would pass it by each time.
    static func fit(for exchange: Exchange, among links: [HTTP2Link]) -> HTTP2Link? {
        for link in links {
            if link.isFit(for: exchange) { return link }
            if link.requests.isEmpty { link.retire() }
        }
        return nil
    }

    final func submit(_ request: HTTPRequest, for upstream: HTTP2Upstream) -> Int32? {
        guard !isClosed, let stream = session.submit(request, endsStream: false) else { return nil }
        changeRequests { $0.insert(upstream, for: stream) }
        restsSince = nil
        thread.loop.setDeadline(.never, of: self)
        return stream
    }

    /// A client has given up a request. To the far side all clients are one, and who cancels much is cut off: before that,
    /// new requests get a new link, and nobody suffers for another's impatience.
    final func cancelled() {
        cancelCount += 1
        if cancelCount > thread.settings.proxy.http.http2.flood.cancelledRequests / 2 { retire() }
    }

    /// A request is over; its stream is closed, or will be.
    final func finished(_ stream: Int32) {
        guard changeRequests({ $0.remove(stream) }) != nil else { return }
        scheduleFlush()
        oneIsOver()
    }

    /// Changes the table outside of its place, where no access to it can meet another one, which is seen when this is compiled
    /// and need not be looked after when it runs.
    @inline(__always)
    private func changeRequests<Result>(_ change: (inout StreamTable<HTTP2Upstream>) -> Result) -> Result {
        var table = StreamTable<HTTP2Upstream>()
        swap(&table, &requests)
        let result = change(&table)
        requests = table
        return result
    }

    /// An upstream has something to hand on once the session is left alone.
    private func touch(_ upstream: HTTP2Upstream) {
        guard !upstream.isTouched else { return }
        upstream.isTouched = true
        var upstreams: [HTTP2Upstream] = []
        swap(&upstreams, &touched)
        upstreams.append(upstream)
        touched = upstreams
    }

    private func passOn() {
        var upstreams: [HTTP2Upstream] = []
        swap(&upstreams, &touched)
        for upstream in upstreams {
            upstream.isTouched = false
            upstream.passOn()
        }
        // For the next ones, unless there are some already.
        upstreams.removeAll(keepingCapacity: true)
        if touched.isEmpty { touched = upstreams }
    }

    private func oneIsOver() {
        wasUsed = true
        guard requests.isEmpty, !isClosed else { return }
        if isRetired { return thread.loop.atEndOfTurn { [self] in closeIfUnused() } }
        rest()
    }

    private func rest() {
        restsSince = thread.loop.now
        thread.loop.setDeadline(thread.loop.now + restMax, of: self)
    }

    /// Takes no new requests.
    final func retire() {
        guard !isRetired else { return }
        isRetired = true
        thread.requests.links.remove(self)
        if requests.isEmpty { thread.loop.atEndOfTurn { [self] in closeIfUnused() } }
    }

    private func closeIfUnused() {
        guard requests.isEmpty, !isClosed else { return }
        session.announceLeaving()
        session.finishLeaving()
        flushNow()
        closeTransport()
    }

    /// A link that rests has its time; one with requests has none.
    final func restIsOver() {
        if requests.isEmpty { retire() }
    }

    // MARK: From the far side

    /// The connection is there.
    final func reached() {
        isReached = true
        if requests.isEmpty { rest() } else { thread.loop.setDeadline(.never, of: self) }
        for request in requests.values { request.exchange?.reached() }
    }

    /// The peer's sidecar is who it should be.
    final func secured(_ peer: PeerConnection) {
        for request in requests.values { request.exchange?.secured(peer) }
    }

    final func take(_ bytes: UnsafeRawBufferPointer) {
        guard !isClosed else { return }
        isInside = true
        var failure: HTTP2Failure?
        do throws(HTTP2Failure) {
            unsafe try session.receive(bytes, now: thread.loop.now)
        } catch {
            failure = error
        }
        isInside = false
        passOn()
        if let failure {
            flushNow()
            return fail(.responseMalformed, failure.sentence, isUntouched: false, isEndpointFault: true)
        }
        scheduleFlush()
    }

    func requestBegan(_ stream: Int32, _ head: HTTPRequest) {}

    func answerBegan(_ stream: Int32, _ head: consuming HTTPResponse) {
        guard let upstream = requests[stream] else { return }
        touch(upstream)
        upstream.received(head)
    }

    func received(_ stream: Int32, _ bytes: UnsafeRawBufferPointer) {
        guard let upstream = requests[stream] else { return session.consume(bytes.count, on: stream) }
        touch(upstream)
        unsafe upstream.received(bytes)
    }

    func ended(_ stream: Int32, _ trailers: HTTPFields) { requests[stream]?.answerEnded(trailers) }

    func reset(_ stream: Int32, _ reset: HTTP2Reset) {
        guard let upstream = changeRequests({ $0.remove(stream) }) else { return }
        upstream.forget()
        // What has come of the answer goes on before its end.
        if upstream.hasAnswered { upstream.exchange?.flushFront() }
        let told = isSidecar ? SidecarReset(reset.code) : nil
        let outcome = told?.outcome ?? (reset.isOurs ? .responseMalformed : .serverReset)
        upstream.resetCode = told == nil && !reset.isOurs ? reset.code : nil
        let detail =
            told != nil ? "the peer's sidecar says so" : reset.isOurs ? reset.detail : "RST_STREAM \(reset.code.name)"
        upstream.mayTryAnother = reset.isUntouched
        upstream.failed(
            outcome, detail, isUntouched: told?.isUntouched ?? reset.isUntouched,
            isEndpointFault: told != nil || !reset.isUntouched)
        oneIsOver()
    }

    func takesAgain(_ stream: Int32) {
        guard let upstream = requests[stream] else { return }
        upstream.exchange?.upstreamTakesAgain()
    }

    func goingAway() { retire() }

    /// The far side has ended its direction, or the connection is gone; `mayTryAnother`: in another way it may go well.
    final func fail(
        _ outcome: ErrorCode, _ detail: String, isUntouched: Bool, isEndpointFault: Bool, mayTryAnother: Bool = false
    ) {
        guard !isClosed else { return }
        isRetired = true
        failure = AttemptFailure(
            outcome: outcome, detail: detail, isUntouched: isUntouched, isStale: false, isEndpointFault: isEndpointFault
        )
        thread.requests.links.remove(self)
        let all = changeRequests { requests in
            defer { requests.removeAll() }
            return requests.values
        }
        resetTransport()
        for upstream in all {
            upstream.forget()
            if mayTryAnother { upstream.mayTryAnother = true }
            upstream.failed(outcome, detail, isUntouched: isUntouched, isEndpointFault: isEndpointFault)
        }
    }

    final var isIdle: Bool { requests.isEmpty }

    // MARK: To the far side

    final func scheduleFlush() {
        guard !isFlushScheduled, !isClosed else { return }
        isFlushScheduled = true
        thread.loop.atEndOfTurn { [self] in
            isFlushScheduled = false
            flushNow()
        }
    }

    final func flushNow() {
        guard !isInside, !isClosed else { return }
        while session.hasOutput, !isBlocked {
            var bytes = thread.buffers.array()
            session.takeOutput(into: &bytes, atMost: Self.outputMax)
            session.tellNews()
            if bytes.isEmpty { return thread.buffers.giveBack(bytes) }
            transmit(bytes)
            thread.buffers.giveBack(bytes)
        }
    }

    /// It is out of the loop and out of the table.
    final func closed() {
        guard !isClosed else { return }
        isClosed = true
        thread.requests.links.remove(self)
        thread.loop.remove(self)
        thread.upstreamCount -= 1
    }
}

/// What makes two links interchangeable.
enum HTTP2LinkKey: Hashable {
    case plain(SocketAddress)
    /// `carriesHTTP1`: what it carries was HTTP/1 and becomes it again; never requests of both kinds.
    case sidecar(PeerKey, carriesHTTP1: Bool)
}

/// The links of a thread that take requests.
struct HTTP2Links {
    private var links: [HTTP2LinkKey: [HTTP2Link]] = [:]
    /// What was found last, which is nearly always what is looked for next: to compare two keys costs less than to hash one.
    private var recent: [HTTP2Link] = []

    /// Those with a key, the oldest first.
    mutating func all(_ key: HTTP2LinkKey) -> [HTTP2Link] {
        if let link = recent.first, link.key == key { return recent }
        recent = links[key] ?? []
        return recent
    }

    mutating func add(_ link: HTTP2Link) {
        recent = []
        links[link.key, default: []].append(link)
    }

    mutating func remove(_ link: HTTP2Link) {
        recent = []
        links[link.key]?.removeAll { $0 === link }
        if links[link.key]?.isEmpty ?? false { links[link.key] = nil }
    }

    /// All that are of no use under what holds now.
    func all(where matches: (HTTP2Link) -> Bool) -> [HTTP2Link] { links.values.flatMap { $0.filter(matches) } }
}

/// How one sidecar tells another in RST_STREAM what became of a request: the outcome, and whether the application has seen
/// any of it. Error codes from 0x57000000 on are nobody else's; who does not know them takes them for INTERNAL_ERROR (RFC
/// 9113 section 7).
struct SidecarReset {
    private static let base: UInt32 = 0x5700_0000
    private static let untouched: UInt32 = 0x0001_0000

    let outcome: ErrorCode
    let isUntouched: Bool

    init?(_ code: HTTP2ErrorCode) {
        guard code.rawValue & 0xfffe_0000 == Self.base,
            let outcome = ErrorCode(rawValue: UInt16(truncatingIfNeeded: code.rawValue)), outcome.isFailure
        else { return nil }
        self.outcome = outcome
        isUntouched = code.rawValue & Self.untouched != 0
    }

    static func code(_ failure: AttemptFailure) -> HTTP2ErrorCode {
        let number = UInt32(failure.outcome.rawValue)
        return HTTP2ErrorCode(rawValue: base | (failure.isUntouched ? untouched : 0) | number)
    }
}

extension HTTP2ErrorCode {
    /// What a client is told of a request that failed without an answer, or in the middle of one.
    init(_ failure: AttemptFailure, toSidecar: Bool) {
        if toSidecar {
            self = SidecarReset.code(failure)
        } else if let code = failure.resetCode {
            self = code
        } else {
            self = failure.isUntouched ? .refusedStream : .internalError
        }
    }
}
