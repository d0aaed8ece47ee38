// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import HTTP2Codec
internal import HTTPCodec
internal import MeshModel
internal import Telemetry

/// One stream of an ``HTTP2Conversation``: the near side of an exchange.
final class HTTP2FrontStream: ExchangeFront {
    private let conversation: HTTP2Conversation
    let number: Int32
    private var exchange: Exchange?
    /// Bytes of the request that have come and that the client has no credit for yet.
    private var uncredited = 0
    private(set) var hasWholeRequest = false
    /// It is in the conversation's list.
    var isTouched = false
    /// The session has sent what it had for this stream.
    var wantsMore = false

    init(_ conversation: HTTP2Conversation, _ number: Int32) {
        self.conversation = conversation
        self.number = number
    }

    private var session: HTTP2Session { conversation.session }
    var origin: ExchangeOrigin { conversation.origin }
    func beginRecord() -> RequestRecord { conversation.beginRecord() }
    var clientText: String { conversation.clientText }
    var isSidecar: Bool { conversation.isSidecar }
    var gateway: GatewayOrigin? { conversation.gateway }

    // MARK: The request

    func begin(_ request: consuming HTTPRequest) {
        let exchange = Exchange(conversation.thread, self, request, isHTTP2: !conversation.carriesHTTP1)
        self.exchange = exchange
        exchange.begin()
    }

    func received(_ bytes: UnsafeRawBufferPointer) {
        guard let exchange else { return session.consume(bytes.count, on: number) }
        uncredited += bytes.count
        unsafe exchange.requestData(bytes)
    }

    func requestEnds(_ trailers: HTTPFields) {
        hasWholeRequest = true
        exchange?.requestEnds(trailers)
    }

    /// Hands on what has come.
    func passOn() {
        exchange?.flush()
        if uncredited > 0, !(exchange?.isUpstreamFull ?? false) {
            session.consume(uncredited, on: number)
            uncredited = 0
            conversation.scheduleFlush()
        }
        if wantsMore {
            wantsMore = false
            takesAgain()
        }
    }

    func takesAgain() {
        if !isOutBlocked { exchange?.frontTakesAgain() }
    }

    /// The client does not want it any more, or cannot have it.
    func abandon(_ outcome: ErrorCode, _ detail: String, code: HTTP2ErrorCode? = nil) {
        let exchange = exchange
        self.exchange = nil
        exchange?.abandon(outcome, detail, code: code)
    }

    // MARK: The answer

    var isOutBlocked: Bool { conversation.isBlocked(number) }

    func write(_ head: consuming HTTPResponse) {
        if conversation.carriesHTTP1 { CarriedHTTP1.keep(&head) }
        session.submit(head, on: number, endsStream: false)
    }

    func write(_ body: UnsafeRawBufferPointer) { unsafe session.send(body, on: number) }

    func endAnswer(_ trailers: HTTPFields) { session.end(number, trailers: trailers) }

    func flush() { conversation.scheduleFlush() }

    // MARK: What the exchange tells

    func exchangeTakesAgain() { conversation.exchangeTakesAgain(self) }
    func exchangeReached() { conversation.exchangeReached() }

    func exchangeEnded() {
        exchange = nil
        returnCredit()
        conversation.answered(self)
    }

    func exchangeFailed(_ failure: AttemptFailure) {
        exchange = nil
        returnCredit()
        conversation.reset(self, HTTP2ErrorCode(failure, toSidecar: isSidecar))
    }

    private func returnCredit() {
        if uncredited > 0 { session.consume(uncredited, on: number) }
        uncredited = 0
    }
}
