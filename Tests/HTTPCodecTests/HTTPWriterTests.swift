// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import HTTPCodec
import MeshModel
import Testing

@Suite("Writing messages")
struct HTTPWriterTests {
    private func text(_ request: HTTPRequest) -> String {
        var bytes: [UInt8] = []
        HTTPWriter.append(request, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    private func text(_ response: HTTPResponse) -> String {
        var bytes: [UInt8] = []
        HTTPWriter.append(response, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    private static let ownFields: HTTPFields = {
        var fields = HTTPFields()
        for name in [
            "Connection", "Content-Length", "Transfer-Encoding", "TE", "Upgrade", "Keep-Alive", "Proxy-Connection",
        ] {
            fields.add(name, "1")
        }
        fields.add("X-A", "b")
        return fields
    }()

    @Test("a request is made from its values, and fields of the writer's own are passed over")
    func request() {
        var request = HTTPRequest(method: "PUT", authority: "a:1", target: "/x?y")
        request.fields = Self.ownFields
        request.fields.add("host", "b")
        request.fields.add("Expect", "c")
        #expect(text(request) == "PUT /x?y HTTP/1.1\r\nhost: a:1\r\nx-a: b\r\n\r\n")
        request.fields = HTTPFields()
        request.scheme = "https"
        request.body = .length(.max)
        request.persists = false
        request.upgrade = "websocket"
        request.expectsContinue = true
        request.acceptsTrailers = true
        #expect(
            text(request)
                == "PUT /x?y HTTP/1.1\r\nhost: a:1\r\ncontent-length: 18446744073709551615\r\nexpect: 100-continue\r\n"
                + "te: trailers\r\nupgrade: websocket\r\nconnection: close, upgrade, te\r\n\r\n")
    }

    @Test("an old request says that it stays, and only a new one has chunks")
    func oldRequest() {
        var request = HTTPRequest(method: "GET", authority: "", target: "/", isHTTP11: false)
        #expect(text(request) == "GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
        request.persists = false
        #expect(text(request) == "GET / HTTP/1.0\r\nconnection: close\r\n\r\n")
        request.body = .chunked
        request.authority = "a"
        #expect(
            text(request) == "GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n")
        let connect = HTTPRequest(method: "CONNECT", authority: "a:1", target: "")
        #expect(text(connect) == "CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n")
    }

    struct Case: CustomTestStringConvertible, Sendable {
        let status: Int
        let body: HTTPBody
        let written: String
        var testDescription: String { "\(status) \(body)" }

        init(_ status: Int, _ body: HTTPBody, _ written: String) {
            self.status = status
            self.body = body
            self.written = written
        }
    }

    @Test(
        "a response is framed as its status allows",
        arguments: [
            Case(200, .length(0), "200 OK\r\nx-a: b\r\ncontent-length: 0\r\n\r\n"),
            Case(200, .none, "200 OK\r\nx-a: b\r\ncontent-length: 9\r\n\r\n"),
            Case(304, .none, "304 Not Modified\r\nx-a: b\r\ncontent-length: 9\r\n\r\n"),
            Case(304, .length(3), "304 Not Modified\r\nx-a: b\r\n\r\n"),
            Case(204, .none, "204 No Content\r\nx-a: b\r\n\r\n"),
            Case(204, .chunked, "204 No Content\r\nx-a: b\r\n\r\n"),
            Case(100, .none, "100 Continue\r\nx-a: b\r\n\r\n"),
            Case(200, .chunked, "200 OK\r\nx-a: b\r\ntransfer-encoding: chunked\r\n\r\n"),
            Case(200, .untilClose, "200 OK\r\nx-a: b\r\nconnection: close\r\n\r\n"),
            Case(200, .tunnel, "200 OK\r\nx-a: b\r\n\r\n"),
            Case(299, .length(10), "299 Unknown\r\nx-a: b\r\ncontent-length: 10\r\n\r\n"),
        ])
    func response(_ item: Case) {
        var response = HTTPResponse(status: item.status)
        response.fields = Self.ownFields
        response.body = item.body
        response.absentLength = 9
        #expect(text(response) == "HTTP/1.1 " + item.written)
        guard item.status >= 200, ![.tunnel, .untilClose].contains(item.body) else { return }
        response.persists = false
        #expect(text(response) == "HTTP/1.1 " + item.written.dropLast() + "connection: close\r\n\r\n")
    }

    @Test("a switch of protocols names the new one")
    func upgrade() {
        var response = HTTPResponse(status: 101)
        response.upgrade = "websocket"
        response.body = .tunnel
        response.persists = false
        #expect(
            text(response)
                == "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n")
        response.status = 200
        response.isHTTP11 = false
        response.body = .length(1)
        response.persists = true
        response.reason = "Fine"
        #expect(text(response) == "HTTP/1.0 200 Fine\r\ncontent-length: 1\r\nconnection: keep-alive\r\n\r\n")
    }

    @Test("every length is written in its digits", arguments: [0, 9, 10, 99, 100, 1_000_000, UInt64.max])
    func lengths(_ length: UInt64) {
        var request = HTTPRequest(method: "PUT", authority: "a", target: "/")
        request.body = .length(length)
        #expect(text(request).contains("\r\ncontent-length: \(length)\r\n"))
    }

    @Test("chunks of every size are read again", arguments: [1, 9, 10, 15, 16, 17, 255, 256, 4095, 4096, 65_536])
    func chunks(count: Int) throws {
        let payload = [UInt8](repeating: 0x61, count: count)
        var bytes = Array("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".utf8)
        payload.withUnsafeBytes { HTTPWriter.appendChunk($0, to: &bytes) }
        HTTPWriter.appendChunk(UnsafeRawBufferPointer(start: nil, count: 0), to: &bytes)
        var trailers = HTTPFields()
        trailers.add("X-Sum", "1")
        trailers.add("Content-Length", "1")
        HTTPWriter.appendLastChunk(trailers: trailers, to: &bytes)
        #expect(
            Reading.responses(bytes)
                == ["head 200 OK chunked", "data " + String(repeating: "a", count: count), "end [x-sum: 1]"])
        #expect(String(decoding: bytes, as: UTF8.self).contains("\r\n\(String(count, radix: 16))\r\n"))
    }
}
