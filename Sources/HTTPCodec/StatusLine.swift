// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes

/// The first line of a response (RFC 9112 section 4).
enum StatusLine {
    /// The blank before an empty reason may be missing: many servers leave it out, and nothing is read differently for it.
    static func read(_ line: RawSpan) throws(HTTPRefusal) -> HTTPResponse {
        guard line.byteCount >= 12, line.at(8) == 0x20, line.starts(with: "HTTP/"), line.at(6) == UInt8(ascii: ".")
        else {
            throw .malformed("the status line is not `version status reason`")
        }
        let version = line.extracting(0..<8)
        let isHTTP11 = version.equals("HTTP/1.1")
        guard isHTTP11 || version.equals("HTTP/1.0") else { throw .versionNotSupported }
        let status = try status(line.extracting(9..<12))
        guard line.byteCount == 12 || line.at(12) == 0x20 else { throw .malformed("the status is not three digits") }
        return HTTPResponse(status: status, reason: reason(of: line), isHTTP11: isHTTP11)
    }

    /// The text of a reason, which is there already for most.
    private static func reason(of line: RawSpan) -> String {
        guard line.byteCount > 13 else { return "" }
        let reason = line.extracting(13..<line.byteCount)
        return reason.equals("OK") ? "OK" : reason.text
    }

    /// Three digits.
    static func status(_ text: RawSpan) throws(HTTPRefusal) -> Int {
        guard text.byteCount == 3 else { throw .malformed("the status is not three digits") }
        var status = 0
        for index in 0..<3 {
            guard text.at(index).isDigit else { throw .malformed("the status is not three digits") }
            status = status * 10 + Int(text.at(index) - 0x30)
        }
        guard (100..<600).contains(status) else { throw .malformed("the status is not one from 100 to 599") }
        return status
    }

    /// The standard phrases (RFC 9110 section 15 and the IANA registry); for others a word that says nothing wrong.
    static func reason(_ status: Int) -> StaticString {
        switch status {
        case 100: "Continue"
        case 101: "Switching Protocols"
        case 102: "Processing"
        case 103: "Early Hints"
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 203: "Non-Authoritative Information"
        case 204: "No Content"
        case 205: "Reset Content"
        case 206: "Partial Content"
        case 207: "Multi-Status"
        case 208: "Already Reported"
        case 226: "IM Used"
        case 300: "Multiple Choices"
        case 301: "Moved Permanently"
        case 302: "Found"
        case 303: "See Other"
        case 304: "Not Modified"
        case 305: "Use Proxy"
        case 307: "Temporary Redirect"
        case 308: "Permanent Redirect"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 402: "Payment Required"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 406: "Not Acceptable"
        case 407: "Proxy Authentication Required"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 410: "Gone"
        case 411: "Length Required"
        case 412: "Precondition Failed"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 415: "Unsupported Media Type"
        case 416: "Range Not Satisfiable"
        case 417: "Expectation Failed"
        case 421: "Misdirected Request"
        case 422: "Unprocessable Content"
        case 423: "Locked"
        case 424: "Failed Dependency"
        case 425: "Too Early"
        case 426: "Upgrade Required"
        case 428: "Precondition Required"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 451: "Unavailable For Legal Reasons"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        case 506: "Variant Also Negotiates"
        case 507: "Insufficient Storage"
        case 508: "Loop Detected"
        case 511: "Network Authentication Required"
        default: "Unknown"
        }
    }
}

extension HTTPResponse {
    /// The reason where it is another than the standard says for the status, without blanks around it; nil where there is
    /// nothing to say.
    package var ownReason: String? {
        guard !reason.isEmpty, reason != "OK" || status != 200 else { return nil }
        let bytes = unsafe reason.utf8.span.bytes
        guard !bytes.equals(StatusLine.reason(status)) else { return nil }
        let range = bytes.trimmed(0..<bytes.byteCount)
        return range.isEmpty ? nil : bytes.extracting(range).text
    }
}
