// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import HTTP2Codec
import HTTPCodec
import MeshModel

/// A session and what it has told, as text: `head 1 GET shop /`, `data 1 text`, `end 1`, `reset 1 CANCEL`, `room 1`, `leaving`.
final class Peer: HTTP2SessionUser {
    let session: HTTP2Session
    var told: [String] = []
    var resets: [HTTP2Reset] = []
    var requests: [HTTPRequest] = []
    var answers: [HTTPResponse] = []
    var receivedByteCount = 0
    /// Gives credit at once for what comes.
    var consumes = true
    var isQuietAboutData = false
    var whenRequested: ((Int32, HTTPRequest) -> Void)?
    var whenEnded: ((Int32) -> Void)?
    var whenRoom: ((Int32) -> Void)?

    init(
        _ role: HTTP2Session.Role, _ settings: HTTP2Settings = HTTP2Settings(), http: HTTPSettings = HTTPSettings()
    ) {
        session = HTTP2Session(role, settings, http: http)
        session.tell(self)
    }

    func requestBegan(_ stream: Int32, _ head: HTTPRequest) {
        requests.append(head)
        told.append(
            "head \(stream) \(head.method) \(head.authority) \(head.target)" + show(head.body) + show(head.fields))
        whenRequested?(stream, head)
    }

    func answerBegan(_ stream: Int32, _ head: HTTPResponse) {
        answers.append(head)
        told.append("head \(stream) \(head.status)" + show(head.body) + show(head.fields))
    }

    func received(_ stream: Int32, _ bytes: UnsafeRawBufferPointer) {
        receivedByteCount += bytes.count
        if consumes { session.consume(bytes.count, on: stream) }
        guard !isQuietAboutData else { return }
        let text = String(decoding: bytes, as: UTF8.self)
        if let last = told.last, last.hasPrefix("data \(stream) ") {
            told[told.count - 1] = last + text
        } else {
            told.append("data \(stream) \(text)")
        }
    }

    func ended(_ stream: Int32, _ trailers: HTTPFields) {
        told.append("end \(stream)" + show(trailers))
        whenEnded?(stream)
    }

    func reset(_ stream: Int32, _ reset: HTTP2Reset) {
        resets.append(reset)
        told.append("reset \(stream) \(reset.code.name)")
    }

    func takesAgain(_ stream: Int32) {
        told.append("room \(stream)")
        whenRoom?(stream)
    }

    func goingAway() { told.append("leaving") }

    private func show(_ body: HTTPBody) -> String {
        switch body {
        case .none: ""
        case .length(let length): " length=\(length)"
        case .chunked: " chunked"
        case .untilClose: " until-close"
        case .tunnel: " tunnel"
        }
    }

    private func show(_ fields: HTTPFields) -> String {
        var text = ""
        fields.forEach { name, value in
            text += " [\(String(decoding: name, as: UTF8.self)): \(String(decoding: value, as: UTF8.self))]"
        }
        return text
    }

    // What tests do with it.

    func output(atMost: Int = .max) -> [UInt8] {
        var bytes: [UInt8] = []
        session.takeOutput(into: &bytes, atMost: atMost)
        session.tellNews()
        return bytes
    }

    func receive(_ bytes: [UInt8], now: Instant = Instant(nanoseconds: 1), piece: Int = .max) throws(HTTP2Failure) {
        for start in stride(from: 0, to: bytes.count, by: max(1, min(piece, bytes.count))) {
            let part = Array(bytes[start..<start + min(piece, bytes.count - start)])
            let failure: HTTP2Failure? = part.withUnsafeBytes { part in
                do throws(HTTP2Failure) {
                    try session.receive(part, now: now)
                    return nil
                } catch {
                    return error
                }
            }
            if let failure { throw failure }
        }
    }

    func send(_ text: String, on stream: Int32) { send(Array(text.utf8), on: stream) }

    func send(_ bytes: [UInt8], on stream: Int32) { bytes.withUnsafeBytes { session.send($0, on: stream) } }

    func end(_ stream: Int32, _ trailers: [(String, String)] = []) {
        var fields = HTTPFields()
        for (name, value) in trailers { fields.add(name, value) }
        session.end(stream, trailers: fields)
    }

    func answer(_ stream: Int32, _ status: Int = 200, body: HTTPBody = .chunked, endsStream: Bool = false) {
        var answer = HTTPResponse(status: status)
        answer.body = body
        session.submit(answer, on: stream, endsStream: endsStream)
    }
}

/// A client and a server, joined by arrays.
struct Pair {
    let client: Peer
    let server: Peer
    var piece = Int.max

