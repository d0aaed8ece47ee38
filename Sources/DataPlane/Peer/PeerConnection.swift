// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ConnectionStates
internal import Discovery
internal import LinuxSystem
internal import MeshModel
internal import PeerProtocol
internal import Reactor
internal import TLSSession
internal import Telemetry

/// One TCP connection to or from another sidecar, with its TLS session and the `weft/1` session in it. It drives; what may
/// happen is decided by ``PeerSession``.
///
/// ```
///   dialler:    connecting ─▶ handshaking ─▶ established ◀─▶ idle in the pool ─▶ leaving ─▶ closed
///   acceptor:                 handshaking ─▶ established ◀─▶ idle             ─▶ leaving ─▶ closed
/// ```
/// It carries one stream at a time, for which a ``PeerStreamUser`` stands; the two refer to each other until the stream is over.
///
/// Staging and buffers of the thread belong to whichever connection is at work: every entry goes through ``perform(_:)``,
/// which ends by sending what the session produced. Work on another session is never begun from inside; it is put off.
final class PeerConnection: EventHandler {

    enum Phase {
        case connecting
        case handshaking
        case established
        /// Our farewell is said; what still comes is dropped.
        case leaving
        case closed
    }

    let thread: DataThread
    // The thread's own. What is reached by way of another object is held on to for each call.
    let loop: EventLoop
    let staging: TLSStaging
    let buffers: ThreadBuffers
    let slices: SliceList
    let role: PeerSession.Role
    /// Where a dialled connection belongs in the pool.
    let key: PeerKey?
    /// Unique in this thread.
    let identifier: UInt64
    /// Where an accepted connection came from and was headed: for its streams, and for what is told if its handshake fails.
    let origin: AcceptOrigin?

    var phase: Phase
    private var sessionState: PeerSession
    /// Not lent (ARCHITECTURE.md, "Properties are not lent").
    var session: PeerSession {
        get { sessionState }
        set { sessionState = newValue }
    }
    let tls: TLSSession
    var reader = FrameReader()
    private(set) var verified: VerifiedPeer?
    private(set) var cipher: CipherSuite?
    /// The stream under way.
    var stream: (any PeerStreamUser)?
    /// Whoever has it opens its stream later: until then a connection without a stream is not one whose stream is over.
    var isPromised = false

    var socket: Descriptor?
    var output = PendingBytes()
    /// The kernel has not taken all that was produced: nothing more is produced until it has.
    private(set) var isBlocked = false
    var mayHaveInput: Bool
    private var isEndAnnounced = false
    var hasEndedOutput = false
    private var readSize = ReadSize(largest: ThreadBuffers.ciphertextByteCount)
    private let createdAt: Instant
    private let retireAt: Instant
    private(set) var idleSince: Instant?
    /// How long it may be idle in the pool; set by the acceptor's HELLO.
    var idleLimit = WeftOne.diallerIdle
    /// What the acceptor has said of itself.
    var greeting: HelloFrame?
    private var patience = ReaderPatience()
    private var countsAsHandshake = false

    /// Who connected, and where to.
    struct AcceptOrigin {
        let id: UInt64
        let client: SocketAddress
        let originalDestination: SocketAddress
        let acceptedAt: Instant

        var record: ConnectionRecord {
            var record = ConnectionRecord(id: id, direction: .inbound, client: client, startedAt: acceptedAt)
            record.originalDestination = originalDestination
            return record
        }
    }

    init(
        _ thread: DataThread, _ role: PeerSession.Role, _ socket: consuming Descriptor, _ tls: TLSSession,
        key: PeerKey?, origin: AcceptOrigin?
    ) {
        self.thread = thread
        loop = thread.loop
        staging = thread.staging
        buffers = thread.buffers
        slices = thread.slices
        self.role = role
        self.key = key
        self.socket = consume socket
        self.tls = tls
        self.origin = origin
        identifier = thread.nextConnectionID()
        sessionState = PeerSession(role: role)
        phase = role == .dialler ? .connecting : .handshaking
        mayHaveInput = false
        createdAt = thread.loop.now
        // ± 20 %, so that connections made together do not end together.
        let age = WeftOne.poolAge.wholeNanoseconds
        let jitter = Int64.random(in: -age / 5...age / 5, using: &thread.random)
        retireAt = createdAt + .nanoseconds(age + jitter)
        super.init()
        thread.counters.peerConnections += 1
        beginsHandshake()
    }

    // MARK: Entering and leaving

    /// Runs work on this session and sends what it produced. Re-entrant for the same connection, forbidden for another.
    func perform(_ body: () -> Void) {
        guard thread.activePeer !== self else { return body() }
        precondition(thread.activePeer == nil, "Two sessions must never share the staging at once.")
        thread.activePeer = self
        body()
        flush()
        thread.activePeer = nil
        settle()
    }

