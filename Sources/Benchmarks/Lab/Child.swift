// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import LinuxSystem

/// A program running in one of the namespaces, spoken to by lines.
final class Child {
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private var pending = Data()
    private let name: String
    private let cleaner: Cleaner

    var identifier: Int32 { process.processIdentifier }

    /// `user` nil: root. The child dies with us, whatever ends us.
    init(
        _ cleaner: Cleaner, _ namespace: String, _ words: [String], user: Int? = nil,
        environment: [String: String] = [:]
    )
        throws
    {
        self.cleaner = cleaner
        name = (words[0] as NSString).lastPathComponent
        let identity = user.map { ["--reuid", "\($0)", "--regid", "\($0)", "--clear-groups", "--inh-caps=-all"] } ?? []
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments =
            ["ip", "netns", "exec", namespace, "setpriv", "--pdeathsig", "KILL"] + identity + ["--"] + words
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = input
        process.standardOutput = output
        process.standardError = try Child.log()
        try process.run()
        cleaner.started(identifier)
    }

    static let logPath = "\(Place.directory)/log"

    private static func log() throws -> FileHandle {
        if !FileManager.default.fileExists(atPath: logPath) {
            _ = FileManager.default.createFile(atPath: logPath, contents: nil)
        }
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: logPath))
        try handle.seekToEnd()
        return handle
    }

    func write(_ line: String) { try? input.fileHandleForWriting.write(contentsOf: Data((line + "\n").utf8)) }

    func endInput() { try? input.fileHandleForWriting.close() }

    /// The next line; the program's end is a failure.
    func line() throws -> String {
        while true {
            if let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
                defer { pending = Data(pending[(end + 1)...]) }
                return String(decoding: pending[..<end], as: UTF8.self)
            }
            let more = output.fileHandleForReading.availableData
            guard !more.isEmpty else {
                kill()
                throw BenchmarkFailure("\(name) has ended: \(Child.lastWords)")
            }
            pending += more
        }
    }

    func expect(_ expected: String) throws {
        let line = try line()
        guard line == expected else { throw BenchmarkFailure("\(name) says `\(line)`, not `\(expected)`") }
    }

    func kill() {
        guard process.isRunning else { return }
        // A child of it that lived on would hold the pipes open, and the wait would not end.
        ProcessFamily.kill(identifier)
        process.waitUntilExit()
        cleaner.ended(identifier)
    }

    /// What stands last in the log that all children share.
    private static var lastWords: String {
        guard let text = try? String(contentsOfFile: logPath, encoding: .utf8) else { return "" }
        return text.split(separator: "\n").suffix(3).joined(separator: "; ")
    }
}
