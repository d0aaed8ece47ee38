// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes

/// Reads the first line of a request (RFC 9112 section 3).
enum RequestLine {
    static func read(_ line: RawSpan, targetBytes: Int) throws(HTTPRefusal) -> HTTPRequest {
        guard let first = line.index(of: 0x20), first > 0, line.extracting(0..<first).isToken else {
            throw malformed
        }
        guard let second = line.index(of: 0x20, from: first + 1), second > first + 1 else { throw malformed }
        let target = line.extracting(first + 1..<second)
        guard target.byteCount <= targetBytes else {
            throw .tooLarge(.target, seen: target.byteCount, limit: targetBytes)
        }
        try check(target)
        let version = line.extracting(droppingFirst: second + 1)
        guard version.index(of: 0x20) == nil else { throw malformed }
        let isHTTP11 = version.equals("HTTP/1.1")
        guard isHTTP11 || version.equals("HTTP/1.0") else { throw .versionNotSupported }
        let method = line.extracting(0..<first)
        var request = HTTPRequest(method: text(ofMethod: method), authority: "", target: "", isHTTP11: isHTTP11)
        try take(target, isConnect: method.equals("CONNECT"), &request)
        return request
    }

    /// The text of a method, which is there already for most.
    private static func text(ofMethod method: RawSpan) -> String {
        if method.equals("GET") { return "GET" }
        if method.equals("POST") { return "POST" }
        return method.text
    }

    private static var malformed: HTTPRefusal { .malformed("the request line is not `method target version`") }

    /// Visible ASCII. Some of it (quotes, brackets, backslash) should be encoded and often is not; all readers agree on
    /// where such a target ends, so it is let through. A fragment is never sent (RFC 9110 section 7.1).
    static func check(_ target: RawSpan) throws(HTTPRefusal) {
        if target.isTarget { return }
        for index in 0..<target.byteCount {
            let byte = target.at(index)
            guard byte > 0x20, byte < 0x7f else { throw .malformed("the target holds bytes that must be encoded") }
            guard byte != UInt8(ascii: "#") else { throw .malformed("the target holds a fragment") }
        }
    }

    /// The four forms of a target (RFC 9112 section 3.2).
    private static func take(
        _ target: RawSpan, isConnect: Bool, _ request: inout HTTPRequest
    ) throws(HTTPRefusal) {
        if isConnect {
            guard Authority.isValid(target, needsPort: true) else {
                throw .malformed("the target of CONNECT is not `host:port`")
            }
            request.authority = target.text
        } else if target.at(0) == UInt8(ascii: "/") {
            request.target = target.text
        } else if target.equals("*") {
            guard request.method == "OPTIONS" else { throw .malformed("the target `*` is for OPTIONS alone") }
            request.target = "*"
        } else {
            try takeAbsolute(target, &request)
        }
    }

    private static func takeAbsolute(_ target: RawSpan, _ request: inout HTTPRequest) throws(HTTPRefusal) {
        guard let colon = target.index(of: UInt8(ascii: ":")) else { throw .malformed("the target has no known form") }
        let scheme = target.extracting(0..<colon)
        let isSecure = scheme.matches("https")
        let rest = target.extracting(droppingFirst: colon + 1)
        guard isSecure || scheme.matches("http"), rest.starts(with: "//") else {
            throw .malformed("the target has no known form")
        }
        let path = rest.index(of: UInt8(ascii: "/"), from: 2) ?? rest.byteCount
        let query = rest.index(of: UInt8(ascii: "?"), from: 2) ?? rest.byteCount
        let end = min(path, query)
        let authority = rest.extracting(2..<end)
        guard Authority.isValid(authority) else {
            throw .malformed("the authority of the target is not `host` or `host:port`")
        }
        request.scheme = isSecure ? "https" : "http"
        request.authority = authority.text
        let remains = rest.extracting(droppingFirst: end).text
        if remains.isEmpty {
            // RFC 9112 section 3.2.4: without a path, OPTIONS is about the server as a whole.
            request.target = request.method == "OPTIONS" ? "*" : "/"
        } else {
            request.target = path < query ? remains : "/" + remains
        }
    }
}
