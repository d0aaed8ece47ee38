// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import Bytes
package import HTTPCodec
package import MeshModel

/// Who asks: what may be asked depends on the way in.
package enum AdminAudience: Hashable, Sendable {
    /// The unix socket with mode 0600, or loopback TCP with the header that a browser cannot send unasked.
    case administrator
    /// Anybody who reaches the metrics port.
    case everybody
}

/// A request, whole.
package struct AdminRequest: Sendable {
    package let audience: AdminAudience
    package let head: HTTPRequest
    package let body: [UInt8]

    package var method: String { head.method }
    package var path: String { String(head.path) }

    /// The value of `name=value` in the query; no decoding is needed for what is asked here.
    package func query(_ name: String) -> String? {
        guard let mark = head.target.firstIndex(of: "?") else { return nil }
        for part in head.target[head.target.index(after: mark)...].split(separator: "&") {
            let pair = part.split(separator: "=", maxSplits: 1)
            if pair.count == 2, pair[0] == name { return String(pair[1]) }
        }
        return nil
    }
}

/// A response, whole.
package struct AdminResponse: Sendable {
    package let status: Int
    package let contentType: String
    package let body: [UInt8]

    package init(status: Int, contentType: String, body: [UInt8]) {
        self.status = status
        self.contentType = contentType
        self.body = body
    }

    package static func text(_ text: String, status: Int = 200) -> AdminResponse {
        AdminResponse(status: status, contentType: "text/plain; charset=utf-8", body: Array(text.utf8))
    }

    package static func json(status: Int = 200, _ build: (inout JSONWriter) -> Void) -> AdminResponse {
        var writer = JSONWriter()
        build(&writer)
        writer.newline()
        return AdminResponse(status: status, contentType: "application/json", body: writer.bytes)
    }

    /// An error as people and programs can read it.
    package static func problem(_ problem: Problem, status: Int) -> AdminResponse {
        json(status: status) { writer in
            writer.object { writer in
                writer.field("code", problem.code.label)
                writer.field("error", problem.description)
                writer.field("page", problem.code.page)
            }
        }
    }

    /// Status line, fields and body; the connection always closes after it.
    func bytes(withBody: Bool) -> [UInt8] {
        let head =
            "HTTP/1.1 \(status) \(Self.reason(status))\r\nContent-Type: \(contentType)\r\nContent-Length: \(body.count)\r\n"
            + "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
        return Array(head.utf8) + (withBody ? body : [])
    }

    private static func reason(_ status: Int) -> String {
        switch status {
        case 200: "OK"
        case 202: "Accepted"
        case 400: "Bad Request"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 431: "Request Header Fields Too Large"
        case 503: "Service Unavailable"
        case 505: "HTTP Version Not Supported"
        default: "Unknown"
        }
    }
}
