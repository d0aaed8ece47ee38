// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import HTTPCodec

extension HTTPRequest {
    /// The host that it is for, in lower case and without a port.
    package var host: String { Authority.host(of: authority) }
}

/// What stands in `Host`.
enum Authority {
    /// The host without its port, in lower case, without the dot of a name that is written to its end. An IPv6 address
    /// keeps its brackets.
    static func host(of authority: String) -> String {
        if let plain = plainHost(of: authority) { return plain }
        let host = String(withoutPort(authority)).lowercased()
        return host.hasSuffix(".") ? String(host.dropLast()) : host
    }

    /// The same where nothing is to be taken away but a port, as nearly always; else nil.
    private static func plainHost(of authority: String) -> String? {
        let bytes = authority.utf8.span
        var length = 0
        while length < bytes.count, bytes[length] != UInt8(ascii: ":") {
            switch bytes[length] {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "["), 0x80...: return nil
            default: length += 1
            }
        }
        if length > 0, bytes[length - 1] == UInt8(ascii: ".") { return nil }
        if length == bytes.count { return authority }
        return String(authority[..<authority.utf8.index(authority.startIndex, offsetBy: length)])
    }

    static func withoutPort(_ authority: String) -> Substring {
        let bytes = authority.utf8
        if bytes.first == UInt8(ascii: "["), let end = bytes.firstIndex(of: UInt8(ascii: "]")) {
            return authority[...end]
        }
        return authority[..<(bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.endIndex)]
    }
}

/// Prefixes of paths, by whole segments.
enum PathPrefix {
    /// Without slashes at its end, which mean nothing (Gateway API, PathMatchPathPrefix).
    static func trimmed(_ prefix: String) -> String {
        var rest = Substring(prefix)
        while rest.utf8.last == UInt8(ascii: "/") { rest.removeLast() }
        return String(rest)
    }

    /// `prefix` is trimmed. An empty one matches whatever is asked for, `*` too.
    static func matches(_ prefix: String, _ path: String) -> Bool {
        guard path.beginsWithBytes(of: prefix) else { return false }
        let path = path.utf8.span
        let length = prefix.utf8.count
        return length == 0 || length == path.count || path[length] == UInt8(ascii: "/")
    }
}
