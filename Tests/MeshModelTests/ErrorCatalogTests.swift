// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import Testing

@Suite("The catalogue of errors")
struct ErrorCatalogTests {
    @Test("every code has one word, a sentence and a remedy", arguments: ErrorCode.allCases)
    func entries(_ code: ErrorCode) {
        let words = code.name.split(separator: "-", omittingEmptySubsequences: false)
        #expect(words.allSatisfy { !$0.isEmpty && $0.allSatisfy { $0.isASCII && ($0.isLowercase || $0.isNumber) } })
        for sentence in [code.meaning, code.remedy] {
            #expect(sentence.hasSuffix(".") && sentence.count > 8)
            #expect(sentence.first.map { !$0.isLowercase } ?? false)
            #expect(!sentence.contains("\n") && !sentence.contains("  "))
        }
        #expect(code.label == "WEFT\(code.rawValue)" && code.label.count == 8)
        #expect((1...7).contains(code.rawValue / 1000))
    }

    @Test("no word stands for two codes, and no sentence either")
    func unique() {
        #expect(Set(ErrorCode.allCases.map(\.name)).count == ErrorCode.allCases.count)
        #expect(Set(ErrorCode.allCases.map(\.meaning)).count == ErrorCode.allCases.count)
        #expect(ErrorCode.allCases.map(\.rawValue) == ErrorCode.allCases.map(\.rawValue).sorted())
    }

    @Test("codes that people have learned keep their number")
    func stable() {
        for (code, number) in [
            (ErrorCode.unknownOption, 1001), (.proxyUserMissing, 2001), (.completed, 3000), (.connectRefused, 3003),
            (.plaintextRefused, 3020), (.unknownDestination, 3040), (.internalFault, 3099),
            (.identityFileUnreadable, 4001), (.expired, 4103), (.wouldOverwrite, 5001), (.listenFailed, 6001),
        ] {
            #expect(Int(code.rawValue) == number)
        }
    }

    @Test(
        "a problem is one line: code, place, message, remedy",
        arguments: [
            (Problem(.badValue, "it is bad"), "WEFT1003 it is bad"),
            (Problem(.badValue, at: "spec.x (f:1:2)", "it is bad"), "WEFT1003 spec.x (f:1:2): it is bad"),
            (Problem(.badValue, at: "x", "it is bad", remedy: "mend it"), "WEFT1003 x: it is bad; mend it"),
        ])
    func problems(_ problem: Problem, _ expected: String) {
        #expect(problem.description == expected)
        #expect(Problems([problem, problem]).description == "\(expected)\n\(expected)")
    }

    @Test(
        "what was found is shown, but commands no terminal and ends no line",
        arguments: [
            ("plain", "plain"), ("a\nb\r", "a\\u{a}b\\u{d}"), ("\u{1b}[2J", "\\u{1b}[2J"), ("\u{9b}31m", "\\u{9b}31m"),
            ("\u{2028}\u{2029}\u{85}", "\\u{2028}\\u{2029}\\u{85}"), ("\0\u{7f}", "\\u{0}\\u{7f}"),
            ("größer 🧵", "größer 🧵"),
        ])
    func printable(_ text: String, _ expected: String) {
        #expect(text.printable == expected)
        #expect(Problem(.badValue, "`\(text)`").description == "WEFT1003 `\(expected)`")
    }

    @Test("no problems are no error")
    func none() async {
        await #expect(processExitsWith: .failure) { _ = Problems([]) }
    }

    @Test(
        "a misspelt word finds the one that was meant, if it is near enough",
        arguments: [
            ("proxi", "Proxy"), ("porxy", "Proxy"), ("Workloads", "Workload"), ("servce", "Service"), ("mesh", "Mesh"),
            ("trsut", "Trust"), ("elephant", nil), ("", nil), ("x", nil), ("PROXY", "Proxy"),
        ])
    func spelling(_ word: String, _ expected: String?) {
        #expect(Spelling.nearest(to: word, among: ["Proxy", "Mesh", "Workload", "Service", "Trust"]) == expected)
    }

    @Test("a word of any length costs little")
    func longWords() {
        let word = String(repeating: "ab", count: 500_000)
        #expect(Spelling.nearest(to: word, among: ["Proxy", String(repeating: "ab", count: 400)]) != "Proxy")
    }
}
