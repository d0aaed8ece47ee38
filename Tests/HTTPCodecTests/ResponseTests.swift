// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import HTTPCodec
import MeshModel
import Testing

@Suite("Responses")
struct ResponseTests {
    /// Ended by their own framing.
    static let framed = [
        StreamCase(
            "counted", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: x\r\n\r\nhello",
            ["head 200 OK length=5 [server: x]", "data hello", "end"]),
        StreamCase("empty", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", ["head 200  length=0", "end"]),
        StreamCase(
            "no blank behind the status", "HTTP/1.1 599\r\nContent-Length: 0\r\n\r\n", ["head 599  length=0", "end"]),
        StreamCase(
            "chunks and trailers",
            "HTTP/1.1 200 Very  fine é\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Sum: 1\r\nSet-Cookie: a\r\n\r\n",
            ["head 200 Very  fine é chunked", "data x", "end [x-sum: 1]"]),
        StreamCase(
            "to HEAD, with a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", ["head 200 OK absent=5", "end"],
            methods: ["HEAD"]),
        StreamCase(
            "to HEAD, with chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", ["head 200 OK", "end"],
            methods: ["HEAD"]),
        StreamCase("204", "HTTP/1.1 204 No Content\r\n\r\n", ["head 204 No Content", "end"]),
        StreamCase(
            "204 of length 0", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", ["head 204 No Content", "end"]),
        StreamCase(
            "304 with a length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
            ["head 304 Not Modified absent=7", "end"]),
        StreamCase(
            "interim heads",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
            ["head 100 Continue", "head 103 Early Hints [link: x]", "head 200 OK length=1", "data x", "end"]),
        StreamCase(
            "three answers in a row",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nHTTP/1.1 204 N\r\n\r\n",
            ["head 200 OK length=1", "data x", "end", "head 200 OK absent=9", "end", "head 204 N", "end"],
            methods: ["GET", "HEAD", "GET"]),
        StreamCase(
            "close", "HTTP/1.1 200 OK\r\nConnection: close, x-a\r\nX-A: 1\r\nContent-Length: 0\r\n\r\n",
            ["head 200 OK length=0 close", "end"]),
        StreamCase(
            "old", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", ["head 200 OK 1.0 length=0 close", "end"]),
        StreamCase(
            "old and kept alive", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
            ["head 200 OK 1.0 length=0", "end"]),
        StreamCase(
            "426", "HTTP/1.1 426 Upgrade Required\r\nConnection: upgrade\r\nUpgrade: x/1\r\nContent-Length: 0\r\n\r\n",
            ["head 426 Upgrade Required length=0 upgrade=x/1", "end"]),
        StreamCase(
            "an upgrade that is only offered",
            "HTTP/1.1 200 OK\r\nConnection: Upgrade\r\nUpgrade: h2,h2c\r\nContent-Length: 0\r\n\r\n",
            ["head 200 OK length=0", "end"]),
    ]

    /// Ended by the connection.
    static let unframed = [
        StreamCase(
            "until close", "HTTP/1.1 200 OK\r\n\r\nhello", ["head 200 OK until-close close", "data hello", "end"]),
        StreamCase("nothing until close", "HTTP/1.0 200 OK\r\n\r\n", ["head 200 OK 1.0 until-close close", "end"]),
        StreamCase(
            "101", "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nHTTP/1.1 200\r\n\r\n",
            ["head 101 Switching tunnel close upgrade=websocket", "data HTTP/1.1 200\r\n\r\n", "end"]),
        StreamCase(
            "2xx to CONNECT", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab",
            ["head 200 OK tunnel close", "data ab", "end"],
            methods: ["CONNECT"]),
    ]

    @Test("are read the same in whatever pieces they come", arguments: framed)
    func read(_ item: StreamCase) {
        for piece in [Int.max, 1, 2, 3, 7] {
            #expect(Reading.responses(item.bytes, item.methods, piece: piece) == item.told, "pieces of \(piece)")
            #expect(Reading.responses(item.bytes, item.methods, piece: piece, isEnded: true) == item.told)
        }
    }

    @Test("end with the connection where nothing else ends them", arguments: unframed)
    func readUnframed(_ item: StreamCase) {
        for piece in [Int.max, 1, 2, 3, 7] {
            #expect(Reading.responses(item.bytes, item.methods, piece: piece, isEnded: true) == item.told)
            #expect(Reading.responses(item.bytes, item.methods, piece: piece) == item.told.dropLast())
        }
    }

    @Test("one that is cut is never whole", arguments: framed)
    func cut(_ item: StreamCase) {
        // Between two answers an end is clean, so only the first is cut.
        let first = item.methods.count == 1 ? item.bytes.count : 39
        for count in 1..<first {
            let told = Reading.responses(Array(item.bytes.prefix(count)), item.methods, isEnded: true)
            #expect(told.last == "refused cut", "\(count) bytes")
        }
        #expect(Reading.responses([], item.methods, isEnded: true).isEmpty)
    }

    @Test("written and read again they are the same", arguments: framed + unframed)
    func again(_ item: StreamCase) throws {
        var reader = ResponseReader(HTTPSettings())
        var methods = item.methods[...]
        var offset = 0
        var method = methods.removeFirst()
        reader.expect(method: method)
        while let event = try reader.next(item.bytes.span.bytes, &offset) {
            switch consume event {
            case .head(var head):
                var written: [UInt8] = []
                HTTPWriter.append(head, to: &written)
                let again = Reading.responses(written, [method])
                if head.reason.isEmpty { head.reason = head.status == 200 ? "OK" : "Unknown" }
                #expect(again.first == Reading.show(head))
            case .data: break
            case .end:
                guard let next = methods.popFirst() else { continue }
                method = next
                reader.expect(method: method)
            }
        }
    }

    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let text: String
        let status: Int

        init(_ name: String, _ text: String, _ status: Int = 400) {
            testDescription = name
            self.text = text
            self.status = status
        }
    }

    private static func field(_ lines: String, status: Int = 200, _ refused: Int = 400) -> Case {
        Case("\(status) \(lines)", "HTTP/1.1 \(status) X\r\n\(lines)\r\n\r\n", refused)
    }

    static let hostile = [
        Case("an empty line first", "\r\nHTTP/1.1 200 OK\r\n\r\n"), Case("no status", "HTTP/1.1\r\n\r\n"),
        Case("two digits", "HTTP/1.1 20\r\n\r\n"), Case("four digits", "HTTP/1.1 2000\r\n\r\n"),
        Case("signed status", "HTTP/1.1 +20 OK\r\n\r\n"), Case("two blanks", "HTTP/1.1  200 OK\r\n\r\n"),
        Case("099", "HTTP/1.1 099 X\r\n\r\n"), Case("600", "HTTP/1.1 600 X\r\n\r\n"),
        Case("tab", "HTTP/1.1\t200 OK\r\n\r\n"),
        Case("HTTP/2.0", "HTTP/2.0 200 OK\r\n\r\n", 505), Case("ICY", "ICY 200 OK abc\r\n\r\n"),
        Case("bare LF", "HTTP/1.1 200 OK\n\n"), Case("bare CR in the reason", "HTTP/1.1 200 O\rK\r\n\r\n"),
        Case("old with chunks", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        field("Content-Length: 1\r\nContent-Length: 2"), field("Content-Length: 1\r\nContent-Length: 1"),
        field("Content-Length: 1, 1"), field("Content-Length: -1"),
        field("Content-Length: 1\r\nTransfer-Encoding: chunked"),
        field("Transfer-Encoding: chunked, chunked"), field("Transfer-Encoding: gzip, chunked", 501),
        field("Transfer-Encoding: gzip"), field("Connection: transfer-encoding"), field(" X: a"), field("X : a"),
        field("Content-Length: 1", status: 204), field("Transfer-Encoding: chunked", status: 204),
        field("Content-Length: 1", status: 100), field("Transfer-Encoding: chunked", status: 101),
        Case("an answer to no request", "HTTP/1.1 204 N\r\n\r\nH"),
    ]

    @Test("that could be read in two ways are refused", arguments: hostile)
    func refused(_ item: Case) {
        let bytes = Array(item.text.utf8)
        for piece in [Int.max, 1, 5] {
            #expect(Reading.responses(bytes, piece: piece).last == "refused \(item.status)", "pieces of \(piece)")
        }
        if item.text.contains("Length: 1\r\nTransfer") {
            #expect(Reading.responses(bytes, ["HEAD"]) == ["refused 400"])
        }
    }
}