    /// Sends the session's output, after what is still waiting from before.
    func flush() {
        let staged = unsafe staging.output
        defer { staging.clearOutput() }
        guard phase != .closed, unsafe !staged.isEmpty else { return }
        if output.count + staged.count <= PendingBytes.gatheredMax || isBlocked {
            unsafe keep(staged)
            if !isBlocked { loop.sendSoon(self) }
            return
        }
        if !output.isEmpty {
            unsafe keep(staged)
            return drainOutput()
        }
        switch unsafe socket?.send(staged) ?? .failed(.notConnected) {
        case .bytes(let count):
            guard count < staged.count else { return }
            isBlocked = true
            unsafe keep(UnsafeRawBufferPointer(rebasing: staged[count...]))
        case .wouldBlock:
            isBlocked = true
            unsafe keep(staged)
        case .failed(let errno): sendFailed(errno)
        }
    }

    /// Not lent (ARCHITECTURE.md, "Properties are not lent").
    func takeOutput() -> PendingBytes {
        var taken = PendingBytes()
        swap(&taken, &output)
        return taken
    }

    /// Keeps output to be sent later.
    private func keep(_ bytes: UnsafeRawBufferPointer) {
        var kept = takeOutput()
        unsafe kept.append(bytes, buffers)
        output = kept
    }

    /// The socket takes nothing any more. What the peer said before that is still there to be read, and it may say what has
    /// become of the stream.
    private func sendFailed(_ errno: Errno) {
        loop.atEndOfTurn { [self] in
            noteInput()
            lost(errno)
        }
    }

    override func sendGathered() {
        if phase != .closed, !isBlocked { drainOutput() }
    }

    /// After each piece of work: a stream that is over leaves the connection idle, or at its end.
    private func settle() {
        guard phase == .established, session.isIdle, !isPromised else { return }
        if let relay = stream {
            stream = nil
            relay.peerIsDone()
        }
        guard idleSince == nil, session.isConfirmed else { return }
        becomeIdle()
    }

    private func becomeIdle() {
        guard !isBlocked else {
            // The end of the last stream is still on its way out; drainOutput comes back here.
            return loop.setDeadline(loop.now + thread.settings.liveness.userTimeout, of: self)
        }
        guard session.isPoolable, reader.isBetweenFrames, !(role == .acceptor && thread.isFinishing) else {
            return farewell()
        }
        idleSince = loop.now
        switch role {
        case .dialler:
            guard idleLimit > .zero, thread.pool.put(self) else { return farewell() }
            loop.setDeadline(loop.now + idleLimit, of: self)
        case .acceptor:
            loop.setDeadline(loop.now + WeftOne.acceptorIdle, of: self)
        }
    }

    /// Leaves idleness for a stream.
    func becomeBusy() {
        idleSince = nil
        // Until HELLO has come, the deadline of the handshake stays.
        guard session.isConfirmed else { return }
        loop.setDeadline(loop.now + Relay.reviewInterval, of: self)
    }

    /// True if the pool may hand it out: the peer's certificate still holds, and it is not too old.
    func isFitForStream(now: Instant) -> Bool {
        guard phase == .established, session.isPoolable, now < retireAt, let verified else { return false }
        return WallTime.now() <= verified.expiry
    }

    /// How long it has been idle; a peer may have gone without a word meanwhile.
    func hasRested(longerThan limit: Duration, now: Instant) -> Bool {
        idleSince.map { now - $0 > limit } ?? false
    }

    /// The handshake is done on this side.
    func established(_ peer: VerifiedPeer) {
        verified = peer
        cipher = tls.cipherSuite
        phase = .established
        if role == .acceptor { handshakeCounts() }
    }

    // MARK: Handshakes under way

    private func beginsHandshake() {
        countsAsHandshake = true
        thread.counters.handshakesActive += 1
    }

    /// The handshake is over, well or not. A dialler's is well only with HELLO.
    func handshakeCounts(failed: Bool = false) {
        guard countsAsHandshake else { return }
        countsAsHandshake = false
        thread.counters.handshakesActive -= 1
        thread.drainMayBeOver()
        let isDialler = role == .dialler
        switch (failed, isDialler) {
        case (false, true): thread.counters.handshakesCompleted.dialler += 1
        case (false, false): thread.counters.handshakesCompleted.acceptor += 1
        case (true, true): thread.counters.handshakesFailed.dialler += 1
        case (true, false): thread.counters.handshakesFailed.acceptor += 1
        }
        if !failed { thread.counters.handshakeTimes.observe(loop.now - createdAt) }
    }

    // MARK: Events

