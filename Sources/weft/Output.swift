// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ArgumentParser
import Bytes
import Foundation
import MeshModel

/// How every command speaks: results on standard output, as text or as one line of JSON; warnings and errors on standard
/// error, so that output can be piped on.
struct Output: ParsableArguments {
    @Flag(name: .long, help: "Print the result as one line of JSON.")
    var json = false

    func print(text: @autoclosure () -> String, json write: (inout JSONWriter) -> Void) {
        guard json else {
            Swift.print(text())
            return
        }
        var writer = JSONWriter()
        writer.object(write)
        Swift.print(writer.text)
    }

    /// In text only: JSON carries its warnings in the result.
    func warn(_ warnings: [String]) {
        guard !json else { return }
        for warning in warnings { Self.complain("warning: \(warning)") }
    }

    /// Runs the work of a command and turns what it throws into a message and the exit code 1.
    func reporting(_ body: () async throws(Problem) -> Void) async throws {
        do throws(Problem) {
            try await body()
        } catch {
            Self.complain("\(error)")
            if json { Swift.print(Self.json(error)) }
            throw ExitCode(1)
        }
    }

    private static func json(_ problem: Problem) -> String {
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("error")
            writer.object { writer in
                writer.field("code", problem.code.label)
                writer.field("name", problem.code.name)
                writer.field("at", ifPresent: problem.place)
                writer.field("message", problem.message)
                writer.field("remedy", problem.remedy ?? problem.code.remedy)
            }
        }
        return writer.text
    }

    static func complain(_ text: String) {
        FileHandle.standardError.write(Data((text + "\n").utf8))
    }
}
