// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// The numbers of `weft/1`, the protocol between two sidecars. `docs/weft1.md` is the specification; these are its
/// constants, and nothing else in the code repeats them.
package enum WeftOne {
    // MARK: Fixed by the protocol

    /// type, flags, length.
    package static let headerLength = 4
    /// The longest payload of a control frame.
    package static let controlPayloadMax = 4096
    /// The longest payload of a DATA frame that must be understood.
    package static let dataPayloadMax = 65_535
    /// The most a dialler sends, and an acceptor holds, before OPENED.
    package static let earlyDataMax = 65_536
    /// What the sender of a RESET still reads and drops of the other direction.
    package static let discardMax = 262_144
    package static let discardTime: Duration = .seconds(1)
    /// KeyUpdates received without data between them.
    package static let keyUpdatesWithoutDataMax = 32
    /// Records sent under one key: 2^23, below AES-GCM's limit of 2^24.5 (RFC 8446 section 5.5).
    package static let recordsPerKey: UInt64 = 1 << 23

    // MARK: Chosen by us

    /// The DATA payload we send: with its header it fills one TLS record of 16 KiB.
    package static let dataPayload = 16_380
    /// From here on a direction goes RAW. A connection that went RAW is not reused; the next one costs a handshake of
    /// about 1 ms of CPU, which 16 MiB at about 1 s/GB (16 ms) outweigh.
    package static let rawThreshold: UInt64 = 16 << 20
    package static let diallerIdle: Duration = .seconds(4)
    package static let acceptorIdle: Duration = .seconds(15)
    package static let poolAge: Duration = .seconds(600)
    package static let poolPerKeyMax = 128
    /// On a connection idle for longer, DATA waits for OPENED: the peer may have gone without a word.
    package static let trustedIdle: Duration = .seconds(1)
}

/// The kinds of frames and their numbers on the wire.
package enum FrameType: UInt8, Sendable, CaseIterable {
    /// The acceptor's first frame: the handshake counts from here on.
    case hello = 1
    /// The dialler begins a stream.
    case open = 2
    /// The acceptor is connected to the application.
    case opened = 3
    /// Bytes of the stream.
    case data = 4
    /// The sender's direction has ended cleanly.
    case fin = 5
    /// The stream is aborted.
    case reset = 6
    /// The sender's direction goes on without frames.
    case raw = 7
    /// No stream after this number.
    case goAway = 8
}

/// What the dialler knows about the protocol of a stream; a claim for telemetry and later for HTTP, never for decisions.
package enum StreamHint: UInt8, Sendable, CaseIterable {
    case undecided = 0
    case opaque = 1
    case http1 = 2
    case http2 = 3
    /// Requests of HTTP/1 as streams of an HTTP/2 session; only to an acceptor whose HELLO says
    /// ``HelloFrame/takesHTTP1Sessions``.
    case http1Session = 4
}

/// The acceptor's first frame.
package struct HelloFrame: Hashable, Sendable {
    /// What the acceptor can do beyond what every acceptor can; bits that are not known mean nothing.
    package var features: UInt32 = 0
    /// How long the acceptor keeps an idle connection.
    package var idleTimeout: Duration = WeftOne.acceptorIdle

    package init() {}

    /// The bit of ``takesHTTP1Sessions``.
    private static let http1Sessions: UInt32 = 1

    /// Streams with the hint ``StreamHint/http1Session`` are understood.
    package var takesHTTP1Sessions: Bool {
        get { features & Self.http1Sessions != 0 }
        set { features = newValue ? features | Self.http1Sessions : features & ~Self.http1Sessions }
    }

    /// How long the dialler keeps an idle connection: well before the acceptor closes it, so that no stream is begun on one
    /// that is about to end. Zero: not at all.
    package var diallerIdle: Duration { min(WeftOne.diallerIdle, idleTimeout / 2) }
}

/// The beginning of a stream.
package struct OpenFrame: Hashable, Sendable {
    package var stream: UInt32
    /// The stream carries several clients; its client address means nothing.
    package var isShared = false
    /// Nobody will send anything: whether the application can be reached is all that is asked.
    package var isCheck = false
    package var hint = StreamHint.undecided
    /// Who connected to the dialler. A claim for logs.
    package var client: SocketAddress?
    /// Ties the log lines of both sides together. A claim for logs.
    package var trace: TraceID?

    package init(stream: UInt32) { self.stream = stream }
}

/// Why a stream was aborted.
package enum ResetReason: UInt8, Sendable, CaseIterable {
    /// The application's or the client's connection was reset in the middle.
    case aborted = 0
    /// Nobody listens at the destination.
    case refused = 1
    /// Authorisation says no.
    case denied = 2
    /// There is no way to the destination.
    case unreachable = 3
    /// The application did not answer the connect in time.
    case timeout = 4
    /// The acceptor is at a limit or drains.
    case overloaded = 5
}

/// The end of a stream by force.
package struct ResetFrame: Hashable, Sendable {
    package var stream: UInt32
    package var reason: ResetReason
    /// True if any byte of the stream had been written to the application: then nothing may be tried again.
    package var hasTouchedApplication = false
    /// The sender's own code for it, for the receiver's record.
    package var code: ErrorCode?

    package init(stream: UInt32, reason: ResetReason) {
        self.stream = stream
        self.reason = reason
    }
}

/// Every frame but DATA.
package enum ControlFrame: Hashable, Sendable {
    case hello(HelloFrame)
    case open(OpenFrame)
    case opened(stream: UInt32)
    case fin(stream: UInt32)
    case reset(ResetFrame)
    case raw
    case goAway(lastStream: UInt32)
}

/// The peer did something that `weft/1` forbids; the connection is closed.
package enum ProtocolViolation: Error, Hashable, Sendable {
    case unknownFrame(UInt8)
    case frameTooLong(FrameType, Int)
    case malformed(FrameType)
    /// A frame that has no business here, with the state in a word.
    case unexpected(FrameType, String)
    case wrongStream(expected: UInt32, found: UInt32)
    case tooMuchEarlyData
    case tooMuchDiscarded
    case bytesAfterRaw
    case keyUpdateFlood
    case dataOnIdleConnection

    package var sentence: String {
        switch self {
        case .unknownFrame(let type): "a frame of the unknown type \(type)"
        case .frameTooLong(let type, let length): "a frame of \(length) bytes: \(type)"
        case .malformed(let type): "a frame that is not well-formed: \(type)"
        case .unexpected(let type, let state): "\(type) while \(state)"
        case .wrongStream(let expected, let found): "stream \(found) instead of \(expected)"
        case .tooMuchEarlyData: "more than \(WeftOne.earlyDataMax) bytes before OPENED"
        case .tooMuchDiscarded: "more than \(WeftOne.discardMax) bytes after a RESET"
        case .bytesAfterRaw: "bytes behind RAW in the same record"
        case .keyUpdateFlood: "more than \(WeftOne.keyUpdatesWithoutDataMax) key updates without data"
        case .dataOnIdleConnection: "bytes on an idle connection"
        }
    }
}
