// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import MeshTesting
import Testing

@Suite("Numbers as people write them")
struct NumberTests {
    @Test(
        "strictly decimal",
        arguments: [
            ("0", UInt64.max, UInt64?(0)), ("7", 7, 7), ("8", 7, nil), ("18446744073709551615", .max, .max),
            ("18446744073709551616", .max, nil), ("99999999999999999999999", .max, nil), ("", .max, nil),
            ("00", .max, nil),
            ("01", .max, nil), ("-1", .max, nil), ("+1", .max, nil), ("1 ", .max, nil), ("1a", .max, nil),
            ("٣", .max, nil),
        ])
    func decimal(_ text: String, _ limit: UInt64, _ expected: UInt64?) {
        #expect(Decimal.parse(text.utf8, atMost: limit) == expected)
    }

    private func number(_ digits: [UInt8]) -> UInt64? { Hexadecimal.lowerCaseNumber(digits.span.bytes) }

    @Test("hexadecimal")
    func hexadecimal() {
        #expect(Hexadecimal.text(of: [0, 0x0f, 0xa5, 0xff]) == "000fa5ff")
        #expect(Hexadecimal.text(of: []) == "")
        for number in [0, 1, 9, 10, 15, 16, 0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210, UInt64.max] {
            let whole = String(number, radix: 16)
            let padded = String(repeating: "0", count: 16 - whole.count) + whole
            for digits in 0...16 {
                var text: [UInt8] = [0x2d]
                Hexadecimal.append(number, digits: digits, to: &text)
                #expect(String(decoding: text, as: UTF8.self) == "-" + padded.suffix(digits))
            }
        }
        for byte in UInt8.min...UInt8.max {
            // Alone, and at every place of a word and behind it.
            let digit = [UInt8]("0123456789abcdef".utf8).firstIndex(of: byte)
            #expect(number([byte]) == digit.map(UInt64.init))
            for place in 0..<16 {
                var digits = [UInt8](repeating: UInt8(ascii: "0"), count: 16)
                digits[place] = byte
                #expect(number(digits) == digit.map { UInt64($0) << UInt64(4 * (15 - place)) })
                #expect(number(Array(digits[..<12])) == (place < 12 ? number(digits).map { $0 >> 16 } : 0))
            }
        }
        #expect(number([]) == nil && number([UInt8](repeating: UInt8(ascii: "1"), count: 17)) == nil)
        #expect(number(Array("fedcba9876543210".utf8)) == 0xfedc_ba98_7654_3210)
        for byte in UInt8.min...UInt8.max {
            let expected = Character(UnicodeScalar(byte)).isASCII ? Character(UnicodeScalar(byte)).hexDigitValue : nil
            #expect(Hexadecimal.value(of: byte).map(Int.init) == expected)
        }
    }

    @Test("a trace id is 32 digits")
    func trace() {
        #expect(TraceID(bits: 0xab).description == String(repeating: "0", count: 30) + "ab")
        #expect(TraceID(bits: .max).bits == .max)
        var random = SeededRandom(seed: 1)
        #expect(TraceID(using: &random) != TraceID(using: &random))
    }
}
