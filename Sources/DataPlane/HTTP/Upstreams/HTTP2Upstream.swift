// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Discovery
internal import HTTP2Codec
internal import HTTPCodec
internal import LinuxSystem
internal import MeshModel
internal import Reactor

/// Carries a request on a stream of an ``HTTP2Link``.
final class HTTP2Upstream: HTTPUpstream {
    /// What waits to be sent for one stream before its client is no longer read.
    private static let pendingMax = 64 << 10

    private let link: HTTP2Link
    private var stream: Int32?
    private var hasEnd = false
    /// Bytes of the answer that the far side has no credit for yet.
    private var uncredited = 0
    private let wasUsed: Bool
    /// It is in the link's list.
    var isTouched = false
    /// The far side has not looked at it: another connection may be luckier, if only because fewer streams are open there.
    var mayTryAnother = false

    init(_ link: HTTP2Link) {
        self.link = link
        wasUsed = link.wasUsed
        super.init(link.thread, link.endpoint)
    }

    override var isStale: Bool { wasUsed || mayTryAnother }
    override var isReached: Bool { link.isReached }

    // MARK: The request

    override func begin(_ request: HTTPRequest) {
        hasEnd = false
        stream = link.submit(request, for: self)
        // Not from here: the exchange is in the middle of its attempt.
        guard stream == nil else { return }
        thread.loop.atEndOfTurn { [self] in
            if let failure = link.failure {
                return failed(
                    failure.outcome, failure.detail, isUntouched: true, isEndpointFault: failure.isEndpointFault)
            }
            mayTryAnother = true
            failed(.serverReset, "no stream was to be had", isUntouched: true, isEndpointFault: false)
        }
    }

    override func send(_ body: UnsafeRawBufferPointer) {
        if let stream { unsafe link.session.send(body, on: stream) }
    }

    override func end(_ trailers: HTTPFields) {
        guard !hasEnd else { return }
        hasEnd = true
        if let stream { link.session.end(stream, trailers: trailers) }
    }

    override func flush() { link.scheduleFlush() }

    override var isFull: Bool {
        stream.map { link.session.pendingByteCount(on: $0) >= Self.pendingMax } ?? false
    }

    // MARK: The answer

    func received(_ bytes: UnsafeRawBufferPointer) {
        guard let exchange else { return returnCredit(bytes.count) }
        uncredited += bytes.count
        unsafe exchange.answerData(bytes)
    }

    func received(_ head: consuming HTTPResponse) {
        if link.carriesHTTP1 { CarriedHTTP1.restore(&head) }
        answer(head)
    }

    /// Hands on what has come.
    func passOn() {
        exchange?.flushFront()
        giveCredit()
    }

    override func frontTakesAgain() { giveCredit() }

    private func giveCredit() {
        guard uncredited > 0, !isPaused else { return }
        returnCredit(uncredited)
        uncredited = 0
    }

    private func returnCredit(_ byteCount: Int) {
        guard let stream, byteCount > 0 else { return }
        link.session.consume(byteCount, on: stream)
        link.scheduleFlush()
    }

    // MARK: Afterwards

    override func released() {
        // An answer that came before the whole request was sent: the rest of it is of no use.
        if !hasEnd { return cut() }
        leave()
    }

    override func cut() {
        if let stream, !isAnswered || !hasEnd {
            link.session.reset(stream, cutCode ?? .cancel)
            link.cancelled()
        }
        leave()
    }

    /// The link has let go of it.
    func forget() { stream = nil }

    private func leave() {
        returnCredit(uncredited)
        uncredited = 0
        detach()
        if let stream { link.finished(stream) }
        stream = nil
    }
}
