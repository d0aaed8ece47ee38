// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Patterns
import Testing

@Suite("Regular expressions")
struct PatternTests {
    struct Case: CustomTestStringConvertible {
        let pattern: String
        let subject: String
        let verdict: Pattern.Verdict

        init(_ pattern: String, _ subject: String, _ verdict: Pattern.Verdict) {
            self.pattern = pattern
            self.subject = subject
            self.verdict = verdict
        }

        var testDescription: String { "\(pattern) on \(subject.prefix(20))" }
    }

    @Test(
        "they match the whole text or nothing",
        arguments: [
            Case("/a+", "/aaa", .match), Case("/a+", "/aaab", .noMatch), Case("/a+", "x/aaa", .noMatch),
            Case("/a$", "/a\n", .noMatch), Case("a|ab", "ab", .match), Case("", "", .match),
            Case("/(v[12])/.*", "/v2/x", .match),
        ])
    func wholeText(_ example: Case) throws {
        #expect(try Pattern(example.pattern).judge(example.subject) == example.verdict)
    }

    @Test("one that would take for ever is given up")
    func tooCostly() throws {
        let text = String(repeating: "a", count: 40) + "b"
        #expect(try Pattern("(a*)*(a*)*(a*)*c").judge(text) != .match)
        #expect(try Pattern("(?:(?:a|aa)+)+$").judge(text) == .tooCostly)
    }

    @Test("a mistake says where it is and what")
    func mistakes() {
        #expect(throws: Pattern.SyntaxError(offset: 4, reason: "missing closing parenthesis")) {
            try Pattern("(abc")
        }
        #expect(throws: Pattern.SyntaxError.self) { try Pattern(String(repeating: "a", count: 5000)) }
    }
}
