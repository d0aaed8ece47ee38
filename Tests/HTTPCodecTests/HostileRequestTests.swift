// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import HTTPCodec
import MeshModel
import MeshTesting
import Testing

@Suite("Requests that two readers could read differently")
struct HostileRequestTests {
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

    private static func field(_ name: String, _ line: String, _ status: Int = 400) -> Case {
        Case(name, "POST / HTTP/1.1\r\nHost: a\r\n\(line)\r\n\r\n", status)
    }

    private static func host(_ text: String) -> Case { Case("Host \(text)", "GET / HTTP/1.1\r\nHost: \(text)\r\n\r\n") }

    private static func target(_ text: String, method: String = "GET") -> Case {
        Case("\(method) \(text)", "\(method) \(text) HTTP/1.1\r\nHost: a\r\n\r\n")
    }

    private static func chunk(_ name: String, _ body: String, _ status: Int = 400) -> Case {
        Case(name, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\(body)", status)
    }

    static let lines = [
        Case("bare LF ends the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n"),
        Case("bare LF ends a field", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"),
        Case("bare LF ends the head", "GET / HTTP/1.1\r\nHost: a\r\n\n\r\n\r\n"),
        Case("bare CR in the request line", "GET /\rx HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("bare CR before the end of the head", "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"),
        Case("bare CR before the end of a lone request line", "GET / HTTP/1.0\r\r\n\r\n"),
        field("bare CR in a value", "X: a\rb"), field("bare CR behind a value", "X: a\r"),
        field("NUL in a value", "X: a\0b"), field("escape in a value", "X: a\u{1b}[31m"),
        field("DEL in a value", "X: a\u{7f}"), field("NUL in a name", "X\0: a"),
        field("blank before the colon", "Content-Length : 5"), field("tab before the colon", "X\t: 5"),
        field("folded line", "X: a\r\n b"), field("folded by tab", "X: a\r\n\tb"),
        field("no colon", "nonsense"), field("empty name", ": a"), field("brackets in a name", "X[0]: a"),
        field("two hosts", "Host: b"), field("two equal hosts", "host: a"),
        Case("no host", "GET / HTTP/1.1\r\nX: a\r\n\r\n"), Case("an empty host", "GET * HTTP/1.1\r\nHost:\r\n\r\n"),
        Case("first field folded", "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
        Case("two empty lines first", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("nothing but the end", "\r\n\r\n"), Case("a bare LF first", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("two blanks", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("tab as blank", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("blank at the end", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
        Case("blank in front", " GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("blank in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("no target", "GET HTTP/1.1\r\nHost: a\r\n\r\n"), Case("empty method", " / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("a method that is no token", "G{}T / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("HTTP/0.9", "GET /\r\n\r\n"), Case("HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505),
        Case("HTTP/2.0", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        Case("http/1.1", "GET / http/1.1\r\nHost: a\r\n\r\n", 505),
        Case("HTTP/01.1", "GET / HTTP/01.1\r\nHost: a\r\n\r\n", 505),
    ]

    static let targets =
        [
            "/ü", "/#x", "/a#", "a", "a/b", "*", "a:80", "http:/a", "http:a", "http://", "http:///x", "ftp://a/",
            "http://u@a/", "http://a:b@c/", "http://a:80x/", "http://a,b/", "http://[::1/", "http://[v1.x]/", "?x",
            "\\x",
            "http://a\\b/",
        ].map { target($0) }
        + ["/", "*", "a", "a:", "a:0", "a:65536", "u@a:1", "http://a:1/", "a:1/", "[::1]", "a:1:2", ":1"].map {
            target($0, method: "CONNECT")
        } + ["**", "*/", "/*#"].map { target($0, method: "OPTIONS") }
        + [
            "a b", "a,b", "u@a", "a/", "a:b", "a:", "a:0", "a:65536", "a:000080", "a:-1", "[::1", "::1", "[::1]x",
            "[a]", "%61",
            "a?b", "a#b", "a\\b", "<a>", "ü", "[fe80::1%25e]", "[]", ":80",
        ].map { host($0) }

    static let framing = [
        field("both lengths", "Content-Length: 5\r\nTransfer-Encoding: chunked"),
        field("both lengths, the other way", "Transfer-Encoding: chunked\r\nContent-Length: 0"),
        field("two lengths", "Content-Length: 5\r\nContent-Length: 6"),
        field("two equal lengths", "Content-Length: 5\r\nContent-Length: 5"),
        field("a list of lengths", "Content-Length: 5, 5"), field("signed length", "Content-Length: +5"),
        field("negative length", "Content-Length: -5"), field("hexadecimal length", "Content-Length: 0x5"),
        field("empty length", "Content-Length:"), field("blank in a length", "Content-Length: 5 6"),
        field("length beyond 64 bits", "Content-Length: 18446744073709551621"),
        field("length beyond 63 bits", "Content-Length: 9223372036854775808"),
        field("length with a dot", "Content-Length: 5."), field("quoted length", "Content-Length: \"5\""),
        field("two codings", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
        field("chunked twice", "Transfer-Encoding: chunked, chunked"),
        field("chunked not last", "Transfer-Encoding: chunked, gzip"), field("identity", "Transfer-Encoding: identity"),
        field("xchunked", "Transfer-Encoding: xchunked"), field("quoted coding", "Transfer-Encoding: \"chunked\""),
        field("empty coding", "Transfer-Encoding:"), field("vertical tab before", "Transfer-Encoding: \u{b}chunked"),
        field("coding with a parameter", "Transfer-Encoding: chunked;a=b"),
        field("list with a hole", "Transfer-Encoding: , gzip"),
        field("a coding that we do not speak", "Transfer-Encoding: gzip, chunked", 501),
        field("an unknown expectation", "Expect: 200-ok", 417),
        Case("an old message with a coding", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"),
        Case("CONNECT with a length", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n"),
        Case("CONNECT with chunks", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"),
        field("nominated length", "Connection: close, Content-Length"), field("nominated host", "Connection: HOST"),
        field("nominated coding", "Connection: transfer-encoding"),
        field("nominated authorization", "Connection: authorization"), field("nominated cookie", "Connection: cookie"),
        field("nominated forwarding", "Connection: x-forwarded-for"),
        field("nominated identity", "Connection: X-Weft-Peer"),
        field("an option that is no token", "Connection: a b"), field("an upgrade that is no token", "Upgrade: a b"),
        field("a version that is none", "Upgrade: a/"),
    ]

    static let chunks = [
        chunk("empty size", "\r\n"), chunk("signed size", "+1\r\nx"), chunk("negative size", "-1\r\nx"),
        chunk("prefixed size", "0x1\r\nx"), chunk("no hexadecimal digit", "g\r\n"),
        chunk("blank before a size", " 1\r\nx"),
        chunk("blank behind a size", "1 \r\nx"), chunk("17 digits", "00000000000000001\r\nx"),
        chunk("overflow", "10000000000000001\r\nx"), chunk("beyond 63 bits", "8000000000000000\r\nx"),
        chunk("bare LF behind a size", "1\nx\r\n"), chunk("bare CR behind a size", "1\rx\r\n"),
        chunk("chunk too long", "1\r\nxy\r\n"), chunk("chunk too short", "2\r\nx\r\n0\r\n\r\n"),
        chunk("bare LF behind a chunk", "1\r\nx\n0\r\n\r\n"), chunk("CR and more behind a chunk", "1\r\nx\rx0\r\n\r\n"),
        chunk("empty extension", "1;\r\nx"), chunk("extension without value", "1;a=\r\nx"),
        chunk("open quotes", "1;a=\"b\r\nx"), chunk("quoted end of quotes", "1;a=\"b\\\"\r\nx"),
        chunk("line end in quotes", "1;a=\"\n\"\r\nx"), chunk("junk behind an extension", "1;a b\r\nx"),
        chunk("bare LF in an extension", "1;a\nx\r\n0\r\n\r\n"), chunk("NUL in an extension", "1;a=\"\0\"\r\n"),
        chunk("an extension without end", "1;" + String(repeating: "a", count: 1100), 431),
        chunk(
            "many extensions", String(repeating: "1;" + String(repeating: "a", count: 900) + "\r\nx\r\n", count: 80),
            431),
        chunk("folded trailer", "0\r\nX: a\r\n b\r\n\r\n"), chunk("bare LF ends trailers", "0\r\n\n"),
        chunk("trailer without colon", "0\r\nGET / HTTP/1.1\r\n\r\n"),
        chunk("long trailers", "0\r\nx: " + String(repeating: "a", count: 65_536), 431),
        chunk("many trailers", "0\r\n" + String(repeating: "x: a\r\n", count: 129), 431),
    ]

    @Test("are refused", arguments: lines + targets + framing + chunks)
    func refused(_ item: Case) {
        let bytes = Array(item.text.utf8)
        let told = Reading.requests(bytes)
        #expect(told.last == "refused \(item.status)")
        for piece in [1, 5] { #expect(Reading.requests(bytes, piece: piece) == told) }
    }

    @Test("a line end that will never be one is refused before the head is whole")
    func early() {
        for text in ["GET / HTTP/1.1\n", "GET /\rx", "GET / HTTP/1.1\r\nA: b\0"] {
            #expect(Reading.requests(Array(text.utf8)) == ["refused 400"])
        }
    }

    @Test("whatever the bytes, pieces make no difference, and what is read holds no line end")
    func mutations() throws {
        let seed: UInt64 = 2_718
        var random = SeededRandom(seed: seed)
        let interesting = Array("\r\n\0 \t:,;0".utf8) + [0x7f, 0x80, 0xff]
        let good =
            "PUT /log-level HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ninfo\r\n0\r\nA: b\r\n\r\n"
        for round in 0..<5000 {
            var bytes = Array(good.utf8)
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                let byte = interesting.randomElement(using: &random) ?? 0
                if Bool.random(using: &random) { bytes[index] = byte } else { bytes.insert(byte, at: index) }
            }
            let told = Reading.requests(bytes)
            try #require(Reading.requests(bytes, piece: 1) == told, "seed \(seed), round \(round)")
            let heads = told.filter { !$0.hasPrefix("data") }.joined()
            try #require(
                heads.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f || $0 == 9 }, "seed \(seed), round \(round)")
        }
    }

    /// Heads are looked at by words of eight bytes, so that the place within a word must not matter.
    @Test("no byte passes in one place that is refused in another")
    func everyPlace() {
        for place in 0..<20 {
            for byte in UInt8.min...UInt8.max {
                var bytes = Array("GET /abcdefghijklmnopqrst HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
                bytes[5 + place] = byte
                let isGood = byte > 0x20 && byte < 0x7f && byte != UInt8(ascii: "#")
                #expect(Reading.requests(bytes).first?.hasPrefix("head") == isGood, "\(byte) at \(place) of a target")
            }
        }
        for place in 0..<40 {
            for byte in UInt8.min...UInt8.max {
                var bytes = Array("GET / HTTP/1.1\r\nHost: a\r\nx-a: ".utf8)
                let start = bytes.count
                bytes += [UInt8](repeating: UInt8(ascii: "b"), count: 40) + Array("\r\n\r\n".utf8)
                bytes[start + place] = byte
                let isGood = byte >= 0x20 && byte != 0x7f || byte == 9
                #expect(Reading.requests(bytes).first?.hasPrefix("head") == isGood, "\(byte) at \(place) of a value")
            }
        }
    }
}
