// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// The fields of a message as their lines come: those that go on, and what the others say about framing and connection.
struct FieldSection: ~Copyable, Sendable {
    enum Kind: Sendable {
        case request
        case response
        case trailers
    }

    enum TransferCoding: Sendable {
        case absent
        case chunked
    }

    private let kind: Kind
    private let limit: Int
    private var lineCount = 0

    var fields = HTTPFields()
    /// The value of the only Host; nil without one.
    var host: String?
    private(set) var contentLength: UInt64?
    private(set) var transferCoding = TransferCoding.absent
    private(set) var closes = false
    private(set) var keepsAlive = false
    private(set) var expectsContinue = false
    private(set) var acceptsTrailers = false
    private var upgrades = false
    private var upgradeValue: String?
    private var nominated: [String] = []
    private var optionCount = 0

    init(_ kind: Kind, _ settings: HTTPSettings) {
        self.kind = kind
        limit = settings.fieldCount
    }

    /// Adds all lines that lie whole in the bytes given; true at the end of the head. `cap` is for ``LineScanner``.
    mutating func addWhole(
        _ lines: inout LineScanner, _ bytes: RawSpan, _ offset: inout Int, upTo cap: Int
    ) throws(HTTPRefusal) -> Bool {
        while let range = lines.nextWhole(bytes, &offset, upTo: cap) {
            if range.isEmpty { return true }
            try add(bytes.extracting(range))
        }
        return false
    }

    /// `Upgrade`, if `Connection` names it as it must (RFC 9110 section 7.8).
    var upgrade: String? { upgrades ? upgradeValue : nil }

    /// Takes one line that is not empty.
    mutating func add(_ line: RawSpan) throws(HTTPRefusal) {
        try count()
        guard !line.at(0).isBlank else { throw .malformed("a field is folded over two lines") }
        let (colon, isLowerCase) = line.tokenAtStart()
        guard colon < line.byteCount, line.at(colon) == UInt8(ascii: ":"), colon > 0 else {
            throw line.index(of: UInt8(ascii: ":")) == nil
                ? .malformed("a field has no colon") : .malformed("a field name is not a token")
        }
        let name = line.extracting(0..<colon)
        try take(
            name, FieldName(name), line.extracting(line.trimmed(colon + 1..<line.byteCount)), isLowerCase: isLowerCase)
    }

    /// Counts a field against the limit.
    mutating func count() throws(HTTPRefusal) {
        lineCount += 1
        guard lineCount <= limit else { throw .tooLarge(.fieldCount, seen: nil, limit: limit) }
    }

    /// Takes a field that means nothing to us, laid out as it will lie.
    mutating func take(plain field: RawSpan) throws(HTTPRefusal) {
        try count()
        fields.add(laidOut: field)
    }

    /// The same with some of them, one behind the other; false, with nothing done, if they are too many.
    mutating func take(plain fields: RawSpan, count: Int) -> Bool {
        guard lineCount + count <= limit else { return false }
        lineCount += count
        self.fields.add(laidOut: fields)
        return true
    }

    /// Takes a field whose name is a token, and whose value has no control characters and no blanks at its ends.
    mutating func take(
        _ name: RawSpan, _ kindOfName: FieldName, _ value: RawSpan, isLowerCase: Bool
    ) throws(HTTPRefusal) {
        if kind == .trailers {
            if FieldName.mayBeTrailer(name) { fields.add(name: name, value: value, isLowerCase: isLowerCase) }
            return
        }
        switch kindOfName {
        case .unique, .other: fields.add(name: name, value: value, isLowerCase: isLowerCase)
        case .host where kind == .request: try takeHost(value)
        case .expect where kind == .request: try takeExpectation(value)
        case .host, .expect: fields.add(name: name, value: value, isLowerCase: isLowerCase)
        case .connection: try takeConnection(value)
        case .contentLength: try takeLength(value)
        case .transferEncoding: try takeTransferCoding(value)
        case .te: takeTE(value)
        case .upgrade: try takeUpgrade(value)
        case .keepAlive, .proxyConnection: break
        }
    }

    /// What goes on, once all lines have come: without what `Connection` has named.
    mutating func takeForwarded() -> HTTPFields {
        // Not kept here, or the first change to the fields would copy them.
        var forwarded = HTTPFields()
        swap(&forwarded, &fields)
        for name in nominated { forwarded.remove(name) }
        return forwarded
    }

    /// Makes room for a head of which so many bytes are here, and for the half a dozen fields that a proxy adds to one.
    mutating func reserve(forHeadOf byteCount: Int) {
        fields.reserve(byteCount: min(byteCount, 1024) + 256, fieldCount: 22)
    }

