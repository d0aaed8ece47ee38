// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Bytes
import Foundation
import MeshTesting
import Testing

@Suite("JSON as it is written")
struct JSONWriterTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let write: @Sendable (inout JSONWriter) -> Void

        init(_ expected: String, _ write: @escaping @Sendable (inout JSONWriter) -> Void) {
            testDescription = expected
            self.write = write
        }
    }

    @Test(
        "values and their nesting",
        arguments: [
            Case("{}") { $0.object { _ in } },
            Case("[]") { $0.array([Int]()) { $0.number($1) } },
            Case("[1,-2,18446744073709551615]") { writer in
                writer.beginArray()
                writer.number(1)
                writer.number(-2)
                writer.number(UInt64.max)
                writer.endArray()
            },
            Case(#"{"a":true,"b":false,"c":null}"#) { writer in
                writer.object { writer in
                    writer.field("a", true)
                    writer.field("b", false)
                    writer.key("c")
                    writer.null()
                }
            },
            Case(#"{"list":[{"n":1},{"n":2}],"after":"x"}"#) { writer in
                writer.object { writer in
                    writer.key("list")
                    writer.array([1, 2]) { writer, number in writer.object { $0.field("n", number) } }
                    writer.field("after", "x")
                }
            },
            Case(#"{"there":"x"}"#) { writer in
                writer.object { writer in
                    writer.field("absent", ifPresent: nil)
                    writer.field("there", ifPresent: "x")
                }
            },
            Case("[0.000,0.001,1.234,-0.500,9223372036854775.807]") { writer in
                writer.array([0, 1, 1234, -500, Int64.max]) { $0.thousandths($1) }
            },
        ])
    func values(_ item: Case) {
        var writer = JSONWriter()
        item.write(&writer)
        #expect(writer.text == item.testDescription)
    }

    @Test(
        "text that could end a line, a string or a terminal's patience is escaped",
        arguments: [
            (#"a"b"#, #""a\"b""#), (#"a\b"#, #""a\\b""#), ("a\nb", #""a\nb""#), ("a\r\nb", #""a\r\nb""#),
            ("\t", #""\t""#), ("\0", #""\u0000""#), ("\u{1b}[31m", #""\u001b[31m""#), ("\u{7f}", #""\u007f""#),
            ("\u{80}\u{9b}\u{9f}", #""\u0080\u009b\u009f""#), ("a\u{2028}b\u{2029}", #""a\u2028b\u2029""#),
            ("Grüße 🧵 \u{a0}", "\"Grüße 🧵 \u{a0}\""), ("", "\"\""),
        ])
    func escaping(_ text: String, _ expected: String) {
        var writer = JSONWriter()
        writer.string(text)
        #expect(writer.text == expected)
    }

    @Test("any text comes back from another reader, and stays on one line")
    func roundTrip() throws {
        let seed: UInt64 = 4_711
        var random = SeededRandom(seed: seed)
        for round in 0..<500 {
            let scalars = (0..<Int.random(in: 0...24, using: &random)).compactMap { _ in
                let limit: UInt32 = Bool.random(using: &random) ? 0xff : 0x10_ffff
                return Unicode.Scalar(UInt32.random(in: 0...limit, using: &random))
            }
            let text = String(String.UnicodeScalarView(scalars))
            var writer = JSONWriter()
            writer.object { $0.field("text", text) }
            let read = try JSONSerialization.jsonObject(with: Data(writer.bytes)) as? [String: String]
            #expect(read?["text"].map { Array($0.unicodeScalars) } == scalars, "seed \(seed), round \(round)")
            let isOneLine = writer.text.unicodeScalars.allSatisfy { !$0.properties.isControlOrLineEnd }
            try #require(isOneLine, "seed \(seed), round \(round)")
        }
    }

    @Test("continues in a buffer that holds something already")
    func continuing() {
        var writer = JSONWriter(into: Array("before ".utf8))
        writer.object { $0.field("a", 1) }
        writer.newline()
        writer.object { _ in }
        #expect(writer.text == "before {\"a\":1}\n{}")
    }
}

extension Unicode.Scalar.Properties {
    fileprivate var isControlOrLineEnd: Bool {
        switch generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }
}
