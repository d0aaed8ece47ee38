// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import HTTPCodec
internal import MeshModel
internal import Reactor
internal import Telemetry

/// What is spoken on an ``HTTPFront``: makes requests of its bytes and bytes of their answers.
///
/// | conversation        | requests at once                       |
/// |---------------------|----------------------------------------|
/// | `HTTP1Conversation` | one; what is pipelined behind it waits  |
/// | `HTTP2Conversation` | one for each stream                     |
///
/// It and its front refer to each other until the front is finished.
protocol HTTPConversation: AnyObject {
    /// Bytes that have come.
    func take(_ bytes: UnsafeRawBufferPointer)
    /// Nothing more is to be read for the moment.
    var isInputPaused: Bool { get }
    /// Another turn: goes on with what was put off.
    func goOn()
    /// The client has ended its direction.
    func inputEnded()
    /// The client has reset, is gone, or has to go.
    func fail(_ failure: AttemptFailure)
    /// The client has taken what was waiting.
    func takesAgain()
    func deadlineReached(now: Instant)
    /// We leave: no request after those under way.
    func announceLeaving()
    /// What it makes us keep on the heap.
    var heldByteCount: Int { get }
}

/// The near side of an ``Exchange``: where its answer goes.
protocol ExchangeFront: AnyObject {
    /// Of the connection that the request came on.
    var origin: ExchangeOrigin { get }
    /// The record of a request that begins now on that connection.
    func beginRecord() -> RequestRecord
    /// The address of its client, as a field tells it; made once for all requests of the connection.
    var clientText: String { get }
    /// Set for a client of a gateway.
    var gateway: GatewayOrigin? { get }
    /// The other sidecar asked: it decides what its client is told of a failure, and whether to try elsewhere.
    var isSidecar: Bool { get }
    /// What was written has not been taken yet: nothing more is to be read for it.
    var isOutBlocked: Bool { get }

    /// Begins an answer, or passes an interim one.
    func write(_ head: consuming HTTPResponse)
    func write(_ body: UnsafeRawBufferPointer)
    /// The answer is complete.
    func endAnswer(_ trailers: HTTPFields)
    /// Hands over what was written.
    func flush()

    /// More of the request is taken again.
    func exchangeTakesAgain()
    /// The application has been reached.
    func exchangeReached()
    /// The exchange is over and its answer is written, though perhaps not all of it taken yet.
    func exchangeEnded()
    /// The exchange cannot be answered any more, or must not be.
    func exchangeFailed(_ failure: AttemptFailure)
}

extension ExchangeFront {
    func write(_ body: [UInt8]) {
        unsafe body.withUnsafeBytes { unsafe write($0) }
    }
}

/// What of a connection decides where its requests go.
struct ExchangeOrigin {
    /// The address that the client dialled.
    let dialled: SocketAddress?
    /// The service of the mesh that this is.
    let service: ResourceReference?
}
