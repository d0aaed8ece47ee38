// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// The nine bytes before each frame (RFC 9113 section 4.1).
struct FrameHeader: Sendable {
    static let byteCount = 9
    /// RFC 9113 section 6.5.2; we ask for no more, and send no more.
    static let payloadMost = 16_384

    let length: Int
    let kind: UInt8
    let flags: UInt8
    let stream: Int32

    /// Reads the header that begins at `start`, which is all there.
    init(_ bytes: RawSpan, at start: Int = 0) {
        let word = UInt64(bigEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: start, as: UInt64.self))
        let last = unsafe bytes.unsafeLoad(fromByteOffset: start + 8, as: UInt8.self)
        length = Int(truncatingIfNeeded: word >> 40)
        kind = UInt8(truncatingIfNeeded: word >> 32)
        flags = UInt8(truncatingIfNeeded: word >> 24)
        stream = Int32(truncatingIfNeeded: word << 8 & 0x7fff_ff00) | Int32(last)
    }

    var endsStream: Bool { flags & FrameFlag.endStream != 0 }
    var endsHead: Bool { flags & FrameFlag.endHeaders != 0 }
    var isPadded: Bool { flags & FrameFlag.padded != 0 }
    var hasPriority: Bool { flags & FrameFlag.priority != 0 }
    var isAcknowledgement: Bool { flags & FrameFlag.ack != 0 }
}

/// RFC 9113 section 6.
enum FrameKind {
    static let data: UInt8 = 0
    static let headers: UInt8 = 1
    static let priority: UInt8 = 2
    static let resetStream: UInt8 = 3
    static let settings: UInt8 = 4
    static let pushPromise: UInt8 = 5
    static let ping: UInt8 = 6
    static let goAway: UInt8 = 7
    static let windowUpdate: UInt8 = 8
    static let continuation: UInt8 = 9
}

enum FrameFlag {
    static let ack: UInt8 = 1
    static let endStream: UInt8 = 1
    static let endHeaders: UInt8 = 4
    static let padded: UInt8 = 8
    static let priority: UInt8 = 32
}

/// RFC 9113 section 6.5.2, and RFC 9218 section 2.1.
enum SettingKind {
    static let headerTableSize: UInt16 = 1
    static let enablePush: UInt16 = 2
    static let concurrentStreams: UInt16 = 3
    static let initialWindowSize: UInt16 = 4
    static let frameSize: UInt16 = 5
    static let headerListSize: UInt16 = 6
    static let enableConnectProtocol: UInt16 = 8
    static let noRFC7540Priorities: UInt16 = 9
}

/// RFC 9113 section 6.9: what a window is before anything is said of it, and what it never is beyond.
enum FlowWindow {
    static let initial = 65_535
    static let most = 0x7fff_ffff
}

extension [UInt8] {
    /// Appends a frame's header.
    mutating func appendFrame(_ kind: UInt8, _ flags: UInt8, _ stream: Int32, length: Int) {
        append(addingCapacity: FrameHeader.byteCount) { output in
            output.append(UInt8(truncatingIfNeeded: length >> 16))
            output.append(UInt8(truncatingIfNeeded: length >> 8))
            output.append(UInt8(truncatingIfNeeded: length))
            output.append(kind)
            output.append(flags)
            for shift: Int32 in [24, 16, 8, 0] { output.append(UInt8(truncatingIfNeeded: stream >> shift)) }
        }
    }

    /// Appends a frame with a head: `write` appends the block, of which so much as one frame does not hold goes on in
    /// CONTINUATION. Gives where the frame begins.
    mutating func appendHead(
        _ flags: UInt8, _ stream: Int32, writing write: (inout [UInt8]) -> Void
    ) -> Int {
        let start = count
        appendFrame(FrameKind.headers, flags | FrameFlag.endHeaders, stream, length: 0)
        let blockStart = count
        write(&self)
        let length = Swift.min(count - blockStart, FrameHeader.payloadMost)
        self[start] = UInt8(truncatingIfNeeded: length >> 16)
        self[start + 1] = UInt8(truncatingIfNeeded: length >> 8)
        self[start + 2] = UInt8(truncatingIfNeeded: length)
        if count - blockStart > length { continueHead(start, blockStart + length, stream) }
        return start
    }

    private mutating func continueHead(_ start: Int, _ end: Int, _ stream: Int32) {
        self[start + 4] &= ~FrameFlag.endHeaders
        let rest = Array(self[end...])
        removeSubrange(end...)
        for next in stride(from: 0, to: rest.count, by: FrameHeader.payloadMost) {
            let piece = rest[next..<Swift.min(rest.count, next + FrameHeader.payloadMost)]
            let flags = piece.endIndex == rest.count ? FrameFlag.endHeaders : 0
            appendFrame(FrameKind.continuation, flags, stream, length: piece.count)
            append(contentsOf: piece)
        }
    }

    mutating func append(number: UInt32) {
        for shift: UInt32 in [24, 16, 8, 0] { append(UInt8(truncatingIfNeeded: number >> shift)) }
    }

    mutating func append(number: UInt16) {
        append(UInt8(truncatingIfNeeded: number >> 8))
        append(UInt8(truncatingIfNeeded: number))
    }
}

extension RawSpan {
    /// Four bytes, the highest first; traps where they are not all there.
    func number(at start: Int) -> UInt32 {
        UInt32(bigEndian: unsafe unsafeLoadUnaligned(fromByteOffset: start, as: UInt32.self))
    }
}