    init(_ settings: HTTP2Settings = HTTP2Settings(), http: HTTPSettings = HTTPSettings()) {
        client = Peer(.client, settings, http: http)
        server = Peer(.server, settings, http: http)
    }

    /// Carries bytes until both are silent.
    func run(now: Instant = Instant(nanoseconds: 1)) throws(HTTP2Failure) {
        while true {
            let up = client.output()
            try server.receive(up, now: now, piece: piece)
            let down = server.output()
            try client.receive(down, now: now, piece: piece)
            if up.isEmpty, down.isEmpty { return }
        }
    }

    static func request(
        _ method: String = "GET", _ target: String = "/", body: HTTPBody = .none, fields: [(String, String)] = []
    ) -> HTTPRequest {
        var request = HTTPRequest(method: method, authority: "shop:80", target: target)
        request.body = body
        for (name, value) in fields { request.fields.add(name, value) }
        return request
    }
}

/// Frames written by hand, as no session of ours would.
enum Wire {
    static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
    static let endStream: UInt8 = 1
    static let endHeaders: UInt8 = 4

    static func frame(_ type: UInt8, _ flags: UInt8, _ stream: UInt32, _ payload: [UInt8] = []) -> [UInt8] {
        let length = payload.count
        return [
            UInt8(truncatingIfNeeded: length >> 16), UInt8(truncatingIfNeeded: length >> 8),
            UInt8(truncatingIfNeeded: length), type, flags,
        ] + number(stream) + payload
    }

    static func number(_ number: UInt32) -> [UInt8] {
        (0..<4).reversed().map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
    }

    static var settings: [UInt8] { frame(4, 0, 0) }
    static var settingsAck: [UInt8] { frame(4, 1, 0) }
    static var start: [UInt8] { preface + settings }
    static var ping: [UInt8] { frame(6, 0, 0, [UInt8](repeating: 7, count: 8)) }

    static func data(_ stream: UInt32, _ text: String, ends: Bool = false) -> [UInt8] {
        frame(0, ends ? endStream : 0, stream, Array(text.utf8))
    }

    static func reset(_ stream: UInt32, _ code: UInt32) -> [UInt8] { frame(3, 0, stream, number(code)) }
    static func windowUpdate(_ stream: UInt32, _ count: UInt32) -> [UInt8] { frame(8, 0, stream, number(count)) }

    static func goAway(last: UInt32, code: UInt32 = 0) -> [UInt8] { frame(7, 0, 0, number(last) + number(code)) }

    static func headers(_ stream: UInt32, _ fields: [(String, String)], ends: Bool = true) -> [UInt8] {
        frame(1, endHeaders | (ends ? endStream : 0), stream, block(fields))
    }

    /// Literals without indexing and without Huffman coding (RFC 7541 section 6.2.2).
    static func block(_ fields: [(String, String)]) -> [UInt8] {
        fields.flatMap { name, value in [0] + text(Array(name.utf8)) + text(Array(value.utf8)) }
    }

    static func text(_ bytes: [UInt8]) -> [UInt8] {
        var length: [UInt8] = []
        if bytes.count < 127 {
            length = [UInt8(bytes.count)]
        } else {
            var rest = bytes.count - 127
            length = [127]
            while rest >= 128 {
                length.append(UInt8(rest & 127) | 128)
                rest >>= 7
            }
            length.append(UInt8(rest))
        }
        return length + bytes
    }

    static let get = [(":method", "GET"), (":scheme", "http"), (":authority", "shop"), (":path", "/")]

    /// Type, flags, stream and payload of each frame, behind the preface if there is one.
    static func frames(_ bytes: [UInt8]) -> [(type: UInt8, flags: UInt8, stream: UInt32, payload: [UInt8])] {
        var rest = bytes[...]
        if rest.starts(with: preface) { rest = rest.dropFirst(preface.count) }
        var all: [(type: UInt8, flags: UInt8, stream: UInt32, payload: [UInt8])] = []
        while rest.count >= 9 {
            let head = Array(rest.prefix(9))
            let length = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
            let stream = head[5...].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            all.append((head[3], head[4], stream, Array(rest.dropFirst(9).prefix(length))))
            rest = rest.dropFirst(9 + length)
        }
        return all
    }

    /// The code of the first RST_STREAM (3) or GOAWAY (7).
    static func code(_ type: UInt8, in bytes: [UInt8]) -> String? {
        frames(bytes).first { $0.type == type }.map { frame in
            let number = frame.payload.dropFirst(type == 7 ? 4 : 0).prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            return HTTP2ErrorCode(rawValue: number).name
        }
    }
}
