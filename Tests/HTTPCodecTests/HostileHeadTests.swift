// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import HTTPCodec
import MeshTesting
import Testing

@Suite("Heads that two readers could read differently")
struct HostileHeadTests {
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

    private static func field(_ name: String, _ line: String) -> Case {
        Case(name, "GET / HTTP/1.1\r\nHost: a\r\n\(line)\r\n\r\n")
    }

    static let cases = [
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
        Case("no host", "GET / HTTP/1.1\r\nX: a\r\n\r\n"),
        Case("first field folded", "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
        Case("empty line first", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), Case("nothing but the end", "\r\n\r\n"),
        Case("two blanks", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("tab as blank", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("blank at the end", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
        Case("blank in front", " GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("blank in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("no target", "GET HTTP/1.1\r\nHost: a\r\n\r\n"), Case("empty method", " / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("a method that is no token", "G{}T / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("raw UTF-8 in the target", "GET /ü HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("HTTP/0.9", "GET /\r\n\r\n"), Case("HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505),
        Case("HTTP/2.0", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        Case("http/1.1", "GET / http/1.1\r\nHost: a\r\n\r\n", 505),
        Case("HTTP/01.1", "GET / HTTP/01.1\r\nHost: a\r\n\r\n", 505),
    ]

    private static func error(of bytes: [UInt8]) -> HeadError? {
        do throws(HeadError) {
            _ = try RequestHeadParser().parse(bytes)
            return nil
        } catch {
            return error
        }
    }

    @Test("are refused with a sentence", arguments: cases)
    func refused(_ item: Case) {
        let error = Self.error(of: Array(item.text.utf8))
        #expect(error?.status == item.status)
        #expect(error.map { !$0.sentence.isEmpty && !$0.sentence.contains("\n") } ?? false)
    }

    @Test("a line end that will never be one is refused before the head is whole")
    func early() {
        for text in ["GET / HTTP/1.1\n", "GET /\rx", "GET / HTTP/1.1\r\nA: b\0"] {
            #expect(Self.error(of: Array(text.utf8))?.status == 400)
        }
    }

    @Test("whatever the bytes, an answer that was given stays, and what is read holds no line end")
    func mutations() throws {
        let seed: UInt64 = 2_718
        var random = SeededRandom(seed: seed)
        let interesting = Array("\r\n\0 \t:\u{7f}".utf8) + [0x80, 0xff]
        for round in 0..<3000 {
            var bytes = Array("PUT /log-level HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n".utf8)
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                let byte = interesting.randomElement(using: &random) ?? 0
                if Bool.random(using: &random) { bytes[index] = byte } else { bytes.insert(byte, at: index) }
            }
            var isDecided = false
            for count in 0...bytes.count {
                let prefix = Array(bytes.prefix(count))
                if let error = Self.error(of: prefix) {
                    isDecided = true
                    try #require(!error.sentence.isEmpty, "seed \(seed), round \(round)")
                    continue
                }
                let result = try RequestHeadParser().parse(prefix)
                try #require(result != nil || !isDecided, "seed \(seed), round \(round), \(count) bytes")
                guard let (head, length) = result else { continue }
                isDecided = true
                let texts = [head.method, head.target] + head.fields.flatMap { [$0.name, $0.value] }
                let isClean = texts.allSatisfy { text in text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f || $0 == 9 } }
                try #require(isClean && length <= count, "seed \(seed), round \(round)")
            }
        }
    }
}
