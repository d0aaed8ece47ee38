// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import HTTPCodec
import MeshModel
import Testing

@Suite("Limits of HTTP messages")
struct HTTPLimitTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let text: String
        let refusal: HTTPRefusal?

        init(_ name: String, _ text: String, _ refusal: HTTPRefusal?) {
            testDescription = name
            self.text = text
            self.refusal = refusal
        }
    }

    private static let settings: HTTPSettings = {
        var settings = HTTPSettings()
        settings.headBytes = 200
        settings.fieldCount = 4
        settings.targetBytes = 50
        return settings
    }()

    private static func padded(to count: Int) -> String {
        let (start, end) = ("GET / HTTP/1.0\r\nA: ", "\r\n\r\n")
        return start + String(repeating: "x", count: count - start.utf8.count - end.utf8.count) + end
    }

    private static func beginning(_ count: Int) -> String {
        String(decoding: Array(padded(to: 300).utf8.prefix(count)), as: UTF8.self)
    }

    private static func fields(_ count: Int) -> String {
        "GET / HTTP/1.0\r\n" + String(repeating: "A: b\r\n", count: count) + "\r\n"
    }

    private static func target(_ count: Int) -> String { "GET " + String(repeating: "/", count: count) }

    private static let head = HTTPRefusal.tooLarge(.head, seen: nil, limit: 200)

    static let cases = [
        Case("a head of the limit", padded(to: 200), nil), Case("a head beyond it", padded(to: 201), head),
        Case("no end before the limit", beginning(200), nil), Case("no end beyond it", beginning(201), head),
        Case("two heads of the limit", padded(to: 200) + padded(to: 200), nil),
        Case("four fields", fields(4), nil),
        Case("five fields", fields(5), .tooLarge(.fieldCount, seen: nil, limit: 4)),
        Case("a target of 50", target(50) + " HTTP/1.0\r\n\r\n", nil),
        Case("a target of 51", target(51) + " HTTP/1.0\r\n\r\n", .tooLarge(.target, seen: 51, limit: 50)),
        Case("a target without end", target(150), .tooLarge(.target, seen: nil, limit: 50)),
        Case(
            "five options", "GET / HTTP/1.0\r\nConnection: a, b\r\nConnection: c,d,e\r\n\r\n",
            .tooLarge(.connectionOptions, seen: nil, limit: 4)),
    ]

    @Test("hold to the byte, in whatever pieces", arguments: cases)
    func limits(_ item: Case) {
        let bytes = Array(item.text.utf8)
        for piece in [bytes.count, 1, 7] {
            var reader = RequestReader(Self.settings)
            var found: HTTPRefusal?
            do throws(HTTPRefusal) {
                for start in stride(from: 0, to: bytes.count, by: piece) {
                    let chunk = Array(bytes[start..<min(bytes.count, start + piece)])
                    var offset = 0
                    while try reader.next(chunk.span.bytes, &offset) != nil {}
                }
            } catch {
                found = error
            }
            #expect(found == item.refusal, "pieces of \(piece)")
        }
    }

    @Test("are told with the field of the configuration that sets them")
    func sentences() {
        #expect(
            HTTPRefusal.tooLarge(.target, seen: 51, limit: 50).sentence
                == "the target (51) exceeds the limit of 50 (http.targetBytes)")
        #expect(Self.head.sentence == "the head exceeds the limit of 200 (http.headBytes)")
        #expect(HTTPRefusal.tooLarge(.target, seen: nil, limit: 1).status == 414)
        #expect(Self.head.status == 431)
        let all: [HTTPRefusal] = [
            .malformed("x"), Self.head, .versionNotSupported, .unsupportedTransferCoding, .expectationFailed, .cut,
        ]
        #expect(all.map(\.status) == [400, 431, 505, 501, 417, 400])
        #expect(all.allSatisfy { !$0.sentence.isEmpty && !$0.sentence.contains("\n") })
    }

    @Test("settings without bound are no trouble")
    func unbounded() {
        var settings = HTTPSettings()
        (settings.headBytes, settings.targetBytes, settings.fieldCount) = (.max, .max, .max)
        #expect(Reading.requests(Array(Self.fields(500).utf8), settings).last == "end")
        (settings.headBytes, settings.targetBytes, settings.fieldCount) = (0, 0, 0)
        #expect(Reading.requests(Array(Self.fields(1).utf8), settings) == ["refused 431"])
    }
}