    /// How the body is framed, as far as the fields say it (RFC 9112 section 6.3).
    func framing(isHTTP11: Bool) throws(HTTPRefusal) -> HTTPBody? {
        switch (transferCoding, contentLength) {
        case (.absent, nil): return nil
        case (.absent, let length?): return .length(length)
        case (.chunked, nil):
            // RFC 9112 section 6.1: an old sender does not know the coding, so the field is not its own.
            guard isHTTP11 else { throw .malformed("Transfer-Encoding stands in an HTTP/1.0 message") }
            return .chunked
        case (.chunked, _?): throw .malformed("there are both Transfer-Encoding and Content-Length")
        }
    }

    private mutating func takeHost(_ value: RawSpan) throws(HTTPRefusal) {
        guard host == nil else { throw .malformed("there is more than one Host") }
        guard value.byteCount == 0 || Authority.isValid(value) else {
            throw .malformed("Host is not `host` or `host:port`")
        }
        host = value.text
    }

    private mutating func takeLength(_ value: RawSpan) throws(HTTPRefusal) {
        // RFC 9110 section 8.6 lets equal ones be merged; who sends two is up to something.
        guard contentLength == nil else { throw .malformed("there is more than one Content-Length") }
        guard (1...19).contains(value.byteCount) else { throw .malformed("Content-Length is not one number") }
        var length: UInt64 = 0
        for index in 0..<value.byteCount {
            let byte = value.at(index)
            guard byte.isDigit else { throw .malformed("Content-Length is not one number") }
            // 19 digits fit into 64 bits.
            length = length &* 10 &+ UInt64(byte &- 0x30)
        }
        // Who reads it into a signed number must read the same.
        guard length <= UInt64(Int64.max) else { throw .malformed("Content-Length is not one number") }
        contentLength = length
    }

    private mutating func takeTransferCoding(_ value: RawSpan) throws(HTTPRefusal) {
        guard transferCoding == .absent else { throw .malformed("there is more than one Transfer-Encoding") }
        if value.matches("chunked") {
            transferCoding = .chunked
            return
        }
        // A list of codings that ends in the one `chunked` is well-formed, and we do not speak it; anything else leaves the
        // length of the body open.
        var (position, chunkedCount, isLast) = (0, 0, false)
        while let range = value.nextElement(&position) {
            let element = value.extracting(range)
            let name = element.extracting(0..<(element.index(of: UInt8(ascii: ";")) ?? element.byteCount))
            guard name.extracting(name.trimmed(0..<name.byteCount)).isToken else {
                throw .malformed("Transfer-Encoding is not a list of codings")
            }
            isLast = element.matches("chunked")
            if isLast { chunkedCount += 1 }
        }
        throw isLast && chunkedCount == 1
            ? .unsupportedTransferCoding : .malformed("Transfer-Encoding is not `chunked`")
    }

    private mutating func takeConnection(_ value: RawSpan) throws(HTTPRefusal) {
        var position = 0
        while let range = value.nextElement(&position) {
            let option = value.extracting(range)
            optionCount += 1
            guard optionCount <= limit else { throw .tooLarge(.connectionOptions, seen: nil, limit: limit) }
            if option.matches("close") {
                closes = true
            } else if option.matches("keep-alive") {
                keepsAlive = true
            } else if option.matches("upgrade") {
                upgrades = true
            } else {
                guard option.isToken else { throw .malformed("Connection is not a list of names") }
                guard FieldName.mayBeNominated(option) else {
                    throw .malformed("Connection names a field that is not of one hop")
                }
                nominated.append(option.text.lowercased())
            }
        }
    }

    private mutating func takeTE(_ value: RawSpan) {
        var position = 0
        while let range = value.nextElement(&position) {
            if value.extracting(range).matches("trailers") { acceptsTrailers = true }
        }
    }

    /// `h2c` is left out: it was given up by RFC 9113 section 3.1, and behind a proxy that lets it through lies a connection
    /// on which nobody judges requests.
    private mutating func takeUpgrade(_ value: RawSpan) throws(HTTPRefusal) {
        var position = 0
        while let range = value.nextElement(&position) {
            let element = value.extracting(range)
            let slash = element.index(of: UInt8(ascii: "/"))
            let name = element.extracting(0..<(slash ?? element.byteCount))
            let isVersioned = slash.map { element.extracting(droppingFirst: $0 + 1).isToken } ?? true
            guard name.isToken, isVersioned else { throw .malformed("Upgrade is not a list of protocols") }
            if kind == .request, element.matches("h2c") { continue }
            upgradeValue = upgradeValue.map { "\($0), \(element.text)" } ?? element.text
        }
    }

    private mutating func takeExpectation(_ value: RawSpan) throws(HTTPRefusal) {
        guard value.matches("100-continue") else { throw .expectationFailed }
        expectsContinue = true
    }
}
