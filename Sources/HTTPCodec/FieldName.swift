// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes

/// The names that the codec itself understands.
enum FieldName {
    case host
    case connection
    case contentLength
    case transferEncoding
    case te
    case upgrade
    case keepAlive
    case proxyConnection
    case expect
    /// One whose value is another in each message: it names the message, or what is done for it.
    case unique
    /// Every other one.
    case other

    /// Nearly all names are of a kind that none of these is of, and are compared with none of them.
    @inline(__always)
    init(_ name: RawSpan) {
        guard name.byteCount > 1 else {
            self = .other
            return
        }
        switch name.kindOfName {
        // In the order of the names below, of which two are of one kind.
        case 27, 40, 42, 32, 16, 35, 47, 54, 22, 52: self.init(comparing: name)
        default: self = .other
        }
    }

    private init(comparing name: RawSpan) {
        self =
            switch name.byteCount {
            case 2: name.matches("te") ? .te : .other
            case 4: name.matches("host") ? .host : .other
            case 6: name.matches("expect") ? .expect : .other
            case 7: name.matches("upgrade") ? .upgrade : .other
            case 10: name.matches("connection") ? .connection : name.matches("keep-alive") ? .keepAlive : .other
            case 11: name.matches("traceparent") ? .unique : .other
            case 12: name.matches("x-request-id") ? .unique : .other
            case 14: name.matches("content-length") ? .contentLength : .other
            case 16: name.matches("proxy-connection") ? .proxyConnection : .other
            case 17: name.matches("transfer-encoding") ? .transferEncoding : .other
            default: .other
            }
    }

    /// What ``HTTPWriter`` makes itself and never takes from the fields.
    func isWritten(inRequest: Bool) -> Bool {
        switch self {
        case .unique, .other: false
        case .host, .expect: inRequest
        case .connection, .contentLength, .transferEncoding, .te, .upgrade, .keepAlive, .proxyConnection: true
        }
    }

    /// What `Connection` must not name. It is for fields of one hop (RFC 9110 section 7.6.1); one of these named there
    /// would be an order to us to take away what frames, routes or authorises the message.
    static func mayBeNominated(_ name: RawSpan) -> Bool {
        !name.matches(anyOf: endToEnd) && !name.begins(withAnyOf: protected)
    }

    /// Trailers are read after the message has been acted upon: what frames, routes, authorises or describes it comes too
    /// late there (RFC 9110 section 6.5.1) and is dropped.
    static func mayBeTrailer(_ name: RawSpan) -> Bool {
        mayBeNominated(name) && !name.matches(anyOf: oneHop) && !name.begins(withAnyOf: ["if-"])
    }

    private static let endToEnd: [StaticString] = [
        "age", "authorization", "cache-control", "cookie", "date", "expect", "expires", "forwarded", "host", "location",
        "max-forwards", "pragma", "proxy-authenticate", "proxy-authorization", "range", "retry-after", "set-cookie",
        "trailer", "transfer-encoding", "vary", "via", "www-authenticate",
    ]
    private static let oneHop: [StaticString] = ["connection", "keep-alive", "proxy-connection", "te", "upgrade"]
    private static let protected: [StaticString] = ["content-", "x-forwarded-", "x-weft-"]
}

extension RawSpan {
    /// Of a name that is not empty a number below 64, by its length and last letter, whatever the case of that.
    @inline(__always)
    var kindOfName: Int { (Int(at(byteCount - 1) & 0x1f) &* 5 &+ byteCount) & 63 }

    /// One of these, all of them in lower case, whatever the case of the letters here.
    fileprivate func matches(anyOf texts: [StaticString]) -> Bool {
        for text in texts where matches(text) { return true }
        return false
    }

    fileprivate func begins(withAnyOf prefixes: [StaticString]) -> Bool {
        for prefix in prefixes
        where prefix.utf8CodeUnitCount <= byteCount && extracting(first: prefix.utf8CodeUnitCount).matches(prefix) {
            return true
        }
        return false
    }
}
