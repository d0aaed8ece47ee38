// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import CommandLine
import MeshModel
import Testing

/// A program with an option of each kind.
let sampleProgram = ProgramSyntax(
    "sample", "does nothing",
    commands: [
        CommandSyntax(
            "paint", "paints a wall",
            options: [
                .value("--colour", "COLOUR", "which colour"), .list("--walls", "WALLS", "which walls"),
                .flag("--dry-run", "only say so"),
            ],
            examples: ["sample paint --colour red"]),
        CommandSyntax("paste", "pastes it back", options: [], examples: ["sample paste"]),
    ],
    exitCodes: [(0, "done"), (2, "used wrongly")])

@Suite("A command line as it is read")
struct ParseTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        /// What is read: option by option, its values in the order given.
        let expected: [String: [String]]

        init(_ line: String, _ expected: [String: [String]]) {
            testDescription = line
            self.expected = expected
        }

        var words: [String] { testDescription.split(separator: " ", omittingEmptySubsequences: false).map(String.init) }
    }

    private static func run(_ words: [String]) throws -> (name: String, arguments: Arguments)? {
        guard case .run(let command, let arguments) = try sampleProgram.parse(words) else { return nil }
        return (command.name, arguments)
    }

    @Test(
        "options and their values",
        arguments: [
            Case("paint", [:]),
            Case("paint --colour red", ["--colour": ["red"]]), Case("paint --colour=red", ["--colour": ["red"]]),
            Case("paint --colour=a=b", ["--colour": ["a=b"]]), Case("paint --colour=", ["--colour": [""]]),
            Case("paint --colour -1", ["--colour": ["-1"]]), Case("paint --colour --red", ["--colour": ["--red"]]),
            Case("paint --dry-run --colour red", ["--colour": ["red"], "--dry-run": [""]]),
            Case("paint --walls a,b --walls c", ["--walls": ["a", "b", "c"]]),
            Case("paint --walls=a,,b,", ["--walls": ["a", "", "b", ""]]), Case("paint --walls=", ["--walls": [""]]),
        ])
    func options(_ item: Case) throws {
        let (name, arguments) = try #require(try Self.run(item.words))
        #expect(name == "paint")
        for option in sampleProgram.commands[0].options.map(\.name) {
            #expect(arguments.isGiven(option) == (item.expected[option] != nil), "\(option)")
            if option == "--walls" {
                #expect(arguments.list(option) == item.expected[option])
            } else {
                #expect(arguments.value(option) == item.expected[option]?.first)
            }
        }
    }

    @Test("blanks around the values of a list do not count")
    func blanks() throws {
        let (_, arguments) = try #require(try Self.run(["paint", "--walls", " a , b c ,"]))
        #expect(arguments.list("--walls") == ["a", "b c", ""])
    }

    struct Misuse: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let problems: [String]

        init(_ line: String, _ problems: String...) {
            testDescription = line
            self.problems = problems
        }
    }

    @Test(
        "everything wrong is told at once, with what was meant",
        arguments: [
            Misuse("pant", "WEFT1001 `pant` is not a command of sample; did you mean `paint`?"),
            Misuse("elephant", "WEFT1001 `elephant` is not a command of sample; the commands are paint, paste"),
            Misuse("--colour red", "WEFT1001 `--colour` is not a command of sample; the commands are paint, paste"),
            Misuse("help pant", "WEFT1001 `pant` is not a command of sample; did you mean `paint`?"),
            Misuse(
                "paint --color red", "WEFT1001 --color: is not an option of `sample paint`; did you mean `--colour`?"),
            Misuse(
                "paint --elephant",
                "WEFT1001 --elephant: is not an option of `sample paint`; `sample paint --help` lists them"),
            Misuse("paint wall", "WEFT1001 `wall` is not expected here; `sample paint --help` tells what is"),
            Misuse(
                "paste --colour red",
                "WEFT1001 --colour: is not an option of `sample paste`; `sample paste --help` lists them"),
            Misuse("paint --colour", "WEFT1002 --colour: has no value; write `--colour COLOUR`"),
            Misuse("paint --colour --dry-run", "WEFT1002 --colour: has no value; write `--colour COLOUR`"),
            Misuse("paint --dry-run=yes", "WEFT1003 --dry-run: takes no value; write `--dry-run` alone"),
            Misuse("paint --colour a --colour b", "WEFT1008 --colour: given twice; give it once"),
            Misuse("paint --dry-run --dry-run", "WEFT1008 --dry-run: given twice; give it once"),
            Misuse(
                "paint --color a --walls b wall --colour",
                "WEFT1001 --color: is not an option of `sample paint`; did you mean `--colour`?",
                "WEFT1001 `wall` is not expected here; `sample paint --help` tells what is",
                "WEFT1002 --colour: has no value; write `--colour COLOUR`"),
        ])
    func misuse(_ item: Misuse) {
        var found: [String] = []
        do throws(Problems) {
            _ = try sampleProgram.parse(item.testDescription.split(separator: " ").map(String.init))
        } catch {
            found = error.all.map(\.description)
        }
        #expect(found == item.problems)
    }

    @Test("help and version, wherever they stand", arguments: ["", "help", "--help", "-h"])
    func programHelp(_ line: String) throws {
        #expect(try sampleProgram.parse(line.split(separator: " ").map(String.init)) == .help(sampleProgram.help))
    }

    @Test(
        "help of one command, whatever else is wrong",
        arguments: ["help paint", "paint --help", "paint -h", "paint --nonsense --help", "paint --colour --help"])
    func commandHelp(_ line: String) throws {
        let help = sampleProgram.help(for: sampleProgram.commands[0])
        #expect(try sampleProgram.parse(line.split(separator: " ").map(String.init)) == .help(help))
    }

    @Test("the version", arguments: ["version", "--version"])
    func version(_ word: String) throws {
        #expect(try sampleProgram.parse([word]) == .version)
    }
}
