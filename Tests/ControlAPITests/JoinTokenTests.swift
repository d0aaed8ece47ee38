// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ControlAPI
import Testing

@Suite("Join tokens")
struct JoinTokenTests {
    private let token = JoinToken(
        id: "0123456789abcdef", secret: (0..<32).map { $0 }, rootDigest: Array(repeating: 0xfb, count: 32),
        addresses: ["10.0.0.1:15013", "[fd00::1]:15013"])

    @Test("a token is one word, and is read again as the same")
    func roundTrip() throws {
        #expect(token.text.hasPrefix("weft1.0123456789abcdef."))
        #expect(!token.text.contains { "+/= \n".contains($0) })
        #expect(JoinToken(token.text) == token)
        #expect(!"\(token)".contains(token.text.split(separator: ".")[2]), "the secret is not shown")
    }

    @Test("no part of a token is a token")
    func prefixes() {
        for length in 0..<token.text.count - 2 { #expect(JoinToken(token.text.prefix(length))?.text != token.text) }
        for text in ["", "weft1", "weft1....", "weft2" + token.text.dropFirst(5), token.text + ".a", "weft1.x.y.z.w"] {
            #expect(JoinToken(text) == nil, "\(text)")
        }
    }
}
