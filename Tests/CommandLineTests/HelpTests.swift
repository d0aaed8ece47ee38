// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import CaptureControl
import CommandLine
import MeshModel
import Testing

@testable import ProxyControl

@Suite("What the programs say of themselves")
struct HelpTests {
    struct Entry: CustomTestStringConvertible, Sendable {
        let program: ProgramSyntax
        let command: CommandSyntax

        var testDescription: String { "\(program.name) \(command.name)" }
    }

    static let programs = [InitSyntax.program, ProxyProgram.syntax]
    static let entries = programs.flatMap { program in program.commands.map { Entry(program: program, command: $0) } }

    @Test("every command has a summary, all its options, the exit codes and an example", arguments: entries)
    func commands(_ entry: Entry) {
        let (program, command) = (entry.program, entry.command)
        let help = program.help(for: command)
        #expect(help.hasPrefix("\(program.name) \(command.name): \(command.summary)\n"))
        #expect(!command.summary.isEmpty && !command.summary.hasSuffix("."))
        for option in command.options {
            #expect(help.contains("  \(option.name)"))
            #expect(!option.help.isEmpty && !option.help.hasSuffix("."), "\(option.name)")
        }
        #expect(Set(command.options.map(\.name)).count == command.options.count)
        for (code, meaning) in program.exitCodes { #expect(help.contains("  \(code)    \(meaning)\n")) }
        #expect(!command.examples.isEmpty && help.contains("\nEXAMPLES\n  \(command.examples[0])\n"))
        // What flows is set to the width of a terminal; a summary, a code's meaning and an example are lines of their own.
        let flowing = help.split(separator: "\n").dropFirst().prefix { $0 != "EXIT CODES" }
        for line in flowing { #expect(line.count <= 80, "\(line)") }
    }

    @Test("every example is understood by the program that shows it", arguments: entries)
    func examples(_ entry: Entry) throws {
        for example in entry.command.examples {
            let words = example.split(separator: " ").map(String.init)
            let start = try #require(words.firstIndex(of: entry.program.name), "\(example)")
            let own = words[(start + 1)...].prefix { $0 != "&&" }
            guard case .run(let command, _) = try entry.program.parse(Array(own)) else {
                Issue.record("\(example) runs nothing.")
                continue
            }
            #expect(command.name == entry.command.name)
        }
    }

    @Test("every misspelt option of every command finds the right one", arguments: entries)
    func misspelt(_ entry: Entry) {
        for option in entry.command.options where option.name.count > 6 {
            var letters = Array(option.name)
            letters.swapAt(letters.count - 2, letters.count - 3)
            guard letters != Array(option.name) else { continue }
            do throws(Problems) {
                _ = try entry.program.parse([entry.command.name, String(letters), "x"])
                Issue.record("\(String(letters)) was taken.")
            } catch {
                #expect(error.all.first?.remedy == "did you mean `\(option.name)`?", "\(String(letters))")
            }
        }
    }

    @Test("a program's help lists its commands and exit codes", arguments: programs)
    func programHelp(_ program: ProgramSyntax) {
        for command in program.commands {
            #expect(program.help.contains("  \(command.name) "))
            #expect(program.help.contains(command.summary))
        }
        #expect(program.help.contains("\nUSAGE\n  \(program.name) COMMAND [OPTIONS]\n"))
        #expect(program.help.contains("\nEXAMPLE\n  "))
        #expect(program.exitCodes.map(\.code) == program.exitCodes.map(\.code).sorted())
        #expect(program.exitCodes.contains { $0.code == 2 && $0.meaning.contains("command line") })
    }
}
