// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import HTTPCodec

/// A head that is accepted has ended where it says, and no beginning of it is accepted or refused.
enum FuzzHead {
    static func run(_ bytes: [UInt8]) {
        let parser = RequestHeadParser()
        do throws(HeadError) {
            guard let (head, length) = try parser.parse(bytes) else { return }
            precondition((1...bytes.count).contains(length), "A head ends within the bytes.")
            precondition(!head.method.isEmpty && !head.target.isEmpty, "A head says what is wanted.")
            let shown = head.method + head.target + head.fields.map { $0.name + $0.value }.joined()
            precondition(!shown.utf8.contains { $0 == 0 || $0 == 10 || $0 == 13 }, "Nothing carries a line end along.")
            let exact = try parser.parse(Array(bytes.prefix(length)))
            precondition(exact?.length == length, "What follows a head is not looked at.")
            let shorter = try parser.parse(Array(bytes.prefix(length - 1)))
            precondition(shorter == nil, "A head without its end is waited for.")
        } catch {
            precondition(!error.sentence.isEmpty, "A refusal says why.")
        }
    }
}
