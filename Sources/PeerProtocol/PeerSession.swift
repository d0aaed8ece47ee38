// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// The rules of one `weft/1` connection, seen from one end: which frame may come or go now, and what it means. No bytes, no
/// sockets, no clock; the driver (`PeerConnection`) owns those.
///
/// A connection carries streams one after the other:
///
/// ```
///   dialler                                   acceptor
///      │   TLS handshake, mutual                 │
///      │ ◀───────────────────────────── HELLO ── │   only now the handshake counts
///      │ ── OPEN(1) ─ DATA ─ … ───────────────▶  │   authorise, connect to the application
///      │ ◀──────────────────── OPENED(1) ─────── │
///      │ ◀──── DATA ──────────────── DATA ────▶  │
///      │ ── FIN(1) ───────────────────────────▶  │   each direction ends once, by FIN or RESET,
///      │ ◀──────────────────────────── FIN(1) ── │   or goes RAW and ends with close_notify
///      │ ── OPEN(2) ── …                         │
/// ```
///
/// One direction of a stream, from either end:
///
/// ```
///             FIN / RESET
///   open ───────────────────▶ ended
///     └─ RAW ──▶ raw ─ close_notify ─▶ ended      (and the connection is never reused)
/// ```
package struct PeerSession: Sendable, BitwiseCopyable {
    package enum Role: Sendable, BitwiseCopyable {
        case dialler
        case acceptor
    }

    /// How far one direction of the current stream is.
    private enum Direction: Sendable {
        case open
        case raw
        case ended
    }

    /// The stream that is under way.
    private struct Stream: Sendable {
        let number: UInt32
        var isOpened = false
        var sending = Direction.open
        var receiving = Direction.open
        /// We have sent RESET: what still comes is dropped, up to ``WeftOne/discardMax``.
        var isDiscarding = false
        var discarded = 0
        var earlyByteCount = 0
        /// The way it ended leaves the connection fit for another stream.
        var leavesConnectionReusable = true

        var isOver: Bool { sending == .ended && receiving == .ended }
    }

    package let role: Role
    private var hasHello: Bool
    private var lastStream: UInt32 = 0
    private var stream: Stream?
    private var isReusable = true
    private var peerGoesAway = false
    private var weGoAway = false
    /// An OPEN crossed our GOAWAY: neither it nor what belongs to it is processed.
    private var hasIgnoredOpen = false

    package init(role: Role) {
        self.role = role
        hasHello = role == .acceptor
    }

    // MARK: What holds now

    /// No stream is under way.
    package var isIdle: Bool { stream == nil }

    /// The current stream's number.
    package var currentStream: UInt32? { stream?.number }

    /// The number of the last stream that was begun.
    package var lastStreamNumber: UInt32 { lastStream }

    /// The peer has shown that it accepted the handshake.
    package var isConfirmed: Bool { hasHello }

    /// The connection may carry another stream some time.
    package var isPoolable: Bool { isIdle && isReusable && hasHello && !peerGoesAway && !weGoAway && lastStream < .max }

    /// DATA may be sent now, before OPENED only by the dialler.
    package var maySend: Bool {
        guard let stream, stream.sending != .ended else { return false }
        return stream.isOpened || role == .dialler
    }

    package var isOpened: Bool { stream?.isOpened ?? false }
    package var isSendingRaw: Bool { stream?.sending == .raw }
    package var isReceivingRaw: Bool { stream?.receiving == .raw }
    package var hasEndedSending: Bool { stream.map { $0.sending == .ended } ?? true }
    package var hasEndedReceiving: Bool { stream.map { $0.receiving == .ended } ?? true }
    package var isDiscarding: Bool { stream?.isDiscarding ?? false }
    package var peerIsGoingAway: Bool { peerGoesAway }

    // MARK: What we send. Breaking a rule here is a bug of ours and traps.

    /// Begins the next stream; its number.
    package mutating func open() -> UInt32 {
        precondition(
            role == .dialler && isIdle && isReusable && !peerGoesAway, "A stream is opened on an idle connection.")
        lastStream += 1
        stream = Stream(number: lastStream)
        return lastStream
    }

    /// The acceptor has reached the application.
    package mutating func acceptStream() {
        precondition(role == .acceptor && stream != nil && !isOpened, "A stream is accepted once.")
        stream?.isOpened = true
    }

    /// Our direction goes on without frames.
    package mutating func sendRaw() {
        precondition(stream?.sending == .open && isOpened, "Only an open direction of an open stream goes RAW.")
        stream?.sending = .raw
        isReusable = false
    }

    /// Our direction has ended: FIN was sent, or close_notify where it is RAW.
    package mutating func sendEnd() {
        precondition(stream != nil && stream?.sending != .ended, "A direction ends once.")
        stream?.sending = .ended
        settle()
    }

    /// We abort the stream. What the peer still sends of it is dropped. `isRefusal` says that the application saw none of it.
    package mutating func sendReset(isRefusal: Bool) {
        precondition(stream != nil && stream?.sending != .ended, "A direction ends once.")
        let hasMoreToCome = !hasEndedReceiving
        stream?.sending = .ended
        stream?.leavesConnectionReusable = isRefusal
        stream?.isDiscarding = hasMoreToCome
        settle()
    }

    /// After this no stream is begun; a dialler's or acceptor's farewell.
    package mutating func sendGoAway() { weGoAway = true }

    // MARK: What we receive

    /// What a control frame means.
    package enum Meaning: Equatable {
        /// Nothing is left to do.
        case nothing
        /// The handshake counts.
        case confirmed(HelloFrame)
        /// Authorise, then connect to the application.
        case open(OpenFrame)
        /// The application is reached.
        case opened
        /// The peer's direction has ended cleanly.
        case ended
        /// The peer has aborted; if our direction was still open, `answer` says that we owe our own terminal frame.
        case aborted(ResetFrame, answer: Bool)
        /// The peer's direction goes on without frames.
        case raw
        /// The peer begins nothing new; `isRejected` says that our current stream was not accepted.
        case goAway(isRejected: Bool)
    }

    package mutating func receive(_ frame: ControlFrame) throws(ProtocolViolation) -> Meaning {
        guard !hasIgnoredOpen else { return .nothing }
        guard hasHello || frame.type == .hello else { throw .unexpected(frame.type, "HELLO is due") }
        switch frame {
        case .hello(let hello): return try receiveHello(hello)
        case .open(let open): return try receiveOpen(open)
        case .opened(let number): return try receiveOpened(number)
        case .fin(let number):
            try expect(.fin, number)
            return try receiveEnd()
        case .reset(let reset): return try receiveReset(reset)
        case .raw: return try receiveRaw()
        case .goAway(let last): return receiveGoAway(last)
        }
    }

    /// Bytes of the stream came, framed or raw; false if they are to be dropped.
    package mutating func receiveData(_ count: Int) throws(ProtocolViolation) -> Bool {
        guard !hasIgnoredOpen else { return false }
        guard hasHello else { throw .unexpected(.data, "HELLO is due") }
        guard var stream, stream.receiving != .ended else { throw .dataOnIdleConnection }
        if stream.isDiscarding {
            stream.discarded += count
            self.stream = stream
            guard stream.discarded <= WeftOne.discardMax else { throw .tooMuchDiscarded }
            return false
        }
        if !stream.isOpened {
            guard role == .acceptor else { throw .unexpected(.data, "OPENED is due") }
            stream.earlyByteCount += count
            self.stream = stream
            guard stream.earlyByteCount <= WeftOne.earlyDataMax else { throw .tooMuchEarlyData }
        }
        return true
    }

    /// The peer sent close_notify: the end of a RAW direction, or a farewell on an idle connection. False: it is a cut in
    /// the middle of a stream.
    package mutating func receiveCloseNotify() -> Bool {
        guard stream != nil else {
            peerGoesAway = true
            return true
        }
        guard stream?.receiving == .raw else { return false }
        stream?.receiving = .ended
        settle()
        return true
    }

    private mutating func receiveHello(_ hello: HelloFrame) throws(ProtocolViolation) -> Meaning {
        guard role == .dialler, !hasHello else { throw .unexpected(.hello, "HELLO has been") }
        hasHello = true
        return .confirmed(hello)
    }

    private mutating func receiveOpen(_ open: OpenFrame) throws(ProtocolViolation) -> Meaning {
        guard role == .acceptor else { throw .unexpected(.open, "only the dialler opens") }
        guard stream == nil else { throw .unexpected(.open, "a stream is under way") }
        guard isReusable else { throw .unexpected(.open, "the connection carries no further stream") }
        let (next, overflow) = lastStream.addingReportingOverflow(1)
        guard !overflow, open.stream == next else { throw .wrongStream(expected: next, found: open.stream) }
        // Crossed with our farewell: the dialler learns from the number in it that this stream was not accepted.
        guard !weGoAway else {
            hasIgnoredOpen = true
            return .nothing
        }
        lastStream = next
        stream = Stream(number: next)
        return .open(open)
    }

    private mutating func receiveOpened(_ number: UInt32) throws(ProtocolViolation) -> Meaning {
        guard role == .dialler else { throw .unexpected(.opened, "only the acceptor accepts") }
        try expect(.opened, number)
        guard let stream, !stream.isOpened, stream.receiving == .open else { throw .unexpected(.opened, "it has been") }
        self.stream?.isOpened = true
        return stream.isDiscarding ? .nothing : .opened
    }

    private mutating func receiveEnd() throws(ProtocolViolation) -> Meaning {
        guard let stream, stream.receiving == .open else { throw .unexpected(.fin, "that direction has ended") }
        // A stream that we have aborted may end without having been opened.
        guard stream.isOpened || role == .acceptor || stream.isDiscarding else {
            throw .unexpected(.fin, "OPENED is due")
        }
        self.stream?.receiving = .ended
        settle()
        return stream.isDiscarding ? .nothing : .ended
    }

    private mutating func receiveReset(_ reset: ResetFrame) throws(ProtocolViolation) -> Meaning {
        try expect(.reset, reset.stream)
        guard let stream, stream.receiving == .open else { throw .unexpected(.reset, "that direction has ended") }
        self.stream?.receiving = .ended
        let isRefusal = reset.reason != .aborted && !reset.hasTouchedApplication && !stream.isOpened
        // Where we had reset first, how the stream ends has been decided by that.
        if !isRefusal, !stream.isDiscarding { self.stream?.leavesConnectionReusable = false }
        let answer = stream.sending != .ended
        settle()
        return stream.isDiscarding ? .nothing : .aborted(reset, answer: answer)
    }

    private mutating func receiveRaw() throws(ProtocolViolation) -> Meaning {
        guard let stream, stream.receiving == .open, stream.isOpened else {
            throw .unexpected(.raw, "no open stream is under way")
        }
        self.stream?.receiving = .raw
        isReusable = false
        return .raw
    }

    private mutating func receiveGoAway(_ last: UInt32) -> Meaning {
        peerGoesAway = true
        return .goAway(isRejected: role == .dialler && stream.map { $0.number > last } ?? false)
    }

    private func expect(_ type: FrameType, _ number: UInt32) throws(ProtocolViolation) {
        guard let stream else { throw .unexpected(type, "no stream is under way") }
        guard stream.number == number else { throw .wrongStream(expected: stream.number, found: number) }
    }

    /// Ends the stream once both directions have.
    private mutating func settle() {
        guard let stream, stream.isOver else { return }
        if !stream.leavesConnectionReusable { isReusable = false }
        self.stream = nil
    }
}
