// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Authorization
internal import ConnectionStates
internal import Discovery
internal import HTTP2Codec
internal import HTTPCodec
internal import LinuxSystem
internal import MeshModel
internal import Reactor
internal import Routing
internal import TLSSession
internal import Telemetry

/// One request and its answer: takes it from an ``ExchangeFront``, decides where it goes, and carries it there over as many
/// ``HTTPUpstream``s, one after the other, as it takes and as is safe.
///
/// ```
///   begin ─▶ refused by us (400, 403, 404, 429, …)
///     │
///     ▼
///   attempt ─▶ answer begins ─▶ answer ends ─▶ over
///     ▲  │          └ cut: the client is cut as well, what came must not look whole
///     │  └ failed before an answer: may it be sent again?
///     │         proven that the application saw nothing ─ yes, whatever the method
///     └──────── else only what may be done twice, and only as often as the route says
/// ```
/// Everything that was sent is kept, up to a limit, as long as another attempt may need it.
final class Exchange: EventHandler {
    /// Attempts that nobody has to allow, since the application has not seen any of those before.
    static let safeAttemptsMax = 3
    /// How long the answer to a copy is read and dropped.
    static let mirrorPatience: Duration = .seconds(30)

    let thread: DataThread
    /// The thread's, as in ``Relay``.
    let loop: EventLoop
    /// Nil once it is over, and for a mirrored request, whose answer nobody awaits.
    private(set) var front: (any ExchangeFront)?
    /// Of the connection that it came on.
    let origin: ExchangeOrigin
    var request: HTTPRequest
    var method: String { record.method }
    /// It came as HTTP/2.
    let isHTTP2: Bool
    let startedAt: Instant
    var record: RequestRecord

    // Where it goes.
    /// Outbound: the service, with what this thread knows of it.
    var service: ServiceState?
    var rule: CompiledRule?
    var backend: CompiledBackend?
    var tried: [Endpoint] = []
    /// Of a service: that of the attempt under way. Without one there is no other: the application, or who is checked.
    var current: Endpoint?
    var upstream: HTTPUpstream?

    // What of it has come and gone.
    /// Of the body, what no upstream has been given yet.
    private var unsent: [UInt8] = []
    /// Of the body, what has been given to an upstream; empty where ``isKept`` is false.
    private var kept: [UInt8] = []
    private var trailers = HTTPFields()
    private(set) var isKept = true
    /// The client's message has been read to its end.
    var hasBeenRead = false
    /// Nothing more is to be sent: not so where bytes of another protocol may follow the message.
    private(set) var hasWholeRequest = false
    private(set) var hasSentAll = false
    /// It asks for a switch of protocols, or has been granted it.
    var isTunnel = false

    // How far it is.
    enum Phase {
        /// The head is judged; what follows is collected until ``flush()``.
        case beginning
        /// Before an attempt: a delay, a pause between two attempts.
        case waiting(until: Instant)
        case underWay
        case over
    }
    var phase = Phase.beginning
    var isAnswering = false
    var attemptedAt: Instant
    /// When a byte of the request or the answer came last.
    private(set) var movedAt: Instant
    var retries = 0
    var staleRetries = 0
    var isCounted = false
    /// Its server has not been reached yet.
    var isPending = false
    /// The attempt under way counts against the service's budget of retries.
    var isRetry = false
    private var backoff: Backoff?
    /// What the answer under way says of its endpoint, and how long its head took.
    private var result = RequestResult.success
    private var latency: Duration?
    /// It is a check of ours: nobody is told of it.
    let isCheck: Bool
    /// A call of gRPC, which is answered in its own way.
    private(set) var isGRPC = false

