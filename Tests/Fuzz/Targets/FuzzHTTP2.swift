// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import HTTP2Codec
internal import HTTPCodec
internal import MeshModel

/// A session is told the same in whatever pieces its bytes come; what it tells of a stream is in order; and a request that
/// came out can go on as HTTP/1.
enum FuzzHTTP2 {
    /// The preface and nothing else: what follows are frames.
    private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    static func requests(_ bytes: [UInt8]) { run(.server, preface + bytes) }

    static func responses(_ bytes: [UInt8]) { run(.client, bytes) }

    private static func run(_ role: HTTP2Session.Role, _ bytes: [UInt8]) {
        let whole = read(role, bytes, piece: max(1, bytes.count))
        for piece in [1, 7] {
            let other = read(role, bytes, piece: piece)
            // After a GOAWAY and the last stream a session is over, and what still comes is not looked at.
            if whole.session.isPeerLeaving || other.session.isPeerLeaving { continue }
            // A frame that comes too late for its stream is a failure until what ended the stream has left us, and then no more.
            guard other.failure?.code == whole.failure?.code else { continue }
            // What we send is counted when it is sent, which depends on when we may.
            if let limit = whole.failure?.limit ?? other.failure?.limit, limit != .pings { continue }
            precondition(other.told == whole.told, "Pieces make no difference: \(whole.told) \(other.told)")
        }
    }

    private static func read(_ role: HTTP2Session.Role, _ bytes: [UInt8], piece: Int) -> FuzzPeer {
        let peer = FuzzPeer(role)
        let now = Instant(nanoseconds: 0)
        for start in stride(from: 0, to: bytes.count, by: piece) {
            let part = Array(bytes[start..<min(bytes.count, start + piece)])
            part.withUnsafeBytes { part in
                do throws(HTTP2Failure) {
                    try peer.session.receive(part, now: now)
                } catch {
                    precondition(!error.sentence.isEmpty && error.code != .noError, "A failure says why.")
                    precondition(error == peer.session.failure, "A failure stays.")
                    peer.failure = error
                }
            }
            peer.takeOutput()
            if peer.failure != nil { break }
        }
        if peer.failure != nil {
            peer.takeOutput()
            precondition(peer.session.isFinished, "After a failure nothing more is to be said.")
        }
        return peer
    }
}

private final class FuzzPeer: HTTP2SessionUser {
    enum Item: Equatable {
        case request(HTTPRequest)
        case answer(HTTPResponse)
        case data([UInt8])
        case end(HTTPFields)
        case reset(HTTP2ErrorCode)
    }

    let session: HTTP2Session
    var streams: [Int32: [Item]] = [:]
    var failure: HTTP2Failure?

    init(_ role: HTTP2Session.Role) {
        let http = HTTPSettings()
        session = HTTP2Session(role, http.http2, http: http)
        session.tell(self)
        guard role == .client else { return }
        for (method, body) in [("GET", HTTPBody.none), ("HEAD", .none), ("POST", .chunked)] {
            var request = HTTPRequest(method: method, authority: "shop", target: "/")
            request.body = body
            guard let id = session.submit(request, endsStream: body == .none) else { continue }
            if body == .chunked { [1, 2, 3].withUnsafeBytes { session.send($0, on: id) } }
        }
        takeOutput()
    }

    /// Of a connection that has failed, without the resets that it may have come too late for.
    var told: [Int32: [Item]] {
        guard failure != nil else { return streams }
        return streams.compactMapValues { items in
            if case .reset = items.last { items.count == 1 ? nil : items.dropLast() } else { items }
        }
    }

    func takeOutput() {
        var bytes: [UInt8] = []
        for _ in 0..<1000 where session.hasOutput { session.takeOutput(into: &bytes, atMost: bytes.count + 16_384) }
        session.tellNews()
        precondition(bytes.count < 1_000_000, "What comes does not make us say much more.")
    }

    private func isOver(_ stream: Int32) -> Bool {
        switch streams[stream]?.last {
        case .end?, .reset?: true
        case .request?, .answer?, .data?, nil: false
        }
    }

    func requestBegan(_ stream: Int32, _ head: HTTPRequest) {
        precondition(streams[stream] == nil && stream % 2 == 1, "A stream begins once.")
        streams[stream] = [.request(head)]
        check(head)
    }

    /// Written as HTTP/1 and read again it is the same.
    private func check(_ head: HTTPRequest) {
        guard head.body != .tunnel else { return }
        var bytes: [UInt8] = []
        HTTPWriter.append(head, to: &bytes)
        var reader = RequestReader(HTTPSettings())
        var offset = 0
        var expected = head
        expected.scheme = nil
        do throws(HTTPRefusal) {
            guard case .head(let read)? = try reader.next(bytes.span.bytes, &offset), read == expected else {
                preconditionFailure("What goes on is read as it was: \(head)")
            }
        } catch {
            // Counted by the line, a head is a little longer.
            guard case .tooLarge = error else { preconditionFailure("What goes on is well-formed: \(head) \(error)") }
        }
    }

    func answerBegan(_ stream: Int32, _ head: HTTPResponse) {
        precondition(!isOver(stream) && (100..<600).contains(head.status) && head.status != 101, "An answer is one.")
        streams[stream, default: []].append(.answer(head))
    }

    func received(_ stream: Int32, _ bytes: UnsafeRawBufferPointer) {
        precondition(!bytes.isEmpty && !isOver(stream) && streams[stream] != nil, "A body stands behind its head.")
        session.consume(bytes.count, on: stream)
        var items = streams.removeValue(forKey: stream) ?? []
        if case .data(let before) = items.last {
            items[items.count - 1] = .data(before + bytes)
        } else {
            items.append(.data(Array(bytes)))
        }
        streams[stream] = items
    }

    func ended(_ stream: Int32, _ trailers: HTTPFields) {
        precondition(!isOver(stream) && streams[stream] != nil, "A stream ends once.")
        if let body = declared(stream) { precondition(body == carried(stream), "A body is as long as it says.") }
        streams[stream]?.append(.end(trailers))
        guard session.role == .server else { return }
        var answer = HTTPResponse(status: 200)
        answer.body = .length(3)
        session.submit(answer, on: stream, endsStream: false)
        [1, 2, 3].withUnsafeBytes { session.send($0, on: stream) }
        session.end(stream, trailers: HTTPFields())
    }

    private func declared(_ stream: Int32) -> UInt64? {
        for case let item? in [streams[stream]?.first, streams[stream]?.last] {
            if case .request(let head) = item, case .length(let length) = head.body { return length }
            if case .answer(let head) = item, case .length(let length) = head.body { return length }
        }
        return nil
    }

    private func carried(_ stream: Int32) -> UInt64 {
        (streams[stream] ?? []).reduce(0) { sum, item in
            if case .data(let bytes) = item { sum + UInt64(bytes.count) } else { sum }
        }
    }

    func reset(_ stream: Int32, _ reset: HTTP2Reset) {
        precondition(!reset.detail.isEmpty, "A reset says why.")
        if case .reset = streams[stream]?.last { preconditionFailure("A stream is reset once.") }
        streams[stream, default: []].append(.reset(reset.code))
    }

    func takesAgain(_: Int32) {}

    func goingAway() {}
}
