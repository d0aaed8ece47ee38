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
        unsafe withUnsafeBytes(of: dataHeader(payloadLength: payload.count)) { unsafe bytes.append(contentsOf: $0) }
        bytes.append(contentsOf: payload)
    }

    /// Appends a control frame.
    package static func append(_ frame: ControlFrame, to bytes: inout [UInt8]) {
        let start = bytes.count
        bytes.append(frame.type.rawValue)
        bytes.append(frame.flags)
        // The length, which stands here once it is known.
        bytes.append(number: 0 as UInt16)
        switch frame {
        case .hello(let hello):
            bytes.append(Tag.features.rawValue, contentLength: 4)
            bytes.append(number: hello.features)
            bytes.append(Tag.idleTimeout.rawValue, contentLength: 4)
            bytes.append(number: UInt32(clamping: hello.idleTimeout.wholeMilliseconds))
        case .open(let open):
            bytes.append(number: open.stream)
            bytes.append(open.hint.rawValue)
            if let client = open.client { bytes.append(client) }
            if let trace = open.trace {
                bytes.append(OpenTag.trace.rawValue, contentLength: 16)
                bytes.append(number: trace.bits)
            }
        case .opened(let stream), .fin(let stream), .goAway(let stream):
            bytes.append(number: stream)
        case .reset(let reset):
            bytes.append(number: reset.stream)
            bytes.append(reset.reason.rawValue)
            if let code = reset.code {
                bytes.append(ResetTag.code.rawValue, contentLength: 2)
                bytes.append(number: code.rawValue)
            }
        case .raw:
            break
        }
        let length = bytes.count - start - WeftOne.headerLength
        bytes[start + 2] = UInt8(truncatingIfNeeded: length >> 8)
        bytes[start + 3] = UInt8(truncatingIfNeeded: length)
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

extension [UInt8] {
    /// A number in network order.
    fileprivate mutating func append(number: some FixedWidthInteger) {
        unsafe Swift.withUnsafeBytes(of: number.bigEndian) { unsafe append(contentsOf: $0) }
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
