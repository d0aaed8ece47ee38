// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshModel
import MeshTesting
import ResourceDocuments
import Testing

@Suite("YAML that means harm")
struct HostileYAMLTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let text: String
        let code: ErrorCode

        init(_ name: String, _ code: ErrorCode, _ text: String) {
            testDescription = name
            self.text = text
            self.code = code
        }
    }

    @Test(
        "is refused with one problem that names the place",
        arguments: [
            Case("an anchor", .unsupportedYAML, "kind: &a Proxy"),
            Case("an anchor on a list", .unsupportedYAML, "a: &a [1]"),
            Case("an anchor on a mapping", .unsupportedYAML, "&a {b: c}"), Case("an alias", .unsupportedYAML, "a: *b"),
            Case("an alias as a key", .unsupportedYAML, "*b : c"), Case("a merge key", .unsupportedYAML, "<<: {a: b}"),
            Case("a tag", .unsupportedYAML, "a: !!int 5"), Case("a tag of one's own", .unsupportedYAML, "a: !x y"),
            Case("a tag on a mapping", .unsupportedYAML, "!!map {a: b}"),
            Case("a binary", .unsupportedYAML, "a: !!binary aGk="),
            Case("a key twice", .duplicateField, "a: 1\nb: 2\na: 3"),
            Case("a key twice in JSON", .duplicateField, #"{"a":1,"a":2}"#),
            Case("a key twice, once quoted", .duplicateField, "a: 1\n\"a\": 2"),
            Case("a list as a key", .wrongType, "[a]: b"),
            Case("a mapping as a key", .wrongType, "{a: b}: c"), Case("an unclosed list", .notYAML, "a: [1"),
            Case("an unclosed mapping", .notYAML, "{a: b"), Case("an unclosed quote", .notYAML, "a: \"b"),
            Case("a tab as indentation", .notYAML, "a:\n\tb: c"), Case("a NUL", .notYAML, "a: b\0c"),
            Case("an escape character", .notYAML, "a: \u{1b}[31m"), Case("a wrong escape", .notYAML, #"a: "\q""#),
            Case("half a surrogate", .notYAML, #"a: "\ud800""#),
            Case("an unknown version", .notYAML, "%YAML 9.9\n---\na: b"),
            Case("an unknown tag handle", .notYAML, "a: !x!y z"),
            Case("wrong indentation", .notYAML, "a:\n  b: 1\n c: 2"),
            Case("deep lists", .badDocument, String(repeating: "[", count: 100_000)),
            Case("deep mappings", .badDocument, String(repeating: "{a: ", count: 100_000)),
            Case("deep blocks", .badDocument, (0..<2000).map { String(repeating: " ", count: $0) + "a:\n" }.joined()),
            Case("deep sequences", .badDocument, String(repeating: "- ", count: 10_000) + "a"),
            Case("more than 16 MiB", .badDocument, "a: " + String(repeating: "x", count: 16 << 20)),
        ])
    func refused(_ item: Case) {
        let found = read(item.text)
        #expect(found.codes == [item.code])
        #expect(found.problems.allSatisfy { $0.hasPrefix("\(item.code.label) f") && !$0.contains("\n") })
    }

    @Test(
        "bytes that are no UTF-8",
        arguments: [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82]])
    func encoding(_ bytes: [UInt8]) {
        #expect(read(Array("a: ".utf8) + bytes).codes == [.notYAML])
        // UTF-16 is not taken for something else.
        #expect(!read([0xff, 0xfe, 0x61, 0]).codes.isEmpty)
    }

    @Test("the depth that is allowed is the one that is promised", arguments: [(61, true), (62, false)])
    func depth(_ levels: Int, _ isGood: Bool) {
        // `metadata.labels.x` stands on the third level.
        let list = String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
        let codes = read("kind: Proxy\nmetadata: {name: web, labels: {x: \(list)}}\nspec: {}").codes
        #expect(codes == [isGood ? .wrongType : .badDocument])
    }

    @Test("a huge word is told by its beginning, and costs no more than reading it")
    func hugeWord() {
        let found = read(
            leastProxy.replacing("{}", with: "{dataThreads: " + String(repeating: "9", count: 4 << 20) + "}"))
        #expect(found.codes == [.badValue])
        #expect(found.problems.allSatisfy { $0.utf8.count < 400 })
        let key = read(leastProxy.replacing("{}", with: "{" + String(repeating: "k", count: 500) + ": 1}"))
        #expect(key.codes == [.unknownField])
    }

    @Test("a NUL that YAML can write stays out of paths and names")
    func writtenNUL() {
        for spec in [
            #"{stateDirectory: "/a\0b"}"#, #"{log: {level: "info\0"}}"#,
            #"{capture: {inbound: {skipInterfaces: ["e\0"]}}}"#,
        ] {
            #expect(read(leastProxy.replacing("{}", with: spec)).codes == [.badValue], "\(spec)")
        }
    }

    @Test("what is told of a hostile value stays on one line and without controls")
    func reports() {
        for value in [#""a\nb""#, #""\e[31m""#, #""\x9b""#, #""\u2028""#] {
            let problems = read(leastProxy.replacing("{}", with: "{dataThreads: \(value), \(value): 1}")).problems
            #expect(problems.count == 2)
            let isClean = problems.joined().unicodeScalars.allSatisfy { scalar in
                ![.control, .lineSeparator, .paragraphSeparator].contains(scalar.properties.generalCategory)
            }
            #expect(isClean, "\(value)")
        }
    }

    @Test("many documents and many problems are read in time", .timeLimit(.minutes(1)))
    func many() {
        let found = read(leastProxy + String(repeating: "---\nkind: Workload\nspec: {}\n", count: 20_000))
        #expect(found.codes.count == 40_000)
    }

    @Test("a changed file is read or refused, never more than that")
    func mutations() throws {
        let path = URL(fileURLWithPath: #filePath).pathComponents.dropLast(3) + ["docs", "configuration.md"]
        let page = try String(contentsOfFile: NSString.path(withComponents: Array(path)), encoding: .utf8)
        let example = Array(
            (page.components(separatedBy: "```yaml\n")[1].components(separatedBy: "```").first ?? "").utf8)
        let seed: UInt64 = 161_803
        var random = SeededRandom(seed: seed)
        let interesting = Array("\0\t\n:{}[],&*!|>'\"%@`-? #".utf8) + [0x80, 0xc2, 0xff]
        for round in 0..<1500 {
            var bytes = example
            for _ in 0..<Int.random(in: 1...5, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                let byte = interesting.randomElement(using: &random) ?? 0
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[index] = byte
                case 1: bytes.insert(byte, at: index)
                default: bytes.removeSubrange(index..<min(bytes.count, index + Int.random(in: 1...40, using: &random)))
                }
            }
            if case .failure(let problems) = read(bytes) {
                try #require(!problems.all.isEmpty, "seed \(seed), round \(round)")
            }
        }
    }
}
