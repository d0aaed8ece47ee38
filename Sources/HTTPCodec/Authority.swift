// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
internal import MeshModel

/// Host and perhaps port (RFC 9110 section 4.2, RFC 3986 section 3.2), narrower than the grammar: what is legal there and
/// never seen, but read differently by different programs, is refused. That is percent-encoding, a comma and the like in
/// the host, an empty port or port 0, and user information, which RFC 9110 section 4.2.4 wants to be treated as an error.
/// An underscore is accepted: names with one are in use.
enum Authority {
    /// True for `name`, `name:port`, `1.2.3.4:port`, `[v6]:port`. Not true for an empty one.
    static func isValid(_ bytes: RawSpan, needsPort: Bool = false) -> Bool {
        var index = 0
        if bytes.byteCount > 0, bytes.at(0) == UInt8(ascii: "[") {
            guard let end = bytes.index(of: UInt8(ascii: "]")), IPv6Address(bytes.extracting(1..<end).text) != nil
            else {
                return false
            }
            index = end + 1
        } else {
            while index < bytes.byteCount, isNameByte(bytes.at(index)) { index += 1 }
            guard index > 0 else { return false }
        }
        if index == bytes.byteCount { return !needsPort }
        return bytes.at(index) == UInt8(ascii: ":") && isPort(bytes.extracting(droppingFirst: index + 1))
    }

    /// Of a valid one: behind the colons of an IPv6 address stands a bracket.
    static func hasPort(_ authority: String) -> Bool {
        guard let colon = authority.utf8.lastIndex(of: UInt8(ascii: ":")) else { return false }
        return !authority.utf8[colon...].contains(UInt8(ascii: "]"))
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            true
        default: false
        }
    }

    private static func isPort(_ bytes: RawSpan) -> Bool {
        guard (1...5).contains(bytes.byteCount) else { return false }
        var port = 0
        for index in 0..<bytes.byteCount {
            let byte = bytes.at(index)
            guard byte.isDigit else { return false }
            port = port * 10 + Int(byte - 0x30)
        }
        return (1...65_535).contains(port)
    }
}
