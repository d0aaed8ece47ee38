// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import NameServing
import Testing

@Suite("A question")
struct NameQueryTests {
    private static let options = QuestionRecipe.options()

    struct Good: CustomTestStringConvertible {
        let testDescription: String
        let recipe: QuestionRecipe
        let name: String?
        let datagram: Int?

        init(_ description: String, _ recipe: QuestionRecipe, _ name: String?, datagram: Int? = nil) {
            (testDescription, self.recipe, self.name, self.datagram) = (description, recipe, name, datagram)
        }
    }

    @Test(
        "is read",
        arguments: [
            Good("plain", QuestionRecipe("api"), "api"),
            Good("in mixed case", QuestionRecipe("aPi.DEFAULT.mEsh"), "api.default.mesh"),
            Good("of the root", QuestionRecipe(""), nil),
            Good("with an underscore", QuestionRecipe("_http._tcp.api"), nil),
            Good("with EDNS", QuestionRecipe("a").with { $0.additional = [options] }, "a", datagram: 4096),
            Good(
                "with EDNS and a cookie",
                QuestionRecipe("a").with { $0.additional = [QuestionRecipe.options(data: [0, 10, 0, 2, 7, 7])] }, "a",
                datagram: 4096),
            Good(
                "with EDNS and a signature whose name points back",
                QuestionRecipe("a").with {
                    $0.additional = [options, [0xc0, 12] + big(UInt16(250)) + [0, 255, 0, 0, 0, 0, 0, 1, 9]]
                }, "a", datagram: 4096),
            Good("of 63 bytes a label", QuestionRecipe(long([63, 63, 63, 61])), long([63, 63, 63, 61])),
            Good("of 127 labels", QuestionRecipe(long(Array(repeating: 1, count: 127))), nil),
        ])
    func good(_ example: Good) throws {
        let read = try query(example.recipe)
        #expect(read.header.identifier == 0x1234 && read.type == .ipv4Address && read.recordClass == 1)
        if let name = example.name { #expect(read.name.text == name) }
        #expect(read.options?.datagramByteCount == example.datagram)
        #expect(read.question == example.recipe.question)
    }

    /// A name of labels of these lengths.
    private static func long(_ counts: [Int]) -> String {
        counts.map { String(repeating: "x", count: $0) }.joined(separator: ".")
    }

    @Test("of 255 bytes is the longest")
    func longest() throws {
        #expect(QuestionRecipe.name(Self.long([63, 63, 63, 61])).count == 255)
        #expect(throws: QueryFlaw.self) { try query(QuestionRecipe(Self.long([63, 63, 63, 62]))) }
        #expect(throws: QueryFlaw.self) { try query(QuestionRecipe(Self.long(Array(repeating: 1, count: 128)))) }
    }

    struct Bad: CustomTestStringConvertible {
        let testDescription: String
        let recipe: QuestionRecipe
        let code: ResponseCode?

        init(_ description: String, _ code: ResponseCode?, _ change: (inout QuestionRecipe) -> Void) {
            (testDescription, self.code, recipe) = (description, code, QuestionRecipe().with(change))
        }
    }

    @Test(
        "is refused",
        arguments: [
            Bad("an answer", nil) { $0.flags = 0x8180 },
            Bad("an update", .notImplemented) { $0.flags = 0x2800 },
            Bad("a status", .notImplemented) { $0.flags = 0x1000 },
            Bad("none", .malformed) { $0.counts = [0, 0, 0] },
            Bad("two", .malformed) { $0.counts = [2, 0, 0] },
            Bad("with an answer", .malformed) { $0.counts = [1, 1, 0] },
            Bad("with an authority", .malformed) { $0.counts = [1, 0, 1] },
            Bad("cut", .malformed) { $0.flags = 0x0300 },
            Bad("a pointer to itself", .malformed) { $0.name = [0xc0, 12] },
            Bad("a pointer into the header", .malformed) { $0.name = [0xc0, 0] },
            Bad("a label and a pointer to it", .malformed) { $0.name = [1, 97, 0xc0, 12] },
            Bad("a label of 64 bytes", .malformed) { $0.name = [64] + [UInt8](repeating: 97, count: 64) + [0] },
            Bad("a label of the extended kind", .malformed) { $0.name = [0x41, 0, 0] },
            Bad("two OPT records", .malformed) { $0.additional = [options, options] },
            Bad("an OPT record of a name", .malformed) { $0.additional = [[1, 97] + options] },
            Bad("five records more", .malformed) {
                $0.additional = Array(repeating: [0] + big(UInt16(16)) + [0, 1, 0, 0, 0, 0, 0, 0], count: 5)
            },
            Bad("bytes behind the end", .malformed) {
                $0.recordClass = 1
                $0.additional = []
                $0.name += [0, 1, 0, 1, 0]
            },
            Bad("an OPT record longer than the message", .malformed) {
                $0.additional = [[0] + big(UInt16(41)) + [16, 0, 0, 0, 0, 0, 0, 9]]
            },
        ])
    func bad(_ example: Bad) {
        #expect {
            try query(example.recipe)
        } throws: { error in
            switch error as? QueryFlaw {
            case .unanswerable: example.code == nil
            case .refused(let header, let code): header.identifier == 0x1234 && code == example.code
            default: false
            }
        }
    }

    @Test("in an unknown version of EDNS is known, so that it can be told so")
    func version() {
        let recipe = QuestionRecipe("api").with { $0.additional = [QuestionRecipe.options(rest: 0x0001_8000)] }
        #expect {
            try query(recipe)
        } throws: { error in
            guard case .refusedVersion(let read)? = error as? QueryFlaw else { return false }
            return read.name.text == "api" && read.options?.wantsProof == true
        }
    }

    @Test("that ends early is refused at every length, and answered from the header on")
    func prefixes() throws {
        let whole = QuestionRecipe().with { $0.additional = [QuestionRecipe.options(data: [0, 10, 0, 1, 7])] }.bytes
        _ = try NameQuery(whole.span.bytes)
        for count in 0..<whole.count {
            let part = Array(whole.prefix(count))
            #expect {
                try NameQuery(part.span.bytes)
            } throws: { error in
                switch error as? QueryFlaw {
                case .unanswerable: count < QueryHeader.byteCount
                case .refused(_, .malformed): count >= QueryHeader.byteCount
                default: false
                }
            }
        }
    }
}