    init(_ thread: DataThread, _ front: any ExchangeFront, _ request: consuming HTTPRequest, isHTTP2: Bool) {
        self.thread = thread
        loop = thread.loop
        self.front = front
        // How long the client's connection lasts is between it and us (RFC 9112 section 9.6).
        request.persists = true
        record = front.beginRecord()
        record.spoken = isHTTP2 ? .http2 : .http1
        record.method = request.method
        record.authority = request.authority
        self.request = consume request
        self.isHTTP2 = isHTTP2
        isCheck = false
        startedAt = record.startedAt
        attemptedAt = startedAt
        movedAt = startedAt
        origin = front.origin
        super.init()
        thread.loop.add(self)
    }

    /// A request of our own to one endpoint, without routes, retries and records: ``flush()`` sends it.
    init(_ thread: DataThread, _ front: any ExchangeFront, _ request: HTTPRequest, checking endpoint: Endpoint) {
        self.thread = thread
        loop = thread.loop
        self.front = front
        self.request = request
        isHTTP2 = false
        isCheck = true
        startedAt = thread.loop.now
        attemptedAt = startedAt
        movedAt = startedAt
        origin = front.origin
        record = front.beginRecord()
        record.method = request.method
        current = endpoint
        hasBeenRead = true
        hasWholeRequest = true
        super.init()
        thread.loop.add(self)
    }

    /// A copy of a request for somebody else, whose answer nobody awaits.
    init(copying original: Exchange, to service: ServiceState) {
        thread = original.thread
        loop = original.loop
        origin = original.origin
        request = original.request
        isHTTP2 = original.isHTTP2
        isCheck = false
        startedAt = original.thread.loop.now
        attemptedAt = startedAt
        movedAt = startedAt
        record = original.record
        record.attempts = 0
        record.service = service.destination.key.service
        record.route = original.rule.map { "\($0.label) (mirror)" }
        self.service = service
        unsent = original.kept
        trailers = original.trailers
        hasBeenRead = true
        hasWholeRequest = true
        super.init()
        if let span = original.record.span { beginSpan(under: span.id, flags: span.flags) }
        thread.loop.add(self)
    }

    /// Nothing goes wrong if it is done twice.
    var isRepeatable: Bool {
        HTTPRequest.isIdempotent(method) || rule?.rule.retry?.alsoMethods.contains(method) ?? false
    }

    /// All of it is here, and may be done twice.
    var mayBeSentAgain: Bool { hasWholeRequest && isKept && isRepeatable }

    // MARK: The request

    /// Judges the head.
    func begin() {
        guard let front else { return }
        if method == "CONNECT", isHTTP2 || front is HTTP2FrontStream { return refuse(.requestUnsupported, "CONNECT") }
        do throws(PathRefusal) {
            request.target = try NormalPath.normalise(request.target)
        } catch {
            record.path = HTTPRequest.path(of: request.target)
            return refuse(.requestMalformed, error.sentence)
        }
        record.path = HTTPRequest.path(of: request.target)
        isGRPC = isHTTP2 && request.isGRPC
        continueTrace()
        let refusal =
            record.direction == .inbound ? beginInbound() : beginOutbound(front)
        if let refusal { return refuse(refusal.outcome, refusal.detail) }
        if case .over = phase { return }
        if let backend, let rule {
            // Taken out, as in `takeFields()`.
            var changed = HTTPRequest(method: "", authority: "", target: "")
            swap(&changed, &request)
            rule.apply(to: &changed, backend: backend, matchedPrefix: matchedPrefix)
            swap(&changed, &request)
        }
        isTunnel = request.upgrade != nil || method == "CONNECT"
        // Nothing of CONNECT's own follows its head.
        if method == "CONNECT" { hasBeenRead = true }
        if let limit = rule?.rule.timeouts.request { loop.setDeadline(startedAt + limit, of: self) }
    }

    /// What of the path a prefix match matched.
    var matchedPrefix: String?

    /// Makes the request pass after this moment: an injected delay.
    func delay(_ duration: Duration) { phase = .waiting(until: loop.now + duration) }

    /// Bytes of its body, or of what was switched to.
    func requestData(_ bytes: UnsafeRawBufferPointer) {
        record.requestBytes += UInt64(bytes.count)
        movedAt = loop.now
        // Not lent (ARCHITECTURE.md, "Properties are not lent").
        var waiting: [UInt8] = []
        swap(&waiting, &unsent)
        unsafe waiting.append(contentsOf: bytes)
        unsent = waiting
    }

