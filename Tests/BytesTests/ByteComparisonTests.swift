// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Bytes
import Testing

@Suite("Bytes compared with text")
struct ByteComparisonTests {
    @Test("a text equals itself, and no prefix, extension or change of it")
    func comparison() {
        func equals(_ bytes: [UInt8]) -> Bool { bytes.span.bytes.equals("weft/1") }
        func starts(_ bytes: [UInt8]) -> Bool { bytes.span.bytes.starts(with: "weft/1") }
        let name = Array("weft/1".utf8)
        #expect(equals(name) && starts(name))
        for count in 0..<name.count {
            #expect(!equals(Array(name.prefix(count))) && !starts(Array(name.prefix(count))))
            var changed = name
            changed[count] ^= 1
            #expect(!equals(changed) && !starts(changed))
        }
        #expect(!equals(name + [0]))
        #expect(starts(name + [0]))
    }

    @Test("exactly the token characters of RFC 9110 are token characters")
    func tokens() {
        let expected = Set("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)
        for byte in UInt8.min...UInt8.max {
            #expect(byte.isTokenCharacter == expected.contains(byte), "\(byte)")
        }
    }
}
