// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ConnectionStates
internal import Detection
internal import LinuxSystem
internal import MeshModel
internal import Reactor
internal import Telemetry

/// One connection of an application and what carries it on: the part that relays of both kinds share. It keeps the record,
/// judges stillness, and ends exactly once.
///
/// | subclass      | downstream               | upstream                  |
/// |---------------|--------------------------|---------------------------|
/// | `PlainRelay`  | plaintext                | plaintext                 |
/// | `StreamRelay` outbound | plaintext       | a stream of a `PeerConnection` |
/// | `StreamRelay` inbound  | a stream of a `PeerConnection` | plaintext  |
/// | `HTTPFront`   | either                   | for each request its own  |
class Relay: EventHandler {
    /// Every relay is looked at this often: stillness, readers that pause, certificates that have expired.
    static let reviewInterval: Duration = .seconds(15)
    /// Bytes moved per turn before others get theirs.
    static let turnBudget = 256 << 10

    let thread: DataThread
    /// The thread's: what is reached by way of another object is held on to for each call.
    let loop: EventLoop
    var record: ConnectionRecord
    private var relayState: RelayState
    /// Not lent (ARCHITECTURE.md, "Properties are not lent").
    final var state: RelayState {
        get { relayState }
        set { relayState = newValue }
    }
    private(set) var isFinished = false
    private var firstBytes: FirstBytes?

    /// `isClassified`: what its client speaks is known, or found out elsewhere.
    init(_ thread: DataThread, _ record: consuming ConnectionRecord, isClassified: Bool = false) {
        self.thread = thread
        loop = thread.loop
        self.record = consume record
        firstBytes = isClassified ? nil : FirstBytes()
        relayState = RelayState(now: thread.loop.now)
        super.init()
    }

    /// Looks at bytes of the client until they tell what they speak.
    final func classify(fromClient bytes: UnsafeRawBufferPointer) {
        guard firstBytes != nil else { return }
        let verdict = unsafe firstBytes?.consume(bytes.bytes)
        if let verdict, verdict != .unknown {
            record.detected = verdict
            firstBytes = nil
        }
    }

    /// The server has spoken: before the client's first byte that settles it, after it the client's bytes may still tell.
    final func noteServerSpoke() {
        guard firstBytes != nil, record.detected == .unknown, record.downstreamBytesReceived == 0 else { return }
        record.detected = .serverFirst
        firstBytes = nil
    }

    /// It is known already.
    final func skipClassifying() { firstBytes = nil }

    /// Ends the connection: counted, logged, out of the loop. The subclass has closed or handed on its sockets.
    final func finish(_ outcome: ErrorCode, _ detail: String = "", isLogged: Bool = true) {
        guard !isFinished else { return }
        isFinished = true
        if record.detected == .unknown, record.downstreamBytesReceived > 0 { record.detected = .opaque }
        record.outcome = outcome
        record.detail = detail
        loop.remove(self)
        // Taken out, not lent: of what is never lent the compiler knows that its accesses never overlap, and checks none of
        // them while the program runs.
        var finished = ConnectionRecord(
            id: record.id, direction: record.direction, client: record.client, startedAt: record.startedAt)
        swap(&finished, &record)
        thread.finished(finished, isLogged: isLogged)
    }

    /// Sets the deadline for the next review, or for stillness if that comes first.
    final func scheduleReview() {
        let stillness = state.stillness(thread.settings.proxy.timeouts).deadline
        loop.setDeadline(min(stillness, loop.now + Self.reviewInterval), of: self)
    }

    /// Ends the connection by force: the deadline of a drain, a policy that changed, the end of the process.
    func cut(_ outcome: ErrorCode, _ detail: String = "") { preconditionFailure("Every kind of relay can be cut.") }

    /// What this connection makes us keep on the heap.
    var heldByteCount: Int { 0 }

    /// True if the configuration now in force no longer allows this connection.
    func isStillAllowed() -> ErrorCode? { nil }
}
