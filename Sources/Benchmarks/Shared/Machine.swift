// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation

/// Where and with what it was measured.
package struct Machine: Codable {
    let date: String
    let processor: String
    let processors: Int
    let kernel: String
    let commit: String
    /// Of the programs beside Weft.
    let versions: [String: String]

    /// `versions` has a script for each program, which says its version.
    package init(versions scripts: [String: String] = [:]) throws {
        func word(_ script: String) throws -> String {
            try Shell.attempt(script).output.trimmingCharacters(in: .whitespacesAndNewlines)
        }
        date = try word("date -u +%Y-%m-%dT%H:%M:%SZ")
        processor = try word("sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1")
        processors = ProcessInfo.processInfo.activeProcessorCount
        kernel = try word("uname -r")
        commit = try word("git describe --always --dirty 2>/dev/null || echo unknown")
        versions = try scripts.mapValues(word)
    }

    package var text: String {
        let others = versions.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        let programs = (["weft \(commit)"] + others).joined(separator: ", ")
        return "\(date), \(processors) x \(processor), Linux \(kernel); \(programs)"
    }
}