    override func ready(_ readiness: Readiness, slot: UInt8, now: Instant) {
        if !readiness.isDisjoint(with: [.readable, .peerEnded, .hangup, .error]) { mayHaveInput = true }
        if !readiness.isDisjoint(with: [.peerEnded, .hangup, .error]) { isEndAnnounced = true }
        if phase == .connecting {
            guard connected() else { return }
        }
        if isBlocked, readiness.contains(.writable) { drainOutput() }
        if phase == .leaving { finishLeaving() } else { read() }
    }

    /// There may be input that no event will tell of.
    func noteInput() {
        mayHaveInput = true
        isEndAnnounced = true
        read()
    }

    override func continueWork(now: Instant) {
        if phase == .leaving { finishLeaving() } else { read() }
    }

    override func deadlineReached(now: Instant) {
        switch phase {
        case .connecting: fail(.connectTimeout, "after \(connectPatience)", .ambiguous)
        case .handshaking: fail(.handshakeTimeout, "", .ambiguous)
        case .established: establishedDeadline(now: now)
        case .leaving, .closed: close()
        }
    }

    private func establishedDeadline(now: Instant) {
        if !session.isConfirmed { return fail(.handshakeTimeout, "no HELLO came", .ambiguous) }
        if session.isIdle {
            if role == .dialler { thread.pool.remove(self) }
            return farewell()
        }
        // The peer has not answered our RESET in time.
        if stream == nil { return close() }
        if let expiry = verified?.expiry, WallTime.now() > expiry + thread.settings.proxy.drain.deadline {
            return fail(.certificateExpired, "it ended at \(expiry)", .ambiguous)
        }
        reviewUserTimeout()
        loop.setDeadline(now + Relay.reviewInterval, of: self)
    }

    private func reviewUserTimeout() {
        guard let socket = socket.take() else { return }
        if patience.review(socket, normal: thread.settings.liveness.userTimeout) {
            thread.counters.relaxedTimeouts += 1
        }
        self.socket = consume socket
    }

    private func drainOutput() {
        var failure: Errno?
        var isStuck = false
        var kept = takeOutput()
        while !kept.isEmpty, failure == nil, !isStuck {
            unsafe kept.drain(buffers) { rest in
                switch unsafe socket?.send(rest) ?? .failed(.notConnected) {
                case .bytes(let count): return count
                case .wouldBlock: isStuck = true
                case .failed(let errno): failure = errno
                }
                return 0
            }
        }
        output = kept
        if isStuck {
            isBlocked = true
            return
        }
        let wasBlocked = isBlocked
        isBlocked = false
        if let failure { return sendFailed(failure) }
        if phase == .leaving { return finishLeaving() }
        guard wasBlocked else { return }
        stream?.peerTakesDataAgain()
        perform {}
    }

    // MARK: Reading

    /// Reads and decrypts what has come, as far as the stream's sink keeps up and the turn's budget goes.
    func read() {
        var budget = Relay.turnBudget
        while mayHaveInput, phase == .handshaking || phase == .established, !isReadingPaused {
            guard budget > 0 else { return loop.again(self) }
            let size = readSize.byteCount
            let buffer = unsafe UnsafeMutableRawBufferPointer(rebasing: buffers.ciphertext[..<size])
            switch unsafe socket?.receive(into: buffer) ?? .failed(.notConnected) {
            case .bytes(let count):
                budget -= count
                if count < size, !isEndAnnounced { mayHaveInput = false }
                unsafe take(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                if isReadingPaused { readSize.sinkFellBehind() } else if count == size { readSize.wasFull() }
            case .wouldBlock: mayHaveInput = false
            case .ended:
                mayHaveInput = false
                inputEnded()
            case .failed(let errno):
                mayHaveInput = false
                lost(errno)
            }
        }
    }

    /// The stream's sink is full: nothing more is read until it has room.
    private var isReadingPaused: Bool { stream?.isSinkFull ?? false }

    /// TCP ended. Inside TLS that is said before; where it was not, it is a cut.
    private func inputEnded() {
        switch phase {
        case .established where session.isIdle: close()
        case .established: fail(.peerCut, "the connection ended without a word", .ambiguous)
        case .handshaking: fail(.handshakeFailed, "the peer closed the connection during the handshake", .ambiguous)
        case .connecting, .leaving, .closed: close()
        }
    }

    /// The socket broke.
    func lost(_ errno: Errno) {
        if let key, errno == .connectionReset || errno == .timedOut { thread.retireAll(to: key.address) }
        switch phase {
        case .established where session.isIdle: close()
        case .established: fail(errno == .timedOut ? .peerGone : .peerCut, errno.description, .ambiguous)
        case .handshaking: fail(.handshakeFailed, "during the handshake: \(errno)", .ambiguous)
        case .connecting, .leaving, .closed: close()
        }
    }
}
