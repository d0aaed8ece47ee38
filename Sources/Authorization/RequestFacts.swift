// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import HTTPCodec
internal import MeshModel

/// What a request asks for, prepared once for however many rules look at it.
///
/// Allow rules compare the path as it is forwarded. Deny rules also compare what an application may make of it: with the
/// rest of its encodings decoded, and without `;` parameters. Otherwise `/admin;x` would pass a rule that denies `/admin`.
package struct RequestFacts {
    let request: HTTPRequest
    let path: String
    /// Lower case, without a port or a final dot; nil where it cannot be told.
    let host: String?
    /// Of the path: what deny rules compare besides it. Empty for nearly every request.
    let readings: [String]

    /// `path`: normalised (``NormalPath``), without query.
    package init(_ request: HTTPRequest, path: String) {
        self.request = request
        self.path = path
        host = Self.host(of: request.authority)
        readings = Self.readings(of: path)
    }

    /// What else an application may read in a path; the policy's own paths are compared in the same form.
    static func readings(of path: String) -> [String] {
        let special = path.utf8.contains { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: ";") }
        guard special else { return [] }
        let decoded = decode(path)
        return [String(decoding: decoded, as: UTF8.self), String(decoding: stripParameters(decoded), as: UTF8.self)]
    }

    /// Decodes once, as an application does.
    private static func decode(_ path: String) -> [UInt8] {
        var decoded: [UInt8] = []
        var bytes = path.utf8.makeIterator()
        while let byte = bytes.next() {
            guard byte == UInt8(ascii: "%") else {
                decoded.append(byte)
                continue
            }
            // A normal path has two digits here; another one is judged by what is left of it.
            guard let high = bytes.next().flatMap(Hexadecimal.value), let low = bytes.next().flatMap(Hexadecimal.value)
            else { continue }
            decoded.append(high << 4 | low)
        }
        return decoded
    }

    /// `/a;x=1/b` as `/a/b`; a segment that was nothing but parameters vanishes.
    private static func stripParameters(_ path: [UInt8]) -> [UInt8] {
        let slash = UInt8(ascii: "/")
        var stripped: [UInt8] = []
        for segment in path.split(separator: slash) {
            let name = segment.prefix { $0 != UInt8(ascii: ";") }
            guard !name.isEmpty else { continue }
            stripped.append(slash)
            stripped.append(contentsOf: name)
        }
        if stripped.isEmpty || path.last == slash { stripped.append(slash) }
        return stripped
    }

    private static func host(of authority: String) -> String? {
        var host: [UInt8] = []
        for byte in authority.utf8 {
            guard (0x21..<0x7f).contains(byte) else { return nil }
            host.append((UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte)
        }
        // The colons of an IPv6 address stand in brackets.
        if host.first == UInt8(ascii: "[") {
            guard let end = host.firstIndex(of: UInt8(ascii: "]")) else { return nil }
            host.removeSubrange((end + 1)...)
        } else if let colon = host.firstIndex(of: UInt8(ascii: ":")) {
            host.removeSubrange(colon...)
        }
        if host.last == UInt8(ascii: ".") { host.removeLast() }
        return host.isEmpty ? nil : String(decoding: host, as: UTF8.self)
    }
}
