// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Detection
import MeshModel
import MeshTesting
import Testing

@Suite("What the first bytes speak")
struct FirstBytesTests {
    /// What a client sends, and after how many bytes of it that is known.
    struct Case: CustomTestStringConvertible, Sendable {
        let text: String
        let verdict: DetectedProtocol
        let decidedAt: Int

        init(_ text: String, _ verdict: DetectedProtocol, at decidedAt: Int? = nil) {
            self.text = text
            self.verdict = verdict
            self.decidedAt = decidedAt ?? text.utf8.count
        }

        var testDescription: String { "\(text.prefix(40).debugDescription) is \(verdict.rawValue)" }
    }

    static let cases = [
        Case("GET / HTTP/1.1\r\n", .http1), Case("GET / HTTP/1.0\r\n", .http1),
        Case("GET / HTTP/1.1\r\nHost: a\r\n\r\n", .http1, at: 16),
        Case("POST /a?b=c%20d HTTP/1.1\r\n", .http1), Case("PUT /x HTTP/1.1\r\n", .http1),
        Case("PATCH /x HTTP/1.1\r\n", .http1), Case("PROPFIND /x HTTP/1.1\r\n", .http1),
        Case("P / HTTP/1.1\r\n", .http1), Case("PR / HTTP/1.1\r\n", .http1), Case("PRIX / HTTP/1.1\r\n", .http1),
        Case("OPTIONS * HTTP/1.1\r\n", .http1), Case("CONNECT a:443 HTTP/1.1\r\n", .http1),
        Case("M-SEARCH * HTTP/1.1\r\n", .http1), Case("GET http://a/ HTTP/1.1\r\n", .http1),
        Case("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .http2),
        Case("PRI * HTTP/1.1\r\n", .opaque, at: 12), Case("PRI /x HTTP/1.1\r\n", .opaque, at: 5),
        Case("PRI * HTTP/2.0\r\n\r\nSX", .opaque, at: 20),
        Case("get key\r\n", .opaque, at: 8), Case("HELO mail.example\r\n", .opaque, at: 18),
        Case("SSH-2.0-OpenSSH_9.2\r\n", .opaque, at: 20), Case("PING\r\n", .opaque, at: 5),
        Case("*1\r\n$4\r\nPING\r\n", .opaque, at: 3), Case("GET  / HTTP/1.1\r\n", .opaque, at: 5),
        Case("GET / HTTP/1.1\n", .opaque, at: 15), Case("GET / HTTP/1.2\r\n", .opaque, at: 14),
        Case("GET / HTTP/3\r\n", .opaque, at: 12), Case("GET / http/1.1\r\n", .opaque, at: 7),
        Case("GET /\tHTTP/1.1\r\n", .opaque, at: 6), Case("GET /a b HTTP/1.1\r\n", .opaque, at: 8),
        Case("\r\nGET / HTTP/1.1\r\n", .opaque, at: 1), Case("\0\0\0\u{8}", .opaque, at: 1),
        Case(String(repeating: "A", count: 33) + " / HTTP/1.1\r\n", .opaque, at: 33),
        Case(String(repeating: "A", count: 32) + " / HTTP/1.1\r\n", .http1),
        Case("GET /" + String(repeating: "a", count: 8000) + " HTTP/1.1\r\n", .http1),
        Case("GET /" + String(repeating: "a", count: 20_000), .opaque, at: FirstBytes.requestLineLimit),
        Case("\u{16}\u{3}\u{1}\u{1}\0\u{1}", .tls), Case("\u{16}\u{3}\u{5}", .opaque, at: 3),
        Case("\u{16}\u{2}", .opaque, at: 2), Case("\u{16}\u{3}\u{3}\0\u{5}\u{2}", .opaque, at: 6),
    ]

    @Test("nothing is said before it is certain, and nothing else after", arguments: cases)
    func oneByOne(_ item: Case) {
        let bytes = Array(item.text.utf8)
        var first = FirstBytes()
        for (index, byte) in bytes.enumerated() {
            let piece = [byte]
            let verdict = first.consume(piece.span.bytes)
            guard verdict == (index + 1 >= item.decidedAt ? item.verdict : .unknown), verdict == first.verdict else {
                Issue.record("\(verdict) after \(index + 1) bytes")
                return
            }
        }
        for later in ["GET / HTTP/1.1\r\n", "\u{16}\u{3}\u{1}", "\0"] {
            let piece = Array(later.utf8)
            #expect(first.consume(piece.span.bytes) == item.verdict)
        }
    }

    @Test("the pieces that bytes come in do not matter", arguments: cases)
    func pieces(_ item: Case) {
        let seed: UInt64 = 99
        var random = SeededRandom(seed: seed)
        for round in 0..<20 {
            var rest = Array(item.text.utf8)[...]
            var first = FirstBytes()
            while !rest.isEmpty {
                let piece = Array(rest.prefix(Int.random(in: 0...max(1, item.text.utf8.count / 3), using: &random)))
                rest = rest.dropFirst(piece.count)
                _ = first.consume(piece.span.bytes)
            }
            #expect(first.verdict == item.verdict, "seed \(seed), round \(round)")
        }
    }

    @Test("a browser's and our own ClientHello are TLS at the sixth byte")
    func hello() {
        let bytes = ClientHelloRecipe(serverName: "a.example").bytes
        var first = FirstBytes()
        #expect(first.consume(bytes.span.bytes.extracting(first: 5)) == .unknown)
        #expect(first.consume(bytes.span.bytes.extracting(5..<6)) == .tls)
    }

    @Test("random bytes are judged before long, and the verdict stays")
    func noise() {
        let seed: UInt64 = 31_337
        var random = SeededRandom(seed: seed)
        for round in 0..<2000 {
            var first = FirstBytes()
            var decided = DetectedProtocol.unknown
            for _ in 0..<64 {
                let piece = [Bool.random(using: &random) ? UInt8.random(in: 0...255, using: &random) : 0x41]
                let verdict = first.consume(piece.span.bytes)
                #expect(decided == .unknown || verdict == decided, "seed \(seed), round \(round)")
                decided = verdict
            }
            #expect(decided != .http2 && decided != .serverFirst, "seed \(seed), round \(round)")
        }
    }
}
