// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

extension ProgramSyntax {
    /// Reads a command line without the program's own name. Everything wrong with it is found in one pass.
    package func parse(_ words: [String]) throws(Problems) -> Invocation {
        guard let first = words.first, first != "--help", first != "-h", first != "help" else {
            if words.first == "help", words.count > 1 { return .help(help(for: try command(named: words[1]))) }
            return .help(help)
        }
        if first == "--version" || first == "version" { return .version }
        let command = try command(named: first)
        // What stands behind `--` is for somebody else.
        let own = words.dropFirst().prefix { command.trailing == nil || $0 != "--" }
        if own.contains(where: { $0 == "--help" || $0 == "-h" }) { return .help(help(for: command)) }
        return .run(command, try arguments(of: command, words.dropFirst()))
    }

    private func command(named name: String) throws(Problems) -> CommandSyntax {
        if let command = commands.first(where: { $0.name == name }) { return command }
        let nearest = Spelling.nearest(to: name, among: commands.map(\.name))
        throw Problems(
            Problem(
                .unknownOption, "`\(name)` is not a command of \(self.name)",
                remedy: nearest.map { "did you mean `\($0)`?" }
                    ?? "the commands are \(commands.map(\.name).joined(separator: ", "))"))
    }

    private func arguments(of command: CommandSyntax, _ words: ArraySlice<String>) throws(Problems) -> Arguments {
        var arguments = Arguments()
        var problems: [Problem] = []
        var words = words
        while let word = words.popFirst() {
            if word == "--", let trailing = command.trailing {
                arguments.trailing = Array(words)
                if words.isEmpty {
                    problems.append(Problem(.missingValue, at: "--", "is followed by no \(trailing)"))
                }
                break
            }
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts[0])
            guard let option = command.options.first(where: { $0.name == name }) else {
                problems.append(unknown(name, in: command))
                // Its value, if it has one, is not an option of its own.
                if parts.count == 1, let next = words.first, !next.hasPrefix("-") { words.removeFirst() }
                continue
            }
            if !option.isRepeatable, arguments.isGiven(name) {
                problems.append(Problem(.duplicateField, at: name, "given twice", remedy: "give it once"))
            }
            if option.value == nil {
                if parts.count == 2 {
                    problems.append(Problem(.badValue, at: name, "takes no value", remedy: "write `\(name)` alone"))
                }
                arguments.add(name, "")
            } else if parts.count == 2 {
                arguments.add(name, String(parts[1]))
            } else if let next = words.first, !command.options.contains(where: { $0.name == next }) {
                arguments.add(name, next)
                words.removeFirst()
            } else {
                problems.append(
                    Problem(.missingValue, at: name, "has no value", remedy: "write `\(name) \(option.value ?? "")`"))
            }
        }
        if !problems.isEmpty { throw Problems(problems) }
        return arguments
    }

    private func unknown(_ word: String, in command: CommandSyntax) -> Problem {
        guard word.hasPrefix("-") else {
            return Problem(
                .unknownOption, "`\(word)` is not expected here",
                remedy: "`\(name) \(command.name) --help` tells what is")
        }
        let nearest = Spelling.nearest(to: word, among: command.options.map(\.name))
        return Problem(
            .unknownOption, at: word, "is not an option of `\(name) \(command.name)`",
            remedy: nearest.map { "did you mean `\($0)`?" } ?? "`\(name) \(command.name) --help` lists them")
    }
}

extension ProgramSyntax {
    /// What `program --help` prints.
    package var help: String {
        var text = "\(name): \(summary)\n\nUSAGE\n  \(name) COMMAND [OPTIONS]\n\nCOMMANDS\n"
        let width = (commands.map(\.name.count).max() ?? 0) + 2
        for command in commands {
            text += "  " + command.name.padded(to: width) + command.summary + "\n"
        }
        text += "  " + "help".padded(to: width) + "this text; `\(name) COMMAND --help` for one command\n"
        text += exitCodeHelp
        if let example = commands.first?.examples.first { text += "\nEXAMPLE\n  \(example)\n" }
        return text
    }

    private var exitCodeHelp: String {
        "\nEXIT CODES\n" + exitCodes.map { "  " + "\($0.code)".padded(to: 5) + $0.meaning + "\n" }.joined()
    }

    /// What `program command --help` prints.
    package func help(for command: CommandSyntax) -> String {
        var text = "\(name) \(command.name): \(command.summary)\n"
        if !command.discussion.isEmpty { text += "\n\(command.discussion.wrapped(to: 78, indent: 0))\n" }
        let trailing = command.trailing.map { " [-- \($0)]" } ?? ""
        text += "\nUSAGE\n  \(name) \(command.name) [OPTIONS]\(trailing)\n\nOPTIONS\n"
        let labels = command.options.map { option in option.value.map { "\(option.name) \($0)" } ?? option.name }
        let width = min(34, (labels.map(\.count).max() ?? 0) + 2)
        for (option, label) in zip(command.options, labels) {
            let help = option.isRepeatable ? option.help + " (repeat, or separate by commas)" : option.help
            let first = label.count >= width ? "  \(label)\n  " + "".padded(to: width) : "  " + label.padded(to: width)
            text += first + help.wrapped(to: 76 - width, indent: width + 2) + "\n"
        }
        text += exitCodeHelp
        text += "\nEXAMPLES\n" + command.examples.map { "  \($0)\n" }.joined()
        return text
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String {
        self + String(repeating: " ", count: Swift.max(0, width - count))
    }

    fileprivate func wrapped(to width: Int, indent: Int) -> String {
        var lines = [""]
        for word in split(whereSeparator: \.isWhitespace) {
            let line = lines[lines.count - 1]
            if line.isEmpty {
                lines[lines.count - 1] = String(word)
            } else if line.count + 1 + word.count <= width {
                lines[lines.count - 1] += " \(word)"
            } else {
                lines.append(String(word))
            }
        }
        return lines.joined(separator: "\n" + String(repeating: " ", count: indent))
    }
}
