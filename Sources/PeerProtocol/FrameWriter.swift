// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// Renders frames as bytes. Everything is appended to an array of the caller's, who knows how much goes into it.
package enum FrameWriter {
    /// No control frame is longer as we write it: OPEN with its number and hint, a client's IPv6 address and a trace.
    package static let controlFrameMax = WeftOne.headerLength + 5 + (4 + 19) + (4 + 16)
    package static let finLength = WeftOne.headerLength + 4

    /// The four bytes before a DATA payload, in the order they stand on the wire; for payload that is framed in place.
    package static func dataHeader(payloadLength: Int) -> (UInt8, UInt8, UInt8, UInt8) {
        precondition((1...WeftOne.dataPayloadMax).contains(payloadLength), "A DATA frame holds 1 to 65535 bytes.")
        return (
            FrameType.data.rawValue, 0, UInt8(truncatingIfNeeded: payloadLength >> 8),
            UInt8(truncatingIfNeeded: payloadLength)
        )
    }

    /// Appends a DATA frame.
    package static func appendData(_ payload: ArraySlice<UInt8>, to bytes: inout [UInt8]) {
        let header = dataHeader(payloadLength: payload.count)
        unsafe payload.withUnsafeBytes { payload in
            bytes.append(addingCapacity: WeftOne.headerLength + payload.count) { room in
                room.append(header.0)
                room.append(header.1)
                room.append(header.2)
                room.append(header.3)
                unsafe room.append(bytes: payload)
            }
        }
    }

    /// Appends a control frame.
    package static func append(_ frame: ControlFrame, to bytes: inout [UInt8]) {
        let start = bytes.count
        bytes.append(addingCapacity: controlFrameMax) { room in
            room.append(frame.type.rawValue)
            room.append(frame.flags)
            // The length, which stands here once it is known.
            room.append(number: 0 as UInt16)
            append(contentOf: frame, to: &room)
        }
        let length = bytes.count - start - WeftOne.headerLength
        bytes[start + 2] = UInt8(truncatingIfNeeded: length >> 8)
        bytes[start + 3] = UInt8(truncatingIfNeeded: length)
    }

    private static func append(contentOf frame: ControlFrame, to room: inout OutputSpan<UInt8>) {
        switch frame {
        case .hello(let hello):
            room.append(Tag.features.rawValue, contentLength: 4)
            room.append(number: hello.features)
            room.append(Tag.idleTimeout.rawValue, contentLength: 4)
            room.append(number: UInt32(clamping: hello.idleTimeout.wholeMilliseconds))
        case .open(let open):
            room.append(number: open.stream)
            room.append(open.hint.rawValue)
            if let client = open.client { room.append(client) }
            if let trace = open.trace {
                room.append(OpenTag.trace.rawValue, contentLength: 16)
                room.append(number: trace.bits)
            }
        case .opened(let stream), .fin(let stream), .goAway(let stream):
            room.append(number: stream)
        case .reset(let reset):
            room.append(number: reset.stream)
            room.append(reset.reason.rawValue)
            if let code = reset.code {
                room.append(ResetTag.code.rawValue, contentLength: 2)
                room.append(number: code.rawValue)
            }
        case .raw:
            break
        }
    }

    /// A control frame alone.
    package static func bytes(of frame: ControlFrame) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(controlFrameMax)
        append(frame, to: &bytes)
        return bytes
    }
}

extension ControlFrame {
    /// The number of this frame on the wire.
    package var type: FrameType {
        switch self {
        case .hello: .hello
        case .open: .open
        case .opened: .opened
        case .fin: .fin
        case .reset: .reset
        case .raw: .raw
        case .goAway: .goAway
        }
    }

    fileprivate var flags: UInt8 {
        switch self {
        case .open(let open): (open.isShared ? openIsShared : 0) | (open.isCheck ? openIsCheck : 0)
        case .reset(let reset): reset.hasTouchedApplication ? resetHasTouchedApplication : 0
        case .hello, .opened, .fin, .raw, .goAway: 0
        }
    }
}

/// Flags and tags, shared by writer and reader.
let openIsShared: UInt8 = 0x01
let openIsCheck: UInt8 = 0x02
let resetHasTouchedApplication: UInt8 = 0x01

/// Values inside HELLO.
enum Tag: UInt16 {
    case features = 1
    case idleTimeout = 2
}

/// Values inside OPEN.
enum OpenTag: UInt16 {
    case client = 1
    case trace = 2
}

/// Values inside RESET.
enum ResetTag: UInt16 {
    case code = 1
}

extension OutputSpan<UInt8> {
    /// A number in network order.
    @inline(__always)
    fileprivate mutating func append<Number: FixedWidthInteger & BitwiseCopyable>(number: Number) {
        precondition(freeCapacity >= MemoryLayout<Number>.size, "There is room for what is written.")
        unsafe withUnsafeMutableBufferPointer { room, count in
            guard let start = room.baseAddress else { return }
            unsafe UnsafeMutableRawPointer(start + count).storeBytes(of: number.bigEndian, as: Number.self)
            count += MemoryLayout<Number>.size
        }
    }

    /// Bytes for which there is room.
    @inline(__always)
    fileprivate mutating func append(bytes: UnsafeRawBufferPointer) {
        precondition(freeCapacity >= bytes.count, "There is room for what is written.")
        unsafe withUnsafeMutableBufferPointer { room, count in
            let free = unsafe UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: room[count...]))
            unsafe free.copyMemory(from: bytes)
            count += bytes.count
        }
    }

    /// The beginning of a tagged value: its content follows.
    fileprivate mutating func append(_ tag: UInt16, contentLength: UInt16) {
        append(number: tag)
        append(number: contentLength)
    }

    fileprivate mutating func append(_ client: SocketAddress) {
        let bits = client.address.bits
        switch client.address.family {
        case .ipv4:
            append(OpenTag.client.rawValue, contentLength: 7)
            append(4)
            append(number: client.port)
            append(number: UInt32(truncatingIfNeeded: bits))
        case .ipv6:
            append(OpenTag.client.rawValue, contentLength: 19)
            append(6)
            append(number: client.port)
            append(number: bits)
        }
    }
}
