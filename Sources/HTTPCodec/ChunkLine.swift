// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// The line before a chunk: its size, and extensions that are checked and dropped (RFC 9112 section 7.1).
struct ChunkLine {
    /// Size, extensions and line end of one chunk; chosen by us: nobody is known to need more than a signature takes.
    static let bytes = 1024
    /// The extensions of all chunks of a body together; chosen by us.
    static let extensionBytesOfBody = 65_536

    let size: UInt64
    let extensionBytes: Int

    /// Hexadecimal digits, at most 16, and extensions. A sign, a prefix or blanks, which some readers take, are refused.
    init(_ line: RawSpan) throws(HTTPRefusal) {
        var size: UInt64 = 0
        var index = 0
        while index < line.byteCount, let digit = line.at(index).hexValue {
            guard index < 16 else { throw .malformed("the size of a chunk has more than 16 digits") }
            size = size << 4 | UInt64(digit)
            index += 1
        }
        guard index > 0 else { throw .malformed("the size of a chunk is not a hexadecimal number") }
        guard size <= UInt64(Int64.max) else { throw .malformed("the size of a chunk is beyond all bounds") }
        self.size = size
        extensionBytes = line.byteCount - index
        while index < line.byteCount { try Self.skipExtension(line, &index) }
    }

    /// `BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ]`
    private static func skipExtension(_ line: RawSpan, _ index: inout Int) throws(HTTPRefusal) {
        skipBlanks(line, &index)
        guard index < line.byteCount, line.at(index) == UInt8(ascii: ";") else { throw malformed }
        index += 1
        skipBlanks(line, &index)
        guard skipToken(line, &index) else { throw malformed }
        var next = index
        skipBlanks(line, &next)
        guard next < line.byteCount, line.at(next) == UInt8(ascii: "=") else { return }
        index = next + 1
        skipBlanks(line, &index)
        guard index < line.byteCount, line.at(index) == UInt8(ascii: "\"") else {
            guard skipToken(line, &index) else { throw malformed }
            return
        }
        index += 1
        while index < line.byteCount, line.at(index) != UInt8(ascii: "\"") {
            index += line.at(index) == UInt8(ascii: "\\") ? 2 : 1
        }
        guard index < line.byteCount else { throw malformed }
        index += 1
    }

    private static var malformed: HTTPRefusal { .malformed("the extension of a chunk is malformed") }

    private static func skipBlanks(_ line: RawSpan, _ index: inout Int) {
        while index < line.byteCount, line.at(index).isBlank { index += 1 }
    }

    private static func skipToken(_ line: RawSpan, _ index: inout Int) -> Bool {
        let start = index
        while index < line.byteCount, line.at(index).isTokenByte { index += 1 }
        return index > start
    }
}
