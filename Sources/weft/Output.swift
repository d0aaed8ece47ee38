// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ArgumentParser
import Bytes
import LinuxSystem
import MeshModel
import ResourceDocuments

/// How every command speaks: results on standard output, as text, as one line of JSON or as YAML; warnings and errors on
/// standard error in all cases, so that output can be piped on. The JSON ends in warnings, errors and the exit code, as that
/// of all our programs does.
struct Output: ParsableArguments {
    enum Format: String, CaseIterable, ExpressibleByArgument {
        case text
        case json
        case yaml
    }

    @Flag(name: .long, help: "Print the result as one line of JSON: the same as -o json.")
    var json = false

    @Option(
        name: [.customShort("o"), .customLong("format")],
        help: ArgumentHelp("How to print the result: text, json or yaml (default: text).", valueName: "format"))
    var wanted: Format?

    var format: Format { json ? .json : wanted ?? .text }

    func validate() throws {
        if json, let wanted, wanted != .json { throw ValidationError("--json does not go with -o \(wanted).") }
    }

    /// What a command has done.
    struct Result {
        /// Empty: nothing is printed.
        let text: String
        var warnings: [Problem] = []
        /// Beside the text, on standard error, so that the text alone can be piped on.
        var notes: [String] = []
        /// In place of the fields as YAML: documents that can be applied again.
        var documents: [Node]?
        /// 0 unless the command has another way to end well; `weft --help` lists them.
        var exitCode: Int32 = 0
        let fields: (inout JSONWriter) -> Void
    }

    /// Runs the work of a command and says what came of it. What it throws becomes a message and the exit code 1.
    func report(_ command: String, _ work: () async throws(Problem) -> Result) async throws {
        try await reportAll(command) { () async throws(Problems) in
            do throws(Problem) {
                return try await work()
            } catch {
                throw Problems(error)
            }
        }
    }

    /// As ``report(_:_:)``, for work that finds several things wrong at once.
    func reportAll(_ command: String, _ work: () async throws(Problems) -> Result) async throws {
        let result: Result
        do throws(Problems) {
            result = try await work()
        } catch {
            for problem in error.all { Self.complain("\(problem)") }
            if format != .text { write(json(command, [], error.all, 1) { _ in }) }
            throw ExitCode(1)
        }
        for warning in result.warnings { Self.complain("warning: \(warning)") }
        if format == .text { write(result) } else { write(result, json(command, result)) }
        if result.exitCode != 0 { throw ExitCode(result.exitCode) }
    }

    private func write(_ result: Result) {
        for note in result.notes { Self.complain(note) }
        if !result.text.isEmpty { StandardStream.output.write(result.text + "\n") }
    }

    private func write(_ result: Result, _ json: String) {
        guard format == .yaml, let documents = result.documents else { return write(json) }
        StandardStream.output.write(YAMLText.stream(documents))
    }

    private func write(_ json: String) {
        guard format == .yaml, let node = (try? YAMLReader.documents(Array(json.utf8), name: "result"))?.first else {
            return StandardStream.output.write(json)
        }
        StandardStream.output.write(YAMLText.document(node))
    }

    private func json(_ command: String, _ result: Result) -> String {
        json(command, result.warnings, [], result.exitCode, result.fields)
    }

    private func json(
        _ command: String, _ warnings: [Problem], _ errors: [Problem], _ exitCode: Int32,
        _ fields: (inout JSONWriter) -> Void
    ) -> String {
        var json = JSONWriter()
        json.object { json in
            json.field("command", command)
            fields(&json)
            json.problems("warnings", warnings)
            json.problems("errors", errors)
            json.field("exitCode", exitCode)
        }
        json.newline()
        return json.text
    }

    static func complain(_ text: String) { StandardStream.error.write("weft: \(text)\n") }
}

extension JSONWriter {
    mutating func problems(_ name: String, _ problems: [Problem]) {
        key(name)
        array(problems) { json, problem in
            json.object { json in
                json.field("code", problem.code.label)
                json.field("name", problem.code.name)
                json.field("place", ifPresent: problem.place)
                json.field("message", problem.message)
                json.field("remedy", ifPresent: problem.remedy)
                json.field("page", problem.code.page)
            }
        }
    }

    /// What the control plane has answered, as it came.
    mutating func field(_ name: String, _ node: Node) {
        key(name)
        raw(node.jsonText)
    }

    /// The fields of an answer within an object.
    mutating func fields(of answer: Node) {
        for field in answer.fields { self.field(field.name, field.value) }
    }
}
