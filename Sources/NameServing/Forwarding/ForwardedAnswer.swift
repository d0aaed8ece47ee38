// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// What is looked at in a resolver's answer: whether it is one to what was asked. What it says is the client's affair.
enum ForwardedAnswer {
    /// The response code; nil if these bytes are no answer to this question.
    static func code(_ answer: ArraySlice<UInt8>, identifier: UInt16, question: [UInt8]) -> UInt8? {
        let header = Array(answer.prefix(QueryHeader.byteCount))
        guard header.count == QueryHeader.byteCount else { return nil }
        guard header[0] == UInt8(identifier >> 8), header[1] == UInt8(truncatingIfNeeded: identifier) else {
            return nil
        }
        // An answer, to an ordinary question.
        guard header[2] & 0xf8 == 0x80 else { return nil }
        let code = header[3] & 0xf
        let repeated = answer.dropFirst(QueryHeader.byteCount).prefix(question.count)
        if header[4] == 0, header[5] == 1, repeated.elementsEqual(question) { return code }
        // One who could not read the question cannot repeat it.
        let isBare = header[4] == 0 && header[5] == 0 && answer.count == QueryHeader.byteCount
        return isBare && code != 0 ? code : nil
    }

    /// SERVFAIL, NOTIMP, REFUSED: the next resolver may know better.
    static func isNoHelp(_ code: UInt8) -> Bool { code == 2 || code == 4 || code == 5 }

    static func with(_ answer: [UInt8], identifier: UInt16) -> [UInt8] {
        [UInt8(identifier >> 8), UInt8(truncatingIfNeeded: identifier)] + answer.dropFirst(2)
    }
}
