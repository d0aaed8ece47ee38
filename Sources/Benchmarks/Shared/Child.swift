// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation

/// A program that a benchmark runs beside itself, spoken to by lines.
package final class Child {
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private var pending = Data()
    private let name: String
    private let cleaner: Cleaner

    package var identifier: Int32 { process.processIdentifier }

    /// `prefix` are words before the program's own that end in becoming it, such as `ip netns exec NAME`. `user` nil: whoever
    /// we are. The child dies with us, whatever ends us.
    package init(
        _ cleaner: Cleaner, _ words: [String], after prefix: [String] = [], user: Int? = nil,
        environment: [String: String] = [:]
    ) throws {
        self.cleaner = cleaner
        name = (words[0] as NSString).lastPathComponent
        let identity = user.map { ["--reuid", "\($0)", "--regid", "\($0)", "--clear-groups", "--inh-caps=-all"] } ?? []
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = prefix + ["setpriv", "--pdeathsig", "KILL"] + identity + ["--"] + words
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = input
        process.standardOutput = output
        process.standardError = try log()
        try process.run()
        cleaner.started(identifier)
    }

    private var logPath: String { "\(cleaner.directory)/log" }

    private func log() throws -> FileHandle {
        if !FileManager.default.fileExists(atPath: logPath) {
            _ = FileManager.default.createFile(atPath: logPath, contents: nil)
        }
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: logPath))
        try handle.seekToEnd()
        return handle
    }

    package func write(_ line: String) { try? input.fileHandleForWriting.write(contentsOf: Data((line + "\n").utf8)) }

    package func endInput() { try? input.fileHandleForWriting.close() }

    /// The next line; the program's end is a failure.
    package func line() throws -> String {
        while true {
            if let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
                defer { pending = Data(pending[(end + 1)...]) }
                return String(decoding: pending[..<end], as: UTF8.self)
            }
            let more = output.fileHandleForReading.availableData
            guard !more.isEmpty else {
                kill()
                throw BenchmarkFailure("\(name) has ended: \(lastWords)")
            }
            pending += more
        }
    }

    package func expect(_ expected: String) throws {
        let line = try line()
        guard line == expected else { throw BenchmarkFailure("\(name) says `\(line)`, not `\(expected)`") }
    }

    package func kill() {
        guard process.isRunning else { return }
        // A child of it that lived on would hold the pipes open, and the wait would not end.
        ProcessFamily.kill(identifier)
        process.waitUntilExit()
        cleaner.ended(identifier)
    }

    /// What stands last in the log that all children share.
    private var lastWords: String {
        guard let text = try? String(contentsOfFile: logPath, encoding: .utf8) else { return "" }
        return text.split(separator: "\n").suffix(3).joined(separator: "; ")
    }
}