    func requestEnds(_ trailers: HTTPFields) {
        var trailers = trailers
        if !trailers.isEmpty { trailers.removeAll(beginning: MeshField.prefix) }
        self.trailers = trailers
        hasBeenRead = true
        hasWholeRequest = !isTunnel
    }

    /// The client has ended its direction of what was switched to.
    func tunnelEnds() { hasWholeRequest = true }

    /// Sends what has been collected, or begins to.
    func flush() {
        switch phase {
        case .beginning: attempt()
        case .underWay: sendUnsent()
        case .waiting(let moment): setDeadline(moment)
        case .over: break
        }
    }

    /// Gives the request to an upstream, from its beginning.
    func sendAll(to upstream: HTTPUpstream) {
        hasSentAll = false
        // Taken out, as in `verdict(of:)`. An upstream that cannot begin says so later.
        var taken = HTTPRequest(method: "", authority: "", target: "")
        swap(&taken, &request)
        upstream.begin(taken)
        swap(&taken, &request)
        if !kept.isEmpty { unsafe kept.withUnsafeBytes { unsafe upstream.send($0) } }
        sendUnsent()
    }

    private func sendUnsent() {
        guard let upstream else { return }
        if !unsent.isEmpty {
            let bytes = unsent
            unsent = []
            keep(bytes)
            unsafe bytes.withUnsafeBytes { unsafe upstream.send($0) }
        }
        if hasWholeRequest, !hasSentAll {
            hasSentAll = true
            mirror()
            upstream.end(trailers)
        }
        upstream.flush()
    }

    private func keep(_ bytes: [UInt8]) {
        guard isKept, !isAnswering else { return }
        guard kept.count + bytes.count <= thread.settings.proxy.http.replayBytes else {
            isKept = false
            return kept = []
        }
        var all: [UInt8] = []
        swap(&all, &kept)
        if all.isEmpty { all = bytes } else { all += bytes }
        kept = all
    }

    /// The client is not read while this is true.
    var isUpstreamFull: Bool {
        if case .waiting = phase { return unsent.count >= thread.settings.proxy.http.replayBytes }
        return upstream?.isFull ?? false || unsent.count >= thread.settings.proxy.http.replayBytes
    }

    func upstreamTakesAgain() { front?.exchangeTakesAgain() }

    // MARK: The answer

    func answered(_ head: consuming HTTPResponse) {
        guard let front else {
            record.status = head.status
            return
        }
        if head.body == .tunnel, !isTunnel {
            let detail = "it switches protocols, which nobody has asked for"
            upstream?.failed(.responseMalformed, detail, isUntouched: false, isEndpointFault: true)
            return
        }
        if isAnsweredInPlaintext { head.fields.removeAll(beginning: MeshField.prefix) }
        movedAt = loop.now
        if !head.isInterim {
            if mayRepeatAnswered(head) { return repeatAnswered() }
            isAnswering = true
            kept = []
            result = Self.result(of: head)
            latency = loop.now - attemptedAt
            endRetry()
            record.status = head.status
            record.grpcStatus = isGRPC ? head.fields.grpcStatus : nil
            // What an attempt before this one came to has been made good.
            record.outcome = .completed
            record.detail = ""
            if let rule { rule.apply(to: &head, backend: backend) }
            if head.body != .tunnel, isTunnel {
                isTunnel = false
                hasWholeRequest = hasBeenRead
            }
        }
        front.write(consume head)
    }

    private static func result(of head: HTTPResponse) -> RequestResult {
        // Nearly all are, and say nothing of another time.
        if RequestResult(status: head.status, retryAfter: nil) == .success { return .success }
        let retryAfter = head.fields.first("retry-after").flatMap { Int64($0) }.map { Duration.seconds(min($0, 60)) }
        return RequestResult(status: head.status, retryAfter: retryAfter)
    }

