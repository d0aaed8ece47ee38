// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ConnectionStates
internal import MeshModel
internal import PeerProtocol

/// Whoever uses the stream under way on a ``PeerConnection``: a relay of bytes, or one side of a request. All of it is called
/// on the data thread, most of it from inside ``PeerConnection/perform(_:)``: work on another session is put off.
protocol PeerStreamUser: AnyObject {
    /// When the connection of an application began that this stream is for.
    var startedAt: Instant { get }
    /// True while what has been received cannot be passed on: the peer is not read meanwhile.
    var isSinkFull: Bool { get }
    /// How long one attempt to connect may take, where the service says it; nil: as the proxy says.
    var connectTimeout: Duration? { get }

    /// Outbound: the connection can carry the stream now.
    func peerIsReady()
    /// Outbound: HELLO has come, so that the endpoint works.
    func peerIsConfirmed()
    /// Outbound: the peer's sidecar has reached its application.
    func peerOpened()
    /// One piece of what ``receive()`` will find in the thread's slices.
    func willReceive(_ bytes: UnsafeRawBufferPointer)
    func receive()
    /// The peer's direction has ended cleanly.
    func peerEnded()
    /// The peer has aborted the stream; the connection has let go of it.
    func peerAborted(_ reset: ResetFrame)
    /// The connection has failed, or never came about, and has let go of the stream.
    func peerFailed(_ outcome: ErrorCode, _ detail: String, _ kind: Replay.Failure, isEndpointFault: Bool)
    /// Both directions have ended; the connection has let go of the stream.
    func peerIsDone()
    /// The peer's socket has taken what was waiting.
    func peerTakesDataAgain()
    /// Ends by force: the peer is no longer to be trusted.
    func dismiss(_ outcome: ErrorCode, _ detail: String)
}

extension PeerStreamUser {
    var connectTimeout: Duration? { nil }
}
