// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
internal import LinuxSystem
internal import MeshModel

/// What a run says: lines for people as things happen, or one JSON object at the end. Warnings and errors go to standard
/// error in both cases.
final class Console {
    let isJSON: Bool
    private(set) var warnings: [Problem] = []
    private(set) var problems: [Problem] = []

    init(isJSON: Bool) { self.isJSON = isJSON }

    /// A line for people.
    func line(_ text: String) {
        if !isJSON { StandardStream.output.write(text + "\n") }
    }

    /// A line with a word in front that says what it is about.
    func line(_ word: String, _ text: String) {
        let blanks = String(repeating: " ", count: max(1, 12 - word.count))
        line(word + blanks + text)
    }

    /// Degraded: the run goes on.
    func warn(_ problem: Problem) {
        guard !warnings.contains(problem) else { return }
        warnings.append(problem)
        StandardStream.error.write("weft-init: warning: \(problem)\n")
    }

    /// What the run ends for.
    func fail(_ problem: Problem) {
        problems.append(problem)
        StandardStream.error.write("weft-init: \(problem)\n")
    }

    func fail(_ problems: Problems) {
        for problem in problems.all { fail(problem) }
    }

    /// The one object of a run with `--json`: the fields of `body`, then warnings, errors and the exit code.
    func finish(_ command: String, _ code: ExitCode, _ body: (inout JSONWriter) -> Void = { _ in }) -> ExitCode {
        guard isJSON else { return code }
        var json = JSONWriter()
        json.object { json in
            json.field("command", command)
            body(&json)
            json.key("warnings")
            json.array(warnings) { $0.problem($1) }
            json.key("errors")
            json.array(problems) { $0.problem($1) }
            json.field("exitCode", code.rawValue)
        }
        json.newline()
        StandardStream.output.write(json.text)
        return code
    }
}

extension JSONWriter {
    fileprivate mutating func problem(_ problem: Problem) {
        object { json in
            json.field("code", problem.code.label)
            json.field("name", problem.code.name)
            json.field("place", ifPresent: problem.place)
            json.field("message", problem.message)
            json.field("remedy", ifPresent: problem.remedy)
            json.field("page", problem.code.page)
        }
    }
}
