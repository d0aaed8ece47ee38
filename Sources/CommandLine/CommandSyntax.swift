// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// One option of a command: `--name VALUE` or a flag.
package struct OptionSyntax: Hashable, Sendable {
    /// With the dashes.
    package let name: String
    /// What stands for the value in the help, `FILE`; nil for a flag.
    package let value: String?
    /// True if it may be given several times; the values add up.
    package let isRepeatable: Bool
    package let help: String

    package static func flag(_ name: String, _ help: String) -> OptionSyntax {
        OptionSyntax(name: name, value: nil, isRepeatable: false, help: help)
    }

    package static func value(_ name: String, _ value: String, _ help: String) -> OptionSyntax {
        OptionSyntax(name: name, value: value, isRepeatable: false, help: help)
    }

    package static func list(_ name: String, _ value: String, _ help: String) -> OptionSyntax {
        OptionSyntax(name: name, value: value, isRepeatable: true, help: help)
    }
}

/// One command of a program: what it takes and what its help says.
package struct CommandSyntax: Hashable, Sendable {
    package let name: String
    package let summary: String
    package let discussion: String
    package let options: [OptionSyntax]
    /// What stands for the words after `--` in the help, `COMMAND`; nil where no such words are taken.
    package let trailing: String?
    package let examples: [String]

    package init(
        _ name: String, _ summary: String, discussion: String = "", options: [OptionSyntax], trailing: String? = nil,
        examples: [String]
    ) {
        self.name = name
        self.summary = summary
        self.discussion = discussion
        self.options = options
        self.trailing = trailing
        self.examples = examples
    }
}

/// A program with its commands.
package struct ProgramSyntax: Sendable {
    package let name: String
    package let summary: String
    package let commands: [CommandSyntax]
    /// Exit codes and what they mean; they are stable.
    package let exitCodes: [(code: Int32, meaning: String)]

    package init(
        _ name: String, _ summary: String, commands: [CommandSyntax], exitCodes: [(code: Int32, meaning: String)]
    ) {
        self.name = name
        self.summary = summary
        self.commands = commands
        self.exitCodes = exitCodes
    }
}

/// What was asked for on the command line.
package enum Invocation: Hashable, Sendable {
    /// Print this text to standard output and end with success.
    case help(String)
    /// Print the version and end with success.
    case version
    /// Run the command.
    case run(CommandSyntax, Arguments)
}

/// The values that were given, checked against the syntax.
package struct Arguments: Hashable, Sendable {
    private(set) var values: [String: [String]] = [:]
    /// The words after `--`, untouched.
    package internal(set) var trailing: [String] = []

    package init() {}

    package func isGiven(_ name: String) -> Bool { values[name] != nil }

    package func value(_ name: String) -> String? { values[name]?.last }

    /// All values of a repeatable option, commas taken as separators: `--skip-inbound-ports 22,25 --skip-inbound-ports 80`.
    package func list(_ name: String) -> [String]? {
        values[name].map { given in
            given.flatMap { value in
                value.split(separator: ",", omittingEmptySubsequences: false).map { String(trimming: $0) }
            }
        }
    }

    mutating func add(_ name: String, _ value: String) { values[name, default: []].append(value) }
}

extension String {
    /// Without blanks at both ends.
    fileprivate init(trimming text: Substring) {
        var text = text
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        self.init(text)
    }
}
