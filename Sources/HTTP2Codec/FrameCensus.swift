// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// Looks at the nine bytes before each frame (RFC 9113 section 4.1), before the library sees them: it answers or ignores
/// many frames without a word to us. Payloads are passed over, so that a frame costs the same whatever its size.
struct FrameCensus: Sendable {
    private enum Kind {
        static let data: UInt8 = 0
        static let headers: UInt8 = 1
        static let resetStream: UInt8 = 3
        static let settings: UInt8 = 4
        static let pushPromise: UInt8 = 5
        static let ping: UInt8 = 6
        static let goAway: UInt8 = 7
        static let windowUpdate: UInt8 = 8
        static let continuation: UInt8 = 9
    }

    /// RFC 9113 section 3.4.
    static let prefaceByteCount = 24
    /// RFC 9113 section 6.5.2; we ask for no more.
    static let frameBytes = 16_384

    private let isServer: Bool
    private var prefaceLeft: Int
    /// The bytes of the frame's header that have come, the last one lowest.
    private var header: UInt128 = 0
    private var headerCount = 0
    private var payloadLeft = 0
    private var lastStream: UInt32 = 0
    /// Of one head. Eight full frames hold twice what is taken, and senders fill them.
    private let continuationsMost: Int
    private var continuations = 0

    init(isServer: Bool, headBytes: Int) {
        self.isServer = isServer
        continuationsMost = max(8, headBytes / 8192)
        prefaceLeft = isServer ? Self.prefaceByteCount : 0
    }

    /// The client's preface has come whole, whatever its bytes are; always true of a client.
    var hasPreface: Bool { prefaceLeft == 0 }

    /// Counts the frames that begin in `bytes`. A failure comes with how many bytes were good before the frame that is too
    /// much; of its own header at least the last byte is not among them.
    mutating func scan(_ bytes: RawSpan, _ floods: inout FloodGuard) -> (good: Int, failure: HTTP2Failure?) {
        var index = min(prefaceLeft, bytes.byteCount)
        prefaceLeft -= index
        while index < bytes.byteCount {
            if payloadLeft > 0 {
                let step = min(payloadLeft, bytes.byteCount - index)
                payloadLeft -= step
                index += step
                continue
            }
            header = header << 8 | UInt128(unsafe bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self))
            headerCount += 1
            if headerCount == 9 {
                if let failure = judge(&floods) { return (index, failure) }
                header = 0
                headerCount = 0
            }
            index += 1
        }
        return (index, nil)
    }

    private mutating func judge(_ floods: inout FloodGuard) -> HTTP2Failure? {
        let length = Int(truncatingIfNeeded: header >> 48 & 0xff_ffff)
        let flags = UInt8(truncatingIfNeeded: header >> 32)
        let stream = UInt32(truncatingIfNeeded: header) & 0x7fff_ffff
        payloadLeft = length
        guard length <= Self.frameBytes else {
            return HTTP2Failure(.frameSizeError, "a frame is larger than the 16,384 bytes that were announced")
        }
        switch UInt8(truncatingIfNeeded: header >> 40) {
        case Kind.data:
            // One that ends its stream is what many clients end a body with.
            return length == 0 && flags & 1 == 0 ? floods.count(.emptyData) : nil
        case Kind.headers:
            continuations = 0
            guard isServer else { return nil }
            if stream <= lastStream { return floods.count(.lateHeads) }
            lastStream = stream
            floods.hasOpenedStream()
            return nil
        case Kind.settings: return flags & 1 == 0 ? floods.count(.settings) : nil
        case Kind.ping: return floods.count(.pings)
        case Kind.windowUpdate: return floods.count(.windowUpdates)
        case Kind.pushPromise:
            return HTTP2Failure(
                .protocolError,
                isServer ? "a client sent PUSH_PROMISE" : "a server sent PUSH_PROMISE, which it was told not to")
        case Kind.continuation:
            continuations += 1
            guard continuations > continuationsMost else { return nil }
            return HTTP2Failure(
                .enhanceYourCalm, FloodGuard.sentence(.continuations), limit: .continuations)
        case Kind.resetStream, Kind.goAway: return nil
        default: return floods.count(.otherFrames)
        }
    }
}
