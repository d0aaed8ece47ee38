// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// A path normalised once, the same for matching, authorising and forwarding. `docs/paths.md` gives the algorithm as a table.
///
/// What two readers could take for two different paths is refused, not guessed at: the application behind must read what
/// was authorised.
package enum NormalPath {
    /// The normalised target: path normalised (RFC 3986 section 6.2.2), query as it came; `*` and "" (CONNECT) stay. Throws
    /// with the reason that the 400 carries. What is normal stays as it is, and is not copied.
    package static func normalise(_ target: String) throws(PathRefusal) -> String {
        if target.isEmpty || target == "*" { return target }
        let bytes = unsafe target.utf8.span.bytes
        guard bytes.at(0) == slash else { throw PathRefusal(sentence: "the path does not begin with a slash") }
        let query = bytes.index(of: UInt8(ascii: "?")) ?? bytes.byteCount
        for index in query..<bytes.byteCount {
            let byte = bytes.at(index)
            guard byte > 0x20, byte != 0x7f, byte != UInt8(ascii: "#") else {
                throw PathRefusal(sentence: "the query holds a character that must be encoded")
            }
        }
        let path = bytes.extracting(0..<query)
        guard !isNormal(path) else { return target }
        var normal = try removeDotSegments(try decode(path))
        unsafe bytes.extracting(droppingFirst: query).withUnsafeBytes { unsafe normal.append(contentsOf: $0) }
        return String(decoding: normal, as: UTF8.self)
    }

    private static let slash = UInt8(ascii: "/")
    private static let dot = UInt8(ascii: ".")
    private static let percent = UInt8(ascii: "%")

    /// True only where nothing is to be done, which is almost always; false means that somebody has to look closer.
    private static func isNormal(_ path: RawSpan) -> Bool {
        var last: UInt8 = 0
        for index in 0..<path.byteCount {
            let byte = path.at(index)
            guard isPlain(byte) else { return false }
            if last == slash, byte == slash || byte == dot { return false }
            last = byte
        }
        return true
    }

    /// Decodes the encodings of unreserved characters, writes the others with upper-case digits, and encodes what may not
    /// stand in a path (RFC 3986 section 3.3) but that browsers send all the same.
    private static func decode(_ path: RawSpan) throws(PathRefusal) -> [UInt8] {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(path.byteCount)
        // The byte that the encoding right before stood for; 0 where there was none.
        var before: UInt8 = 0
        var index = 0
        while index < path.byteCount {
            let byte = path.at(index)
            guard byte == percent else {
                before = 0
                index += 1
                try append(byte, to: &decoded)
                continue
            }
            defer { index += 3 }
            guard index + 2 < path.byteCount, let high = path.at(index + 1).hexValue,
                let low = path.at(index + 2).hexValue
            else { throw PathRefusal(sentence: "the path holds a % that two hexadecimal digits do not follow") }
            let value = high << 4 | low
            guard !isOverlong(before, value) else {
                throw PathRefusal(sentence: "the path holds an overlong form of UTF-8")
            }
            try append(decoding: value, to: &decoded)
            before = value
        }
        return decoded
    }

    /// A byte that stands for itself.
    private static func append(_ byte: UInt8, to decoded: inout [UInt8]) throws(PathRefusal) {
        if isPlain(byte) {
            decoded.append(byte)
            return
        }
        switch byte {
        case UInt8(ascii: "\\"): throw PathRefusal(sentence: "the path holds a backslash")
        case UInt8(ascii: "#"): throw PathRefusal(sentence: "the target holds a fragment")
        case 0x21...0x7e: encode(byte, to: &decoded)
        default: throw PathRefusal(sentence: "the path holds a byte that must be encoded")
        }
    }

    /// A byte that was encoded.
    private static func append(decoding byte: UInt8, to decoded: inout [UInt8]) throws(PathRefusal) {
        switch byte {
        case slash, UInt8(ascii: "\\"):
            // Some applications split there and some do not.
            throw PathRefusal(sentence: "the path holds an encoded slash or backslash")
        case 0..<0x20, 0x7f: throw PathRefusal(sentence: "the path holds an encoded control character")
        default: if isUnreserved(byte) { decoded.append(byte) } else { encode(byte, to: &decoded) }
        }
    }

    private static func encode(_ byte: UInt8, to decoded: inout [UInt8]) {
        decoded.append(percent)
        decoded.append(digit(byte >> 4))
        decoded.append(digit(byte & 15))
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
    }

    /// Merges slashes, then RFC 3986 section 5.2.4. A path that climbs above the root is refused, where the RFC would stay
    /// at the root: nobody who means well sends one.
    private static func removeDotSegments(_ path: [UInt8]) throws(PathRefusal) -> [UInt8] {
        var normal: [UInt8] = []
        normal.reserveCapacity(path.count)
        // Where each segment of `normal` begins, with its slash.
        var starts: [Int] = []
        var endsInSlash = false
        for segment in path.dropFirst().split(separator: slash, omittingEmptySubsequences: false) {
            // Of the segments that leave nothing behind, the last one leaves a slash.
            endsInSlash = true
            if segment.isEmpty || segment.elementsEqual([dot]) { continue }
            if segment.elementsEqual([dot, dot]) {
                guard let start = starts.popLast() else {
                    throw PathRefusal(sentence: "the path climbs above the root")
                }
                normal.removeSubrange(start...)
                continue
            }
            guard !isDisguised(segment) else {
                throw PathRefusal(sentence: "the path holds a dot segment with parameters")
            }
            endsInSlash = false
            starts.append(normal.count)
            normal.append(slash)
            normal.append(contentsOf: segment)
        }
        if endsInSlash { normal.append(slash) }
        return normal
    }

    /// `..;x`, which servlet containers read as `..` and others as a name.
    private static func isDisguised(_ segment: ArraySlice<UInt8>) -> Bool {
        guard segment.first == dot else { return false }
        let rest = segment.drop { $0 == dot }
        guard segment.count - rest.count <= 2 else { return false }
        return rest.first == UInt8(ascii: ";") || rest.starts(with: "%3B".utf8)
    }

    /// The beginning of a longer form than needed (RFC 3629 section 3), as `%C0%AF` for a slash.
    private static func isOverlong(_ first: UInt8, _ second: UInt8) -> Bool {
        switch first {
        case 0xc0, 0xc1: 0x80...0xbf ~= second
        case 0xe0: 0x80...0x9f ~= second
        case 0xf0: 0x80...0x8f ~= second
        default: false
        }
    }

    /// Unreserved and reserved characters that mean themselves in a path, and the slash.
    private static func isPlain(_ byte: UInt8) -> Bool {
        if isUnreserved(byte) { return true }
        switch byte {
        case slash, UInt8(ascii: "!"), UInt8(ascii: "$"), UInt8(ascii: "&"), UInt8(ascii: "'"), UInt8(ascii: "("),
            UInt8(ascii: ")"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: ","), UInt8(ascii: ";"),
            UInt8(ascii: "="), UInt8(ascii: ":"), UInt8(ascii: "@"):
            return true
        default: return false
        }
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), dot, UInt8(ascii: "_"), UInt8(ascii: "~"):
            true
        default: false
        }
    }
}

/// Why a path is refused.
package struct PathRefusal: Error, Equatable, Sendable {
    /// What the 400 says.
    package let sentence: String

    package init(sentence: String) { self.sentence = sentence }
}
