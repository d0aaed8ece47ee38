// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation

/// Steps that are said best as a script.
package enum Shell {
    /// Runs a script that must succeed; its output and errors together.
    @discardableResult
    package static func run(_ script: String) throws -> String {
        let (status, output) = try attempt(script)
        guard status == 0 else { throw BenchmarkFailure("failed with \(status):\n\(script)\n\(output)") }
        return output
    }

    /// Runs a script; how it ended, and what it said.
    package static func attempt(_ script: String) throws -> (status: Int32, output: String) {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-euc", script]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let bytes = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: bytes, as: UTF8.self))
    }
}
