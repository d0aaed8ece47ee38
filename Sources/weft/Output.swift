// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ArgumentParser
import Bytes
import LinuxSystem
import MeshModel

/// How every command speaks: results on standard output, as text or as one line of JSON; warnings and errors on standard
/// error in both cases, so that output can be piped on. The JSON ends in warnings, errors and the exit code, as that of
/// all our programs does.
struct Output: ParsableArguments {
    @Flag(name: .long, help: "Print the result as one line of JSON.")
    var json = false

    /// What a command has done.
    struct Result {
        let text: String
        var warnings: [Problem] = []
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
        do throws(Problems) {
            let result = try await work()
            for warning in result.warnings { Self.complain("warning: \(warning)") }
            if json {
                write(command, result.warnings, [], result.fields)
            } else {
                StandardStream.output.write(result.text + "\n")
            }
        } catch {
            for problem in error.all { Self.complain("\(problem)") }
            if json { write(command, [], error.all) { _ in } }
            throw ExitCode(1)
        }
    }

    private func write(
        _ command: String, _ warnings: [Problem], _ errors: [Problem], _ fields: (inout JSONWriter) -> Void
    ) {
        var json = JSONWriter()
        json.object { json in
            json.field("command", command)
            fields(&json)
            json.problems("warnings", warnings)
            json.problems("errors", errors)
            json.field("exitCode", errors.isEmpty ? 0 : 1)
        }
        json.newline()
        StandardStream.output.write(json.text)
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
}
