// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// Reads requests from the bytes of a connection, however they are cut (RFC 9112), strictly: what two readers could read
/// differently is refused. A head that is not whole yet is kept inside.
///
///     between -> head -> body -> between ...        any of them -> refused, for good
///
/// Pure: no clock and no I/O. Each byte is looked at once, so that a head which comes in drops costs no more than one
/// which comes at once. The owner asks for events until there is none, even where all bytes are taken: the end of a message
/// without body needs no further byte. After CONNECT or a switch of protocols it must ask no more.
/// Neither a reader nor an event is ever copied: a head is moved from where it was put together to whoever asked for it.
package struct RequestReader: ~Copyable, Sendable {
    package enum Event: ~Copyable, Sendable {
        case head(HTTPRequest)
        /// A piece of the body as a range of the bytes given, never empty, without chunk framing.
        case data(Range<Int>)
        case end(trailers: HTTPFields)
    }

    private enum Stage: Sendable {
        /// The request line is read.
        case start
        case fields
        case body
        case refused
    }

    private let settings: HTTPSettings
    private var lines = LineScanner()
    // A plain value says where the reader is.
    private var stage = Stage.start
    private var hasSkippedEmptyLine = false
    private var request = HTTPRequest(method: "", authority: "", target: "")
    private var section: FieldSection
    private var body: BodyReader
    private var refusal = HTTPRefusal.cut

    package init(_ settings: HTTPSettings) {
        self.settings = settings
        section = FieldSection(.request, settings)
        body = BodyReader(settings)
    }

    /// True between two requests with nothing of the next one read: a clean place to end.
    package var isBetweenMessages: Bool { stage == .start && lines.isAtLineStart }

    /// True from the first byte of a head until its end.
    package var isInsideHead: Bool { stage == .fields || stage == .start && !lines.isAtLineStart }

    /// The next event in `bytes` from `offset` on, which moves behind what was taken; nil: all is taken and more is needed.
    /// After `.end` the next call begins the next request. A refusal is final, and thrown again by every later call.
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

    private mutating func step(_ bytes: RawSpan, _ offset: inout Int) throws(HTTPRefusal) -> Event? {
        if stage == .body {
            switch try body.next(bytes, &offset) {
            case .data(let range): return .data(range)
            case .end:
                stage = .start
                return .end(trailers: body.takeTrailers())
            case nil: return nil
            }
        }
        while true {
            if stage == .fields, try section.addWhole(&lines, bytes, &offset, upTo: settings.headBytes) {
                return .head(try finish())
            }
            guard let line = try nextLine(bytes, &offset) else { return nil }
            let isEnd =
                switch line {
                case .inPlace(let range): try take(bytes.extracting(range), more: bytes.byteCount - range.upperBound)
                case .kept(let line): unsafe try take(line.span.bytes, more: bytes.byteCount)
                }
            if isEnd { return .head(try finish()) }
        }
    }

    private mutating func nextLine(_ bytes: RawSpan, _ offset: inout Int) throws(HTTPRefusal) -> LineScanner.Line? {
        if stage == .start {
            // The first line is held to its own limit, with room for method and version, so that a long target is told from
            // a long head before either has ended.
            let (most, overflows) = settings.targetBytes.addingReportingOverflow(64)
            if !overflows, most < settings.headBytes {
                return try lines.next(
                    bytes, &offset, upTo: most, .target, of: settings.targetBytes)
            }
        }
        return try lines.next(
            bytes, &offset, upTo: settings.headBytes, .head, of: settings.headBytes)
    }

    /// True at the end of the head.
    private mutating func take(_ line: RawSpan, more: Int) throws(HTTPRefusal) -> Bool {
        guard stage == .fields else {
            if line.byteCount == 0, !hasSkippedEmptyLine {
                // RFC 9112 section 2.2: old clients send one after a body.
                hasSkippedEmptyLine = true
                lines.reset()
                return false
            }
            request = try RequestLine.read(line, targetBytes: settings.targetBytes)
            stage = .fields
            section.reserve(forHeadOf: more)
            return false
        }
        if line.byteCount == 0 { return true }
        try section.add(line)
        return false
    }

    private mutating func finish() throws(HTTPRefusal) -> HTTPRequest {
        let host = section.host.take() ?? ""
        guard !request.isHTTP11 || !host.isEmpty else {
            throw .malformed("an HTTP/1.1 request has exactly one Host")
        }
        // RFC 9112 section 3.2.2: the authority of the target is heeded, and Host is made from it.
        if request.authority.isEmpty { request.authority = host }
        let framing = try section.framing(isHTTP11: request.isHTTP11)
        if request.method == "CONNECT" {
            guard framing == nil || framing == .length(0) else { throw .malformed("CONNECT has no body") }
        } else {
            request.body = framing ?? .none
        }
        if request.isHTTP11 {
            request.persists = !section.closes
            request.upgrade = section.upgrade
            request.expectsContinue = section.expectsContinue && request.body != .none
        } else {
            // An old client's Upgrade and Expect are not its own (RFC 9110 sections 7.8 and 10.1.1).
            request.persists = section.keepsAlive && !section.closes
        }
        request.acceptsTrailers = section.acceptsTrailers
        request.fields = section.takeForwarded()
        body.begin(request.body)
        stage = .body
        section = FieldSection(.request, settings)
        hasSkippedEmptyLine = false
        lines.reset()
        // Not kept here, or the first change to the fields would copy them.
        var head = HTTPRequest(method: "", authority: "", target: "")
        swap(&head, &request)
        return head
    }
}
