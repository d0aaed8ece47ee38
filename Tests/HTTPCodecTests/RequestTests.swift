// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import HTTPCodec
import MeshModel
import Testing

@Suite("Requests")
struct RequestTests {
    private static func field(_ name: String, _ lines: String, _ told: String) -> StreamCase {
        StreamCase(name, "POST /p HTTP/1.1\r\nHost: a\r\n\(lines)\r\n\r\n", ["head POST a /p\(told)", "end"])
    }

    static let heads = [
        StreamCase("the least", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", ["head GET a /", "end"]),
        StreamCase("old", "GET /ready HTTP/1.0\r\n\r\n", ["head GET  /ready 1.0 close", "end"]),
        StreamCase("old with an empty Host", "GET / HTTP/1.0\r\nHost:\r\n\r\n", ["head GET  / 1.0 close", "end"]),
        StreamCase(
            "old and kept alive", "GET / HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n",
            ["head GET a / 1.0", "end"]),
        StreamCase(
            "blanks around values", "PUT /log-level?x=%20y HTTP/1.1\r\nHOST:a\r\nX-A: \t 5 \t\r\nX-Empty:   \r\n\r\n",
            ["head PUT a /log-level?x=%20y [x-a: 5] [x-empty: ]", "end"]),
        StreamCase(
            "everything",
            "M-SEARCH http://a/b HTTP/1.1\r\nhost: [::1]:80\r\nAccept: a, b;q=\"x y\"\r\nAccept: é\r\n\r\n",
            ["head M-SEARCH a /b scheme=http [accept: a, b;q=\"x y\"] [accept: é]", "end"]),
        StreamCase("asterisk", "OPTIONS * HTTP/1.1\r\nHost: a:1\r\n\r\n", ["head OPTIONS a:1 *", "end"]),
        StreamCase(
            "absolute form without path", "GET HTTPS://b:443 HTTP/1.1\r\nHost: a\r\n\r\n",
            ["head GET b:443 / scheme=https", "end"]),
        StreamCase(
            "absolute form with a query alone", "GET http://b?x=/ HTTP/1.1\r\nHost: a\r\n\r\n",
            ["head GET b /?x=/ scheme=http", "end"]),
        StreamCase(
            "absolute form of the asterisk", "OPTIONS http://b HTTP/1.1\r\nHost: a\r\n\r\n",
            ["head OPTIONS b * scheme=http", "end"]),
        StreamCase(
            "CONNECT", "CONNECT b:443 HTTP/1.1\r\nHost: b\r\nContent-Length: 0\r\n\r\n", ["head CONNECT b:443 ", "end"]),
        StreamCase(
            "an address of version 6", "GET / HTTP/1.1\r\nHost: [2001:db8::1]\r\n\r\n",
            ["head GET [2001:db8::1] /", "end"]),
        StreamCase("one empty line first", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", ["head GET a /", "end"]),
        StreamCase(
            "two requests at once", "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n\r\nGET /2 HTTP/1.1\r\nHost: b\r\n\r\n",
            ["head GET a /1", "end", "head GET b /2", "end"]),
        field("close", "Connection: x, ,CLOSE", " close"),
        field("close wins", "Connection: close, keep-alive", " close"),
        field(
            "hop-by-hop", "Keep-Alive: 5\r\nProxy-Connection: close\r\nTE: gzip\r\nX-Y: 1\r\nConnection: te",
            " [x-y: 1]"),
        field("what Connection names", "X-A: 1\r\nConnection: X-a, x-B\r\nX-B: 2\r\nX-A: 3\r\nX-C: 4", " [x-c: 4]"),
        field("Upgrade", "Connection: Upgrade\r\nUpgrade: websocket, x/1", " upgrade=websocket, x/1"),
        field("Upgrade that Connection does not name", "Upgrade: websocket", ""),
        field("h2c", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAM", ""),
        field("trailers are read", "TE: gzip, Trailers", " trailers"),
        field("Trailer goes on", "Trailer: x-sum", " [trailer: x-sum]"),
        field("Expect without a body", "Expect: 100-continue", ""),
        field("underscore in a name", "x_y: 1", " [x_y: 1]"),
    ]

    static let bodies = [
        StreamCase(
            "counted", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-Continue\r\n\r\nhello",
            ["head POST a / length=5 expects", "data hello", "end"]),
        StreamCase(
            "empty", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", ["head POST a / length=0", "end"]),
        StreamCase(
            "a request behind a body", "POST / HTTP/1.0\r\nContent-Length: 1\r\n\r\nxGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            ["head POST  / 1.0 length=1 close", "data x", "end", "head GET a /", "end"]),
        chunked("chunks", "5\r\nhello\r\n00A\r\n 0123456\r\n\r\n0\r\n\r\n", ["data hello 0123456\r\n", "end"]),
        chunked("no chunk", "0000000000000000\r\n\r\n", ["end"]),
        chunked("extensions", "1;a\r\nx\r\n1 ; b = \"c\\\"\\;d\" ;e=f\r\ny\r\n0;x\r\n\r\n", ["data xy", "end"]),
        chunked(
            "trailers",
            "0\r\nX-Sum: 1\r\nContent-Length: 5\r\nHost: b\r\nTransfer-Encoding: x\r\nAuthorization: x\r\n"
                + "X-Forwarded-For: b\r\nIf-Match: x\r\nTE: x\r\nX-B:2\r\n\r\n", ["end [x-sum: 1] [x-b: 2]"]),
        chunked(
            "a request behind chunks", "1\r\nx\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            ["data x", "end", "head GET a /", "end"]),
    ]

    private static func chunked(_ name: String, _ body: String, _ told: [String]) -> StreamCase {
        StreamCase(
            name, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n" + body,
            ["head POST a / chunked"] + told)
    }

    @Test("are read the same in whatever pieces they come", arguments: heads + bodies)
    func read(_ item: StreamCase) {
        for piece in [Int.max, 1, 2, 3, 7] {
            #expect(Reading.requests(item.bytes, piece: piece) == item.told, "pieces of \(piece)")
        }
    }

    @Test("every beginning asks for more", arguments: heads + bodies)
    func beginnings(_ item: StreamCase) {
        for count in 0..<item.bytes.count {
            let told = Reading.requests(Array(item.bytes.prefix(count)))
            #expect(told.count < item.told.count, "\(count) bytes")
            #expect(!told.contains { $0.hasPrefix("refused") }, "\(count) bytes")
        }
    }

    @Test("written and read again they are the same, and the output stays", arguments: heads + bodies)
    func again(_ item: StreamCase) throws {
        var reader = RequestReader(HTTPSettings())
        var offset = 0
        while let event = try reader.next(item.bytes.span.bytes, &offset) {
            guard case .head(var head) = consume event else { continue }
            var written: [UInt8] = []
            HTTPWriter.append(head, to: &written)
            head.scheme = nil
            #expect(Reading.requests(written).first == Reading.show(head))
        }
    }

    @Test("it is known where in a message the reader is")
    func places() throws {
        let bytes = Array("\r\nPOST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx".utf8)
        let headEnd = bytes.count - 1
        for count in 0...bytes.count {
            var reader = RequestReader(HTTPSettings())
            var offset = 0
            while try reader.next(Array(bytes.prefix(count)).span.bytes, &offset) != nil {}
            // An empty line alone is nothing of a request; half of one is.
            #expect(reader.isBetweenMessages == [0, 2, bytes.count].contains(count), "\(count) bytes")
            #expect(reader.isInsideHead == (count == 1 || (3..<headEnd).contains(count)), "\(count) bytes")
        }
    }

    @Test("a refusal stays")
    func final() {
        var reader = RequestReader(HTTPSettings())
        var offset = 0
        for text in ["GET /\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"] {
            #expect(throws: HTTPRefusal.malformed("a line ends without CR")) {
                _ = try reader.next(Array(text.utf8).span.bytes, &offset)
            }
        }
    }
}
