// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// As much of HTTP/2 as load generator and server speak, with heads that are encoded once: both ends of each connection
/// are ours, so that nothing has to be decoded.
enum HTTP2Wire {
    static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
    /// What a connection may carry beyond the first 64 KiB; more than a measurement takes.
    static let window = 1 << 30

    enum Kind {
        static let data: UInt8 = 0
        static let head: UInt8 = 1
        static let reset: UInt8 = 3
        static let settings: UInt8 = 4
        static let ping: UInt8 = 6
        static let goAway: UInt8 = 7
        static let windowUpdate: UInt8 = 8
    }

    enum Flag {
        static let endStream: UInt8 = 1
        static let acknowledges: UInt8 = 1
        static let endHead: UInt8 = 4
    }

    /// A frame (RFC 9113 section 4.1).
    static func append(_ kind: UInt8, flags: UInt8 = 0, stream: UInt32 = 0, _ payload: [UInt8], to bytes: inout [UInt8])
    {
        let count = payload.count
        bytes += [
            UInt8(truncatingIfNeeded: count >> 16), UInt8(truncatingIfNeeded: count >> 8),
            UInt8(truncatingIfNeeded: count), kind, flags,
        ]
        bytes += big(stream)
        bytes += payload
    }

    static func setting(_ identifier: UInt16, _ value: UInt32) -> [UInt8] {
        [UInt8(identifier >> 8), UInt8(truncatingIfNeeded: identifier)] + big(value)
    }

    static func big(_ number: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
    }

    /// The head of a request on a connection that has carried none, and on one that has (RFC 7541).
    static let firstRequest = request(fields: Call.constantFields.map { entered($0.0, $0.1) })
    static let laterRequest = request(
        fields: Call.constantFields.indices.map { indexed($0, of: Call.constantFields.count) })
    /// The same of an answer.
    static let firstAnswer = answer(fields: Call.answerFields.map { entered($0.0, $0.1) })
    static let laterAnswer = answer(fields: Call.answerFields.indices.map { indexed($0, of: Call.answerFields.count) })

    private static func request(fields: [[UInt8]]) -> [UInt8] {
        // :method GET, :scheme http, and :path and :authority with the names of the static table.
        [0x82, 0x86] + literal(0x04, Call.path) + literal(0x01, Call.host) + fields.flatMap(\.self)
            + Call.changingFields.flatMap { [0] + text($0.0) + text($0.1) }
    }

    private static func answer(fields: [[UInt8]]) -> [UInt8] {
        // :status 200; content-length is 28 of the static table.
        [0x88] + fields.flatMap(\.self) + [0x0f, 28 - 15] + text("\(Call.answerBody.count)")
    }

    private static func literal(_ name: UInt8, _ value: String) -> [UInt8] { [name] + text(value) }

    /// A literal that is entered into the table.
    private static func entered(_ name: String, _ value: String) -> [UInt8] { [0x40] + text(name) + text(value) }

    /// A field of the table; what was entered last has the lowest number.
    private static func indexed(_ index: Int, of count: Int) -> [UInt8] { [0x80 | UInt8(61 + count - index)] }

    /// A string without Huffman coding (RFC 7541 sections 5.1 and 5.2).
    private static func text(_ text: String) -> [UInt8] {
        let bytes = Array(text.utf8)
        return (bytes.count < 127 ? [UInt8(bytes.count)] : [127, UInt8(bytes.count - 127)]) + bytes
    }
}

/// Cuts what comes into frames, whatever the pieces.
struct FrameCutter {
    struct Frame {
        let kind: UInt8
        let flags: UInt8
        let stream: UInt32
        let payload: UnsafeRawBufferPointer

        func has(_ flag: UInt8) -> Bool { flags & flag != 0 }
    }

    private var pending: [UInt8] = []

    /// Calls `body` with each whole frame.
    mutating func take(_ bytes: UnsafeRawBufferPointer, _ body: (Frame) throws -> Void) throws {
        guard pending.isEmpty else {
            pending += bytes
            let used = try pending.withUnsafeBytes { try Self.cut($0, body) }
            pending.removeSubrange(..<used)
            return
        }
        let used = try Self.cut(bytes, body)
        if used < bytes.count { pending += bytes[used...] }
    }

    /// How many bytes whole frames took.
    private static func cut(_ bytes: UnsafeRawBufferPointer, _ body: (Frame) throws -> Void) rethrows -> Int {
        var offset = 0
        while bytes.count - offset >= 9 {
            let count = Int(bytes[offset]) << 16 | Int(bytes[offset + 1]) << 8 | Int(bytes[offset + 2])
            guard bytes.count - offset >= 9 + count else { break }
            let stream = bytes.loadUnaligned(fromByteOffset: offset + 5, as: UInt32.self).bigEndian & 0x7fff_ffff
            try body(
                Frame(
                    kind: bytes[offset + 3], flags: bytes[offset + 4], stream: stream,
                    payload: UnsafeRawBufferPointer(rebasing: bytes[(offset + 9)..<(offset + 9 + count)])))
            offset += 9 + count
        }
        return offset
    }
}
