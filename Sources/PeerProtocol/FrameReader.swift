// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
internal import MeshModel

/// What a ``FrameReader`` found next.
package enum FrameEvent: Equatable {
    /// Payload of a DATA frame at these offsets of the chunk; a long frame comes as several of these.
    case data(Range<Int>)
    /// A whole control frame.
    case control(ControlFrame)
}

/// Cuts a stream of bytes into frames, whatever the pieces it arrives in. DATA is never copied; a control frame is only
/// where it was torn apart.
package struct FrameReader: Sendable {
    /// Payload of the current DATA frame still to come.
    private var dataRemaining = 0
    /// The beginning of a header or of a control frame whose rest has not come yet; at most 4100 bytes.
    private var partial: [UInt8] = []

    package init() {}

    /// True between frames: nothing has begun that has not ended.
    package var isBetweenFrames: Bool { dataRemaining == 0 && partial.isEmpty }

    /// The next event in `chunk` from `offset` on, which moves behind what was used. Nil: the chunk is used up.
    package mutating func next(_ chunk: RawSpan, _ offset: inout Int) throws(ProtocolViolation) -> FrameEvent? {
        if dataRemaining > 0 { return data(chunk, &offset) }
        if partial.isEmpty, chunk.byteCount - offset >= WeftOne.headerLength {
            // The common case: a header that is all here.
            let length = Int(chunk.byte(at: offset + 2)) << 8 | Int(chunk.byte(at: offset + 3))
            let type = try frameType(chunk.byte(at: offset), length: length)
            if type == .data {
                offset += WeftOne.headerLength
                dataRemaining = length
                return data(chunk, &offset)
            }
            let end = offset + WeftOne.headerLength + length
            if end <= chunk.byteCount {
                defer { offset = end }
                return .control(try control(type, chunk.extracting(offset..<end)))
            }
        }
        return try torn(chunk, &offset)
    }

    private mutating func data(_ chunk: RawSpan, _ offset: inout Int) -> FrameEvent? {
        let count = min(dataRemaining, chunk.byteCount - offset)
        guard count > 0 else { return nil }
        defer {
            offset += count
            dataRemaining -= count
        }
        return .data(offset..<offset + count)
    }

    /// Collects a frame that came in pieces.
    private mutating func torn(_ chunk: RawSpan, _ offset: inout Int) throws(ProtocolViolation) -> FrameEvent? {
        take(until: WeftOne.headerLength, chunk, &offset)
        guard partial.count >= WeftOne.headerLength else { return nil }
        let length = Int(partial[2]) << 8 | Int(partial[3])
        let type = try frameType(partial[0], length: length)
        if type == .data {
            partial = []
            dataRemaining = length
            return data(chunk, &offset)
        }
        take(until: WeftOne.headerLength + length, chunk, &offset)
        guard partial.count == WeftOne.headerLength + length else { return nil }
        defer { partial = [] }
        return .control(try control(type, unsafe partial.span.bytes))
    }

    private mutating func take(until count: Int, _ chunk: RawSpan, _ offset: inout Int) {
        let missing = min(max(0, count - partial.count), chunk.byteCount - offset)
        guard missing > 0 else { return }
        unsafe chunk.extracting(offset..<offset + missing).withUnsafeBytes { unsafe partial.append(contentsOf: $0) }
        offset += missing
    }

    private func frameType(_ byte: UInt8, length: Int) throws(ProtocolViolation) -> FrameType {
        guard let type = FrameType(rawValue: byte) else { throw .unknownFrame(byte) }
        guard type == .data || length <= WeftOne.controlPayloadMax else { throw .frameTooLong(type, length) }
        // Empty DATA moves nothing and would let a peer keep us busy for nothing.
        guard type != .data || length > 0 else { throw .malformed(type) }
        return type
    }

    /// Reads one whole control frame, header included.
    private func control(_ type: FrameType, _ frame: RawSpan) throws(ProtocolViolation) -> ControlFrame {
        var cursor = ByteCursor(frame)
        do throws(ByteCursorError) {
            try cursor.skip(1)
            let flags = try cursor.u8()
            try cursor.skip(2)
            if let frame = try content(type, flags, &cursor) { return frame }
        } catch {
            // A length inside the frame points beyond it.
        }
        throw .malformed(type)
    }

    @_lifetime(cursor: copy cursor)
    private func content(
        _ type: FrameType, _ flags: UInt8, _ cursor: inout ByteCursor
    ) throws(ByteCursorError) -> ControlFrame? {
        switch type {
        case .hello: return .hello(try hello(&cursor))
        case .open: return try open(flags, &cursor).map(ControlFrame.open)
        case .opened: return .opened(stream: try numberAndValues(&cursor))
        case .fin: return .fin(stream: try numberAndValues(&cursor))
        case .reset: return .reset(try reset(flags, &cursor))
        case .goAway: return .goAway(lastStream: try numberAndValues(&cursor))
        case .raw: return cursor.isAtEnd ? .raw : nil
        case .data: return nil
        }
    }

    @_lifetime(cursor: copy cursor)
    private func numberAndValues(_ cursor: inout ByteCursor) throws(ByteCursorError) -> UInt32 {
        let number = try cursor.u32()
        while !cursor.isAtEnd { _ = try value(&cursor) }
        return number
    }

    @_lifetime(cursor: copy cursor)
    private func hello(_ cursor: inout ByteCursor) throws(ByteCursorError) -> HelloFrame {
        var hello = HelloFrame()
        while !cursor.isAtEnd {
            let tag = try cursor.u16()
            var content = ByteCursor(try cursor.vector16())
            switch Tag(rawValue: tag) {
            case .features: hello.features = try content.u32()
            case .idleTimeout: hello.idleTimeout = .milliseconds(Int64(try content.u32()))
            case nil: continue
            }
        }
        return hello
    }

    @_lifetime(cursor: copy cursor)
    private func open(_ flags: UInt8, _ cursor: inout ByteCursor) throws(ByteCursorError) -> OpenFrame? {
        var open = OpenFrame(stream: try cursor.u32())
        open.isShared = flags & openIsShared != 0
        open.isCheck = flags & openIsCheck != 0
        open.hint = StreamHint(rawValue: try cursor.u8()) ?? .undecided
        while !cursor.isAtEnd {
            let tag = try cursor.u16()
            var content = ByteCursor(try cursor.vector16())
            switch OpenTag(rawValue: tag) {
            case .client:
                guard let client = try address(&content) else { return nil }
                open.client = client
            case .trace: open.trace = TraceID(bits: UInt128(try content.u64()) << 64 | UInt128(try content.u64()))
            case nil: continue
            }
        }
        return open
    }

    @_lifetime(cursor: copy cursor)
    private func address(_ cursor: inout ByteCursor) throws(ByteCursorError) -> SocketAddress? {
        let family = try cursor.u8()
        let port = try cursor.u16()
        switch family {
        case 4: return SocketAddress(.v4(IPv4Address(bits: try cursor.u32())), port)
        case 6:
            let bits = UInt128(try cursor.u64()) << 64 | UInt128(try cursor.u64())
            return SocketAddress(IPAddress(IPv6Address(bits: bits)), port)
        default: return nil
        }
    }

    @_lifetime(cursor: copy cursor)
    private func reset(_ flags: UInt8, _ cursor: inout ByteCursor) throws(ByteCursorError) -> ResetFrame {
        var reset = ResetFrame(stream: try cursor.u32(), reason: .aborted)
        reset.reason = ResetReason(rawValue: try cursor.u8()) ?? .aborted
        reset.hasTouchedApplication = flags & resetHasTouchedApplication != 0
        while !cursor.isAtEnd {
            let tag = try cursor.u16()
            var content = ByteCursor(try cursor.vector16())
            if ResetTag(rawValue: tag) == .code { reset.code = ErrorCode(rawValue: try content.u16()) }
        }
        return reset
    }

    @_lifetime(cursor: copy cursor)
    private func value(_ cursor: inout ByteCursor) throws(ByteCursorError) -> UInt16 {
        let tag = try cursor.u16()
        _ = try cursor.vector16()
        return tag
    }
}
