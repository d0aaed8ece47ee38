// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// How the end of a body is known (RFC 9112 section 6.3).
package enum HTTPBody: Equatable, Sendable {
    /// There is none. A response says this only where none may follow: to HEAD, with 1xx, 204 and 304; one that is merely
    /// empty has `length(0)`, or its reader would wait for the end of the connection.
    case none
    case length(UInt64)
    case chunked
    /// A response that ends with its connection.
    case untilClose
    /// After 101, or a 2xx to CONNECT: no more HTTP, bytes in both directions.
    case tunnel
}

/// The head of a request, in the form in which it is judged and from which it is written again.
///
/// What belongs to one hop (`connection` and what it names, `keep-alive`, `te`, `transfer-encoding`, `upgrade`,
/// `proxy-connection`), what frames the body (`content-length`) and `host` are not among the fields: the writer makes them
/// from the values here, so that nothing can be read two ways.
package struct HTTPRequest: Equatable, Sendable {
    package var method: String
    /// `http` or `https` where the target was in absolute form.
    package var scheme: String?
    /// Host and perhaps port, as in `Host`; empty only for an HTTP/1.0 request that has none.
    package var authority: String
    /// Path and perhaps query, from the slash on; `*` for OPTIONS; empty for CONNECT.
    package var target: String
    package var isHTTP11: Bool
    package var fields = HTTPFields()
    package var body = HTTPBody.none
    /// The connection may be used for another request afterwards.
    package var persists = true
    /// What the client would like to switch to.
    package var upgrade: String?
    /// `Expect: 100-continue`.
    package var expectsContinue = false
    /// `TE: trailers`: who asked reads trailers.
    package var acceptsTrailers = false

    package init(method: String, authority: String, target: String, isHTTP11: Bool = true) {
        self.method = method
        self.authority = authority
        self.target = target
        self.isHTTP11 = isHTTP11
    }

    /// The path without query.
    package var path: String { Self.path(of: target) }

    /// The path of a target. To ask a request that an object holds for its ``path`` copies the whole request.
    package static func path(of target: String) -> String {
        // By bytes: characters would be put together first.
        let bytes = unsafe target.utf8.span.bytes
        return bytes.index(of: UInt8(ascii: "?")).map { bytes.extracting(first: $0).text } ?? target
    }

    /// Methods that may be done twice (RFC 9110 section 9.2.2).
    package var isIdempotent: Bool { Self.isIdempotent(method) }

    /// True for such a method; to be asked, like ``path(of:)``, of what an object holds.
    package static func isIdempotent(_ method: String) -> Bool {
        switch method {
        case "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE": true
        default: false
        }
    }
}

/// The head of a response; of its fields the same is true as of ``HTTPRequest``'s.
package struct HTTPResponse: Equatable, Sendable {
    package var status: Int
    package var reason: String
    package var isHTTP11: Bool
    package var fields = HTTPFields()
    package var body = HTTPBody.none
    package var persists = true
    /// What `Content-Length` says of a body that is not sent, in an answer to HEAD or with 304.
    package var absentLength: UInt64?
    /// With 101: what is switched to; with 426: what would be.
    package var upgrade: String?

    package init(status: Int, reason: String = "", isHTTP11: Bool = true) {
        self.status = status
        self.reason = reason
        self.isHTTP11 = isHTTP11
    }

    /// 100 to 199, apart from 101: another head follows.
    package var isInterim: Bool { (100..<200).contains(status) && status != 101 }
}