    /// The route says that a status like this is worth another attempt, and it is safe and there is one left.
    private func mayRepeatAnswered(_ head: HTTPResponse) -> Bool {
        guard let retry = rule?.rule.retry, retry.statusCodes.contains(head.status), isRepeatable, isKept,
            hasWholeRequest, retries < retry.attempts
        else { return false }
        if let current { tried.append(current) }
        // The attempt that this answers is over before the next one is counted.
        settle(Self.result(of: head), connected: true)
        return beginRetry(retry)
    }

    private func repeatAnswered() {
        let abandoned = upstream
        upstream = nil
        abandoned?.detach()
        thread.counters.requestRetries += 1
        var backoff = self.backoff ?? Backoff(base: rule?.rule.retry?.backoff ?? .milliseconds(25))
        let moment = loop.now + backoff.next(using: &thread.random)
        self.backoff = backoff
        phase = .waiting(until: moment)
        setDeadline(moment)
        // What is left of the answer is not read.
        loop.atEndOfTurn { abandoned?.cut() }
    }

    func answerData(_ bytes: UnsafeRawBufferPointer) {
        record.responseBytes += UInt64(bytes.count)
        movedAt = loop.now
        unsafe front?.write(bytes)
    }

    /// By a server and not by its sidecar: it has no say in what sidecars tell.
    private var isAnsweredInPlaintext: Bool { if case .plaintext = upstream?.endpoint.security { true } else { false } }

    func answerEnded(_ trailers: HTTPFields) {
        var trailers = trailers
        if !trailers.isEmpty, isAnsweredInPlaintext { trailers.removeAll(beginning: MeshField.prefix) }
        upstream = nil
        if isGRPC, let status = trailers.grpcStatus ?? record.grpcStatus {
            record.grpcStatus = status
            result = RequestResult(grpcStatus: status)
        }
        settle(result, connected: true)
        let front = front
        front?.endAnswer(trailers)
        over()
        front?.exchangeEnded()
    }

    var isFrontBlocked: Bool { front?.isOutBlocked ?? false }
    func flushFront() { front?.flush() }
    func frontTakesAgain() { upstream?.frontTakesAgain() }

    // MARK: Ending

    /// The client is gone, or must go.
    func abandon(_ outcome: ErrorCode, _ detail: String, code: HTTP2ErrorCode? = nil) {
        upstream?.cutCode = code
        record.outcome = outcome
        record.detail = detail
        let front = front
        let upstream = upstream
        self.upstream = nil
        settle(.cancelled, connected: true)
        over()
        upstream?.detach()
        // Not from here: this may be inside another session's call.
        if let upstream { loop.atEndOfTurn { upstream.cut() } }
        front?.exchangeFailed(AttemptFailure(outcome, detail))
    }

    /// Counts the attempt under way as done.
    func settle(_ result: RequestResult, connected: Bool) {
        endPending()
        endRetry()
        guard let service, let current else { return }
        self.current = nil
        let latency = self.latency ?? loop.now - attemptedAt
        if service.finish(current, result, hasConnected: connected, latency: latency, now: loop.now) {
            thread.counters.ejections += 1
        }
        self.latency = nil
    }

    private func endRetry() {
        if isRetry { service?.endRetry() }
        isRetry = false
    }

    func over() {
        if case .over = phase { return }
        phase = .over
        settle(.cancelled, connected: true)
        if isCounted { service?.endRequest() }
        isCounted = false
        front = nil
        kept = []
        unsent = []
        loop.remove(self)
        if isCheck { return }
        // Taken out, not lent: of what is never lent the compiler knows that its accesses never overlap, and checks none of
        // them while the program runs.
        var finished = RequestRecord(
            connection: record.connection, direction: record.direction, client: record.client, startedAt: startedAt)
        swap(&finished, &record)
        thread.finished(finished)
    }

    override func deadlineReached(now: Instant) { judgeTime(now) }
}
