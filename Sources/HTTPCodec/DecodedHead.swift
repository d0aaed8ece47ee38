// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
package import MeshModel

/// Reads a head that comes as names and values: HTTP/2 (RFC 9113 section 8), where the compression is undone already. The
/// result is what ``RequestReader`` and ``ResponseReader`` make of the same message, judged by the same rules, so that it can
/// go on as HTTP/1. What is particular to HTTP/2 stands here: pseudo-header fields, names in lower case, no fields of one
/// hop, cookies in crumbs.
///
///     begin -> add ... -> request, response or trailers -> begin ...
///
/// After a refusal more fields may be added, which are counted and dropped: compression goes on whatever becomes of a head.
package struct DecodedHead: ~Copyable, Sendable {
    package enum Kind: Sendable {
        case request
        case response
        case trailers
    }

    /// What a response answers: it decides whether there is a body.
    package enum Question: Sendable {
        case plain
        case head
        case connect

        package init(method: String) { self = method == "HEAD" ? .head : method == "CONNECT" ? .connect : .plain }
    }

    private let settings: HTTPSettings
    private var kind = Kind.trailers
    private var section: FieldSection
    private var refusal: HTTPRefusal?
    private var hasField = false
    private var method: String?
    private var scheme: String?
    private var authority: String?
    private var path: String?
    private var status: Int?
    /// Of the request before on this connection: nearly always that of the next one, which is not looked at again then.
    private var lastAuthority = ""
    private var cookies: [UInt8] = []
    /// As RFC 9113 section 6.5.2 counts a list: names, values and 32 for each field, of those that were refused too.
    package private(set) var byteCount = 0

    package init(_ settings: HTTPSettings) {
        self.settings = settings
        section = FieldSection(.trailers, settings)
    }

    package mutating func begin(_ kind: Kind) {
        self.kind = kind
        let sectionKind: FieldSection.Kind =
            switch kind {
            case .request: .request
            case .response: .response
            case .trailers: .trailers
            }
        section = FieldSection(sectionKind, settings)
        if kind != .trailers { section.reserve(forHeadOf: 512) }
        refusal = nil
        hasField = false
        method = nil
        scheme = nil
        authority = nil
        path = nil
        status = nil
        if !cookies.isEmpty { cookies.removeAll(keepingCapacity: true) }
        byteCount = 0
    }

    /// The pseudo-header fields there are (RFC 9113 sections 8.3.1 and 8.3.2).
    package enum Pseudo: Sendable {
        case method
        case scheme
        case authority
        case path
        case status

        /// Nil for a name that is none of them.
        fileprivate init?(_ name: RawSpan) {
            // By length first, as names of fields are told apart.
            switch name.byteCount {
            case 5 where name.equals(":path"): self = .path
            case 7 where name.equals(":method"): self = .method
            case 7 where name.equals(":scheme"): self = .scheme
            case 7 where name.equals(":status"): self = .status
            case 10 where name.equals(":authority"): self = .authority
            default: return nil
            }
        }

        fileprivate var nameCount: Int {
            switch self {
            case .path: 5
            case .method, .scheme, .status: 7
            case .authority: 10
            }
        }
    }

    /// What is known of a field that comes again, so that it is not looked at again.
    package enum Known: UInt8, Sendable {
        case nothing
        /// Name and value are made of what they may be made of.
        case sound
        /// Besides, it means nothing to us in a head, and goes on as it came.
        case plain
    }

    /// Looks at a field for all the times that it may come.
    package static func judge(_ name: RawSpan, _ value: RawSpan) -> Known {
        do throws(HTTPRefusal) {
            try check(name, value)
        } catch {
            return .nothing
        }
        switch FieldName(name) {
        case .unique: return .plain
        case .other: return name.equals("cookie") ? .sound : .plain
        default: return .sound
        }
    }

    /// Takes one field. What is wrong with it is told at the end.
    package mutating func add(name: RawSpan, value: RawSpan, known: Known) {
        if name.byteCount > 0, name.at(0) == UInt8(ascii: ":") { return add(Pseudo(name), name.byteCount, value) }
        guard mayTake(name.byteCount, value.byteCount) else { return }
        do throws(HTTPRefusal) {
            try takeField(name, value, isSound: known != .nothing)
        } catch {
            refusal = error
        }
    }

    /// The same with a pseudo-header field, whose name need not be read.
    package mutating func add(_ pseudo: Pseudo, value: RawSpan) { add(pseudo, pseudo.nameCount, value) }

    private mutating func add(_ pseudo: Pseudo?, _ nameCount: Int, _ value: RawSpan) {
        guard mayTake(nameCount, value.byteCount) else { return }
        do throws(HTTPRefusal) {
            try take(pseudo, value)
        } catch {
            refusal = error
        }
    }

    /// The same with a field in the form in which ``HTTPFields`` lays it out.
    package mutating func add(laidOut field: RawSpan, nameCount: Int, known: Known) {
        let count = field.byteCount - FieldLayout.lengthsByteCount
        guard known == .plain, kind != .trailers else {
            let text = field.extracting(droppingFirst: FieldLayout.lengthsByteCount)
            return add(
                name: text.extracting(0..<nameCount), value: text.extracting(droppingFirst: nameCount), known: known)
        }
        guard mayTake(nameCount, count - nameCount) else { return }
        hasField = true
        do throws(HTTPRefusal) {
            try section.take(plain: field)
        } catch {
            refusal = error
        }
    }

    /// The same with fields that are plain, one behind the other. False, with nothing done, if there is more to be said of them
    /// one by one: among trailers, or beyond a limit.
    package mutating func add(plain fields: RawSpan, count: Int) -> Bool {
        let more = fields.byteCount + count * (32 - FieldLayout.lengthsByteCount)
        guard refusal == nil, kind != .trailers, byteCount + more <= settings.headBytes,
            section.take(plain: fields, count: count)
        else { return false }
        byteCount += more
        hasField = true
        return true
    }

    /// Counts a field; false if nothing is to be made of it, because the head is too large or was refused before.
    @inline(__always)
    private mutating func mayTake(_ nameCount: Int, _ valueCount: Int) -> Bool {
        byteCount += nameCount + valueCount + 32
        guard refusal == nil else { return false }
        guard byteCount <= settings.headBytes else {
            refusal = .tooLarge(kind == .trailers ? .trailers : .head, seen: nil, limit: settings.headBytes)
            return false
        }
        return true
    }

    /// The request, once all fields have come.
    package mutating func request(endsStream: Bool) throws(HTTPRefusal) -> HTTPRequest {
        if let refusal { throw refusal }
        guard let method = method.take() else { throw .malformed("a request has no :method") }
        let host = try takeHost(method)
        var request = HTTPRequest(method: method, authority: host, target: "")
        try complete(&request, endsStream: endsStream)
        return request
    }

    private mutating func complete(_ request: inout HTTPRequest, endsStream: Bool) throws(HTTPRefusal) {
        if request.method == "CONNECT" {
            guard scheme == nil, path == nil else { throw .malformed("CONNECT has neither :scheme nor :path") }
            guard section.contentLength ?? 0 == 0 else { throw .malformed("CONNECT has no body") }
            if !endsStream { request.body = .tunnel }
        } else {
            guard let scheme = scheme.take() else { throw .malformed("a request has no :scheme") }
            guard let path = path.take() else { throw .malformed("a request has no :path") }
            guard path != "*" || request.method == "OPTIONS" else {
                throw .malformed("the :path `*` is for OPTIONS alone")
            }
            request.scheme = scheme
            request.target = path
            request.body = try body(endsStream: endsStream)
        }
        request.expectsContinue = section.expectsContinue && !endsStream
        request.acceptsTrailers = section.acceptsTrailers
        request.fields = takeFields()
    }

    /// The response, once all fields have come.
    package mutating func response(
        to question: Question, endsStream: Bool
    ) throws(HTTPRefusal) -> HTTPResponse {
        if let refusal { throw refusal }
        guard let status else { throw .malformed("a response has no :status") }
        // RFC 9113 section 8.6.
        guard status != 101 else { throw .malformed("a response of HTTP/2 switches protocols") }
        var response = HTTPResponse(status: status)
        try complete(&response, to: question, endsStream: endsStream)
        return response
    }

    private mutating func complete(
        _ response: inout HTTPResponse, to question: Question, endsStream: Bool
    ) throws(HTTPRefusal) {
        let status = response.status
        switch status {
        case 100..<200, 204:
            guard section.contentLength ?? 0 == 0 else {
                throw .malformed("a response that has no body says how long it is")
            }
            guard !response.isInterim || !endsStream else { throw .malformed("an interim response ends its stream") }
        case 200..<300 where question == .connect:
            response.body = endsStream ? .none : .tunnel
        case _ where question == .head || status == 304:
            response.absentLength = section.contentLength
        default:
            // One that is merely empty says so, for HTTP/1.
            response.body = try endsStream ? .length(body(endsStream: true).declared ?? 0) : body(endsStream: false)
        }
        response.fields = takeFields()
    }

    /// The trailers, once all fields have come.
    package mutating func trailers(endsStream: Bool) throws(HTTPRefusal) -> HTTPFields {
        if let refusal { throw refusal }
        guard endsStream else { throw .malformed("trailers do not end their stream") }
        return takeFields()
    }

    private mutating func take(_ pseudo: Pseudo?, _ value: RawSpan) throws(HTTPRefusal) {
        guard kind != .trailers else { throw .malformed("a pseudo-header field stands among the trailers") }
        guard !hasField else { throw .malformed("a pseudo-header field stands behind a field") }
        guard kind == .request else {
            guard pseudo == .status else { throw .malformed("a pseudo-header field is not one of responses") }
            guard status == nil else { throw .malformed("there is more than one :status") }
            status = try StatusLine.status(value)
            return
        }
        switch pseudo {
        case .method:
            guard method == nil else { throw .malformed("there is more than one :method") }
            guard value.isToken else { throw .malformed("the :method is not a token") }
            // A text that is known need not be made.
            method = value.equals("GET") ? "GET" : value.equals("POST") ? "POST" : value.text
        case .scheme:
            guard scheme == nil else { throw .malformed("there is more than one :scheme") }
            let isSecure = value.matches("https")
            guard isSecure || value.matches("http") else { throw .malformed("the :scheme is neither http nor https") }
            scheme = isSecure ? "https" : "http"
        case .authority:
            guard authority == nil else { throw .malformed("there is more than one :authority") }
            authority = try takeAuthority(value)
        case .path:
            guard path == nil else { throw .malformed("there is more than one :path") }
            path = try takePath(value)
        case .status, nil: throw .malformed("a pseudo-header field is not one of requests")
        }
    }

    private mutating func takeAuthority(_ value: RawSpan) throws(HTTPRefusal) -> String {
        // There is none before the first, and an empty one is never right.
        if value.byteCount > 0, unsafe lastAuthority.utf8.span.bytes.isEqual(to: value) { return lastAuthority }
        guard Authority.isValid(value) else { throw .malformed(":authority is not `host` or `host:port`") }
        let authority = value.text
        lastAuthority = authority
        return authority
    }

    private func takePath(_ value: RawSpan) throws(HTTPRefusal) -> String {
        guard value.byteCount <= settings.targetBytes else {
            throw .tooLarge(.target, seen: value.byteCount, limit: settings.targetBytes)
        }
        try RequestLine.check(value)
        guard value.byteCount > 0, value.at(0) == UInt8(ascii: "/") || value.equals("*") else {
            throw .malformed("the :path does not begin with a slash")
        }
        return value.text
    }

    private mutating func takeField(_ name: RawSpan, _ value: RawSpan, isSound: Bool) throws(HTTPRefusal) {
        hasField = true
        try section.count()
        if !isSound { try Self.check(name, value) }
        let kindOfName = FieldName(name)
        switch kindOfName {
        case .connection, .transferEncoding, .upgrade, .keepAlive, .proxyConnection:
            // RFC 9113 section 8.2.2.
            throw .malformed("a field belongs to a connection of HTTP/1")
        case .te where kind != .trailers && !value.matches("trailers"):
            throw .malformed("TE is not `trailers`")
        case .other where kind == .request && name.equals("cookie"):
            // RFC 9113 section 8.2.3: who speaks HTTP/1 reads one.
            if !cookies.isEmpty { cookies.append(contentsOf: [UInt8(ascii: ";"), 0x20]) }
            unsafe value.withUnsafeBytes { unsafe cookies.append(contentsOf: $0) }
        default: try section.take(name, kindOfName, value, isLowerCase: true)
        }
    }

    /// RFC 9113 section 8.2.1, and what the reader of HTTP/1 lets stand in a line.
    private static func check(_ name: RawSpan, _ value: RawSpan) throws(HTTPRefusal) {
        let (tokenCount, isLowerCase) = name.tokenAtStart()
        guard tokenCount == name.byteCount, tokenCount > 0, isLowerCase else {
            throw .malformed(
                name.isToken ? "a field name is not in lower case" : "a field name is not a token")
        }
        let count = value.byteCount
        guard count > 0 else { return }
        guard !value.at(0).isBlank, !value.at(count - 1).isBlank else {
            throw .malformed("a field value begins or ends with a blank")
        }
        var index = 0
        while count - index >= 8, value.holdsTextAlone(at: index) { index &+= 8 }
        // The last eight, some of which have been looked at already.
        if index > 0, count - index < 8, value.holdsTextAlone(at: count - 8) { return }
        while index < count {
            guard value.at(index).isLineByte else { throw .malformed("a field value holds a control character") }
            index &+= 1
        }
    }

    /// The host that the request is for. RFC 9113 section 8.3.1 has `Host` for requests that were HTTP/1 before; one that
    /// differs is what smuggling is made of.
    private mutating func takeHost(_ method: String) throws(HTTPRefusal) -> String {
        guard let authority = authority.take() else {
            guard let host = section.host.take(), !host.isEmpty, method != "CONNECT" else {
                throw .malformed("a request has neither :authority nor Host")
            }
            return host
        }
        if let host = section.host, host != authority, host.lowercased() != authority.lowercased() {
            throw .malformed("Host is not the :authority")
        }
        guard method != "CONNECT" || Authority.hasPort(authority) else {
            throw .malformed("the :authority of CONNECT is not `host:port`")
        }
        return authority
    }

    private func body(endsStream: Bool) throws(HTTPRefusal) -> HTTPBody {
        guard let length = section.contentLength else { return endsStream ? .none : .chunked }
        guard !endsStream || length == 0 else { throw .malformed("the body is shorter than Content-Length says") }
        return .length(length)
    }

    private mutating func takeFields() -> HTTPFields {
        if !cookies.isEmpty { section.fields.add("cookie", bytes: cookies) }
        return section.takeForwarded()
    }
}

extension HTTPBody {
    fileprivate var declared: UInt64? { if case .length(let length) = self { length } else { nil } }
}
