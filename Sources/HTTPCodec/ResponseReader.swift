// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// Reads responses (RFC 9112), as strictly as ``RequestReader`` reads requests; told before each what was asked, because
/// that decides whether there is a body.
///
///     between -> expect -> head -> (after 1xx: head again) -> body -> between ...
///
/// Bytes that come while nothing is expected are refused: they answer nobody's request, and must not answer the next one's.
/// Like those, neither readers nor events are ever copied.
package struct ResponseReader: ~Copyable, Sendable {
    package enum Event: ~Copyable, Sendable {
        /// After an interim head another one follows.
        case head(HTTPResponse)
        /// A piece of the body as a range of the bytes given, never empty, without chunk framing.
        case data(Range<Int>)
        case end(trailers: HTTPFields)
    }

    private enum Question: Sendable {
        case plain
        case head
        case connect
    }

    private enum Stage: Sendable {
        /// The status line is read.
        case start
        case fields
        case body
        case refused
    }

    private let settings: HTTPSettings
    private var question: Question?
    private var lines = LineScanner()
    // A plain value says where the reader is.
    private var stage = Stage.start
    private var hasReadInterim = false
    private var response = HTTPResponse(status: 0)
    private var section: FieldSection
    private var body: BodyReader
    private var refusal = HTTPRefusal.cut

    package init(_ settings: HTTPSettings) {
        self.settings = settings
        section = FieldSection(.response, settings)
        body = BodyReader(settings)
    }

    /// Says what the next response answers. One at a time: the one before must have ended.
    package mutating func expect(method: String) {
        precondition(question == nil, "A request is expected to be answered only after the answer to the one before.")
        question = method == "HEAD" ? .head : method == "CONNECT" ? .connect : .plain
    }

    /// True while nothing of a response has been read, expected or not.
    package var isBetweenMessages: Bool {
        stage == .start && lines.isAtLineStart && !hasReadInterim
    }

    /// The next event in `bytes` from `offset` on, which moves behind what was taken; nil: all is taken and more is needed.
    /// A refusal is final, and thrown again by every later call.
    package mutating func next(_ bytes: RawSpan, _ offset: inout Int) throws(HTTPRefusal) -> Event? {
        guard stage != .refused else { throw refusal }
        do throws(HTTPRefusal) {
            return try step(bytes, &offset)
        } catch {
            refusal = error
            stage = .refused
            throw error
        }
    }

    /// The connection has ended in order: the end of a body that is known by it, nil between messages; else the message was
    /// cut, and is never to be taken for a whole one.
    package mutating func inputEnded() throws(HTTPRefusal) -> Event? {
        guard stage != .refused else { throw refusal }
        if stage == .body {
            guard body.mayBeCut else { throw .cut }
            end()
            return .end(trailers: HTTPFields())
        }
        guard isBetweenMessages else { throw .cut }
        return nil
    }

    private mutating func end() {
        stage = .start
        question = nil
    }

    private mutating func step(_ bytes: RawSpan, _ offset: inout Int) throws(HTTPRefusal) -> Event? {
        if stage == .body {
            switch try body.next(bytes, &offset) {
            case .data(let range): return .data(range)
            case .end:
                end()
                return .end(trailers: body.takeTrailers())
            case nil: return nil
            }
        }
        guard let question else {
            guard offset == bytes.byteCount else { throw .malformed("there is a response to no request") }
            return nil
        }
        let limit = settings.headBytes
        while true {
            if stage == .fields, try section.addWhole(&lines, bytes, &offset, upTo: settings.headBytes) {
                return .head(try finish(question))
            }
            guard let line = try lines.next(bytes, &offset, upTo: limit, .head, of: limit) else { return nil }
            let isEnd =
                switch line {
                case .inPlace(let range): try take(bytes.extracting(range), more: bytes.byteCount - range.upperBound)
                case .kept(let line): unsafe try take(line.span.bytes, more: bytes.byteCount)
                }
            if isEnd { return .head(try finish(question)) }
        }
    }

    /// True at the end of the head.
    private mutating func take(_ line: RawSpan, more: Int) throws(HTTPRefusal) -> Bool {
        guard stage == .fields else {
            response = try StatusLine.read(line)
            stage = .fields
            section.reserve(forHeadOf: more)
            return false
        }
        if line.byteCount == 0 { return true }
        try section.add(line)
        return false
    }

    private mutating func finish(_ question: Question) throws(HTTPRefusal) -> HTTPResponse {
        let framing = try section.framing(isHTTP11: response.isHTTP11)
        response.fields = section.takeForwarded()
        response.persists = !section.closes && (response.isHTTP11 || section.keepsAlive)
        if response.status == 101 || response.status == 426 { response.upgrade = section.upgrade }
        switch response.status {
        case 100..<200, 204:
            // RFC 9110 section 8.6: none of them has a body. Zero is said by many, and means no harm.
            guard framing == nil || framing == .length(0) else {
                throw .malformed("a response that has no body says how long it is")
            }
            if response.status == 101 { response.body = .tunnel }
        case 200..<300 where question == .connect:
            // What it says of a body is not heeded (RFC 9110 section 9.3.6).
            response.body = .tunnel
        case _ where question == .head || response.status == 304:
            if case .length(let length) = framing { response.absentLength = length }
        default:
            response.body = framing ?? .untilClose
        }
        // An interim head decides nothing about the connection, and after the two others there are no messages on it.
        if response.isInterim { response.persists = true }
        if response.body == .tunnel || response.body == .untilClose { response.persists = false }
        hasReadInterim = response.isInterim
        stage = response.isInterim ? .start : .body
        body.begin(response.body)
        section = FieldSection(.response, settings)
        lines.reset()
        // Not kept here, or the first change to the fields would copy them.
        var head = HTTPResponse(status: 0)
        swap(&head, &response)
        return head
    }
}
