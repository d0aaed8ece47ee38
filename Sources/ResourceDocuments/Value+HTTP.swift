// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel
internal import Patterns

/// Words of HTTP: names and values of header fields, paths, hosts, expressions.
extension Value {
    var timestamp: WallTime? {
        scalar("a time such as 2026-11-21T05:25:00Z (RFC 3339)") { WallTime(timestamp: $0) }
    }

    /// `shop.example` or `*.example`. Addresses are no hosts to the Gateway API.
    var hostPattern: HostPattern? {
        scalar("a host such as shop.example or *.example") { text in IPAddress(text) == nil ? HostPattern(text) : nil }
    }

    /// A host without a wildcard and without a port.
    var preciseHostname: String? {
        scalar("a host such as shop.example") { text in
            IPAddress(text) == nil ? ResourceName(text)?.text : nil
        }
    }

    /// A regular expression that can be compiled.
    var expressionText: String? {
        guard let text else { return nil }
        do throws(Pattern.SyntaxError) {
            _ = try Pattern(text)
            return text
        } catch {
            complain(
                .badValue, "`\(text.prefix(80))` is not a regular expression: \(error.reason), at byte \(error.offset)")
            return nil
        }
    }

    static func isExpression(_ text: String) -> Bool { (try? Pattern(text)) != nil }

    /// The name of a header field (RFC 9110 section 5.1), in lower case.
    private var headerName: String? {
        scalar("the name of a header field") { text in
            (1...256).contains(text.utf8.count) && text.utf8.allSatisfy(Self.isTokenByte) ? text.lowercased() : nil
        }
    }

    /// A header field that filters may touch.
    var modifiedHeaderName: String? {
        guard let name = headerName else { return nil }
        guard !RouteFilter.HeaderModifier.isProtected(name) else {
            complain(
                .badValue, "no filter may touch the header field `\(name)`",
                name == "host" ? "`urlRewrite.hostname` rewrites the host" : "the proxy itself answers for it")
            return nil
        }
        return name
    }

    /// A header field that a match can ask for: those that belong to one hop or frame the body are gone by then.
    var matchedHeaderName: String? {
        guard let name = headerName else { return nil }
        guard !RouteFilter.HeaderModifier.isProtected(name) || name == "host" || name == "upgrade" else {
            complain(.badValue, "the header field `\(name)` cannot be matched", "it belongs to the connection")
            return nil
        }
        return name
    }

    /// A field value without control characters and without spaces around it (RFC 9110 section 5.5).
    var headerValue: String? {
        scalar("a header value: text without control characters and without spaces around it") { text in
            let bytes = text.utf8
            guard (1...4096).contains(bytes.count), bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 }),
                let first = bytes.first, let last = bytes.last, first > 0x20, last > 0x20
            else { return nil }
            return text
        }
    }

    var parameterName: String? { scalar("the name of a query parameter") { $0.isEmpty ? nil : $0 } }

    /// A path to compare with normalised ones, in their form: without dot segments, doubled slashes, query and
    /// fragment; what needs no percent-encoding has none, and the digits of the rest are upper case (RFC 3986 section
    /// 6.2.2).
    var pathText: String? {
        scalar("a path such as /shop/cart, without `//`, `.`, `..`, `?`, `#` and encoded slashes") { text in
            guard text.utf8.count <= 1024, let path = Self.normalised(text), path.hasPrefix("/"), !path.contains("//"),
                !path.contains("%2F"), !path.split(separator: "/").contains(where: { $0 == "." || $0 == ".." })
            else { return nil }
            return path
        }
    }

    /// A path to be sent.
    var newPath: String? { pathText }

    /// What takes the place of a prefix; empty takes it away.
    var newPrefix: String? {
        if case .scalar("", isPlain: false) = node.content { return "" }
        return pathText
    }

    /// Nil where something stands in it that no path may hold.
    private static func normalised(_ text: String) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%") {
                guard let high = rest.popFirst().flatMap({ Hexadecimal.value(of: $0) }),
                    let low = rest.popFirst().flatMap({ Hexadecimal.value(of: $0) })
                else { return nil }
                let value = high << 4 | low
                if isUnreserved(value) {
                    bytes.append(value)
                } else {
                    bytes += "%\(Hexadecimal.text(of: [value]).uppercased())".utf8
                }
            } else if isUnreserved(byte) || "/!$&'()*+,;=:@".utf8.contains(byte) {
                bytes.append(byte)
            } else {
                return nil
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool { isAlphanumeric(byte) || "-._~".utf8.contains(byte) }

    private static func isTokenByte(_ byte: UInt8) -> Bool {
        isAlphanumeric(byte) || "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }

    static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
