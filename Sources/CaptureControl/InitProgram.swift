// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CommandLine
internal import LinuxSystem
internal import MeshModel

/// The whole of `weft-init`: reads the command line, runs the command, tells how it ended.
package enum InitProgram {
    /// Runs with the words after the program's name; the exit code.
    package static func run(_ words: [String]) -> Int32 {
        let console = Console(isJSON: words.contains("--json"))
        do throws(Problems) {
            switch try InitSyntax.program.parse(words) {
            case .help(let text):
                StandardStream.output.write(text)
                return ExitCode.done.rawValue
            case .version:
                StandardStream.output.write("weft-init \(WeftVersion.text)\n")
                return ExitCode.done.rawValue
            case .run(let command, let arguments):
                return try run(command.name, arguments, console).rawValue
            }
        } catch {
            console.fail(error)
            return console.finish(words.first ?? "", .usage).rawValue
        }
    }

    /// Errors of the request are thrown; those of the run are told here.
    private static func run(
        _ command: String, _ arguments: Arguments, _ console: Console
    ) throws(Problems) -> ExitCode {
        let body: () throws(Problem) -> ExitCode
        switch command {
        case "apply" where arguments.isGiven("--dry-run"): return try DryRun(arguments, console).run()
        case "apply": body = try ApplyCommand(arguments, console).run
        case "verify": body = try VerifyCommand(arguments, console).run
        case "explain": body = try ExplainCommand(arguments, console).run
        case "status": body = try StatusCommand(arguments, console).run
        default: body = try UndoCommand(arguments, console).run
        }
        do throws(Problem) {
            return try body()
        } catch {
            console.fail(error)
            return console.finish(command, .failed)
        }
    }
}
