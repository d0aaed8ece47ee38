// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// Renders frames as bytes. DATA is written by the relay in place: it only needs ``dataHeader(payloadLength:)``.
package enum FrameWriter {
    /// The four bytes before a DATA payload, in the order they stand on the wire.
    package static func dataHeader(payloadLength: Int) -> (UInt8, UInt8, UInt8, UInt8) {
        precondition((1...WeftOne.dataPayloadMax).contains(payloadLength), "A DATA frame holds 1 to 65535 bytes.")
        return (
            FrameType.data.rawValue, 0, UInt8(truncatingIfNeeded: payloadLength >> 8),
            UInt8(truncatingIfNeeded: payloadLength)
        )
    }

    package static func bytes(of frame: ControlFrame) -> [UInt8] {
        var payload = Payload()
        var flags: UInt8 = 0
        switch frame {
        case .hello(let hello):
            payload.value(Tag.features.rawValue) { $0.u32(hello.features) }
            payload.value(Tag.idleTimeout.rawValue) { $0.u32(UInt32(clamping: hello.idleTimeout.wholeMilliseconds)) }
        case .open(let open):
            if open.isShared { flags |= openIsShared }
            if open.isCheck { flags |= openIsCheck }
            payload.u32(open.stream)
            payload.bytes.append(open.hint.rawValue)
            if let client = open.client {
                payload.value(OpenTag.client.rawValue) { $0.address(client) }
            }
            if let trace = open.trace {
                payload.value(OpenTag.trace.rawValue) { $0.u128(trace.bits) }
            }
        case .opened(let stream), .fin(let stream), .goAway(let stream):
            payload.u32(stream)
        case .reset(let reset):
            if reset.hasTouchedApplication { flags |= resetHasTouchedApplication }
            payload.u32(reset.stream)
            payload.bytes.append(reset.reason.rawValue)
            if let code = reset.code {
                payload.value(ResetTag.code.rawValue) { $0.u16(code.rawValue) }
            }
        case .raw:
            break
        }
        let count = payload.bytes.count
        let header = [
            frame.type.rawValue, flags, UInt8(truncatingIfNeeded: count >> 8), UInt8(truncatingIfNeeded: count),
        ]
        return header + payload.bytes
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

/// Numbers in network order.
private struct Payload {
    var bytes: [UInt8] = []

    mutating func u16(_ value: UInt16) { append(UInt128(value), byteCount: 2) }
    mutating func u32(_ value: UInt32) { append(UInt128(value), byteCount: 4) }
    mutating func u128(_ value: UInt128) { append(value, byteCount: 16) }

    mutating func address(_ address: SocketAddress) {
        bytes.append(address.address.family == .ipv4 ? 4 : 6)
        u16(address.port)
        append(address.address.bits, byteCount: address.address.family.bitWidth / 8)
    }

    /// A tagged value: tag, length, content.
    mutating func value(_ tag: UInt16, _ body: (inout Payload) -> Void) {
        var content = Payload()
        body(&content)
        u16(tag)
        u16(UInt16(clamping: content.bytes.count))
        bytes += content.bytes
    }

    private mutating func append(_ value: UInt128, byteCount: Int) {
        for index in 0..<byteCount {
            bytes.append(UInt8(truncatingIfNeeded: value >> UInt128(8 * (byteCount - 1 - index))))
        }
    }
}
