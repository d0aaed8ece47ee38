// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import CommandLine
import MeshModel
import Testing

@Suite("The words after --")
struct TrailingWordsTests {
    private static let program = ProgramSyntax(
        "sample", "does nothing",
        commands: [
            CommandSyntax(
                "hold", "holds a command back", options: [.flag("--ready", "until it is ready")], trailing: "COMMAND",
                examples: ["sample hold -- true"]),
            CommandSyntax("paste", "pastes it back", options: [], examples: ["sample paste"]),
        ],
        exitCodes: [(0, "done")])

    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let trailing: [String]

        init(_ line: String, _ trailing: String...) {
            testDescription = line
            self.trailing = trailing
        }
    }

    private static func parse(_ line: String) throws(Problems) -> Invocation {
        try program.parse(line.split(separator: " ").map(String.init))
    }

    @Test(
        "they are somebody else's: neither options nor help nor another -- are looked for",
        arguments: [
            Case("hold"), Case("hold --ready"), Case("hold -- true", "true"),
            Case("hold --ready -- app --ready --port 1", "app", "--ready", "--port", "1"),
            Case("hold -- app --help -h", "app", "--help", "-h"), Case("hold -- app -- -x", "app", "--", "-x"),
        ])
    func untouched(_ item: Case) throws {
        guard case .run(let command, let arguments) = try Self.parse(item.testDescription) else {
            Issue.record("it runs nothing")
            return
        }
        #expect(command.name == "hold")
        #expect(arguments.trailing == item.trailing)
        #expect(arguments.isGiven("--ready") == item.testDescription.hasPrefix("hold --ready"))
    }

    @Test("help before them is help, and says that they may stand there")
    func help() throws {
        let help = Self.program.help(for: Self.program.commands[0])
        #expect(try Self.parse("hold --help -- true") == .help(help))
        #expect(help.contains("sample hold [OPTIONS] [-- COMMAND]\n"))
        #expect(!Self.program.help(for: Self.program.commands[1]).contains("[--"))
    }

    @Test(
        "none where some must be, and some where none may be",
        arguments: [("hold --", "WEFT1002 --: is followed by no COMMAND"), ("paste -- true", "WEFT1001 --: is not an")])
    func misuse(_ line: String, _ expected: String) {
        #expect {
            _ = try Self.parse(line)
        } throws: {
            (($0 as? Problems)?.all.first?.description ?? "").hasPrefix(expected)
        }
    }
}
