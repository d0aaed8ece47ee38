// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import LinuxSystem
import MeshModel
import Testing

/// The built `weft`, run as a process in a directory of its own, which is removed afterwards.
final class WeftProgram {
    let directory: String

    init() throws {
        directory = NSTemporaryDirectory() + "weft-command-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    /// The program lies beside the test bundle.
    private static let path: String = {
        let bundle = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        return bundle.deletingLastPathComponent().appendingPathComponent("weft").path
    }()

    /// Runs it with the words of a command line; `%` stands for the directory.
    @discardableResult
    func run(_ line: String, umask: String = "022") throws -> ChildResult {
        let words = line.split(separator: " ").map { $0.replacingOccurrences(of: "%", with: directory) }
        // The shell sets the umask; its arguments are the words as they are, not parsed again.
        return try ChildProcess.run(
            "/bin/sh", ["-c", "umask \(umask); exec \"$0\" \"$@\"", Self.path] + words, timeout: .seconds(30))
    }

    /// As ``run(_:umask:)``, with the result read as JSON.
    func json(_ line: String) throws -> [String: Any] {
        let output = try run(line + " --json").output
        return try #require(try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any])
    }

    /// Makes an authority in `%/ca`, and expects that to work.
    func createAuthority(_ options: String = "") throws {
        let result = try run("ca create --trust-domain mesh.example --directory %/ca " + options)
        try #require(result.ending == .exited(0), "\(result.error)")
    }

    func text(_ name: String) throws -> String { try String(contentsOfFile: "\(directory)/\(name)", encoding: .utf8) }

    func write(_ text: String, to name: String) throws {
        try text.write(toFile: "\(directory)/\(name)", atomically: false, encoding: .utf8)
    }

    func facts(_ name: String) throws -> FileFacts { try Files.facts("\(directory)/\(name)") }

    /// Everything below the directory, hidden names too, sorted.
    func names(in name: String = ".") throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: "\(directory)/\(name)").sorted()
    }
}
