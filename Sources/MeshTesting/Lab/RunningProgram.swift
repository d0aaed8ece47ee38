// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import Glibc
import Synchronization

/// What a program came to.
package struct ProgramResult: Sendable, CustomStringConvertible {
    /// The exit code; 128 and the signal's number if a signal ended it, as shells have it.
    package let status: Int32
    package let output: String
    package let error: String

    package var succeeded: Bool { status == 0 }

    package var description: String { "ended with \(status)\n--- output\n\(output)\n--- error\n\(error)" }
}

/// A program that a test has started. Both its outputs go to files, which stay when the test fails; its input is a pipe.
package final class RunningProgram: Sendable {
    package let identifier: Int32
    /// What was run, for messages.
    package let commandLine: String
    private let outputPath: String
    private let errorPath: String
    private let input: Int32
    private let ending = Mutex<Int32?>(nil)

    /// Starts a program found in PATH. `log` is where its outputs go, without an ending.
    package init(_ words: [String], environment: [String: String]? = nil, log: String) throws {
        commandLine = words.joined(separator: " ")
        outputPath = "\(log).out"
        errorPath = "\(log).err"
        let variables = (environment ?? ProcessInfo.processInfo.environment).map { "\($0.key)=\($0.value)" }
        let outputs = [(Int32(1), outputPath), (2, errorPath)]
        (identifier, input) = try RunningProgram.starting.withLock { _ in
            try RunningProgram.spawn(words, variables, outputs)
        }
        let child = identifier
        // One thread per program waits for it, so that its end is known at once and nothing stays a zombie.
        Thread.detachNewThread { [self] in
            var status: Int32 = 0
            while waitpid(child, &status, 0) < 0, errno == EINTR {}
            let code = status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
            ending.withLock { $0 = code }
        }
    }

    deinit { close(input) }

    /// Only one at a time: between its making and its marking a pipe would be inherited by whatever else is started.
    private static let starting = Mutex(())

    private static func spawn(
        _ words: [String], _ variables: [String], _ outputs: [(Int32, String)]
    ) throws -> (child: Int32, input: Int32) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw DidNotHappen("no pipe: errno \(errno)") }
        defer { close(ends[0]) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[0], 0)
        for (number, path) in outputs {
            posix_spawn_file_actions_addopen(&actions, number, path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0o644)
        }
        var attributes = standardSignals()
        defer { posix_spawnattr_destroy(&attributes) }
        var child: Int32 = 0
        let result = withCStrings(words) { arguments in
            withCStrings(variables) { posix_spawnp(&child, words[0], &actions, &attributes, arguments, $0) }
        }
        guard result == 0 else {
            close(ends[1])
            throw DidNotHappen("\(words[0]) cannot be started: errno \(result)")
        }
        return (child, ends[1])
    }

    /// The threads of the tests block every signal; a program started by one of them must not inherit that.
    private static func standardSignals() -> posix_spawnattr_t {
        var attributes = posix_spawnattr_t()
        var none = sigset_t()
        var all = sigset_t()
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_init(&attributes)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        return attributes
    }

    private static func withCStrings<Result>(
        _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
    ) -> Result {
        let pointers = strings.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        return body(pointers)
    }

    /// The lines of its output that have come to their end; the last may be half written yet.
    package var wholeLines: [Substring] { output.split(separator: "\n", omittingEmptySubsequences: false).dropLast() }

    /// What it has written so far.
    package var output: String { (try? String(contentsOfFile: outputPath, encoding: .utf8)) ?? "" }
    package var error: String { (try? String(contentsOfFile: errorPath, encoding: .utf8)) ?? "" }

    package var isRunning: Bool { ending.withLock { $0 == nil } }

    /// Waits for a line of output that holds `text`, and gives it.
    @discardableResult
    package func line(containing text: String, within limit: Duration = .seconds(20)) async throws -> String {
        do {
            return try await eventually("a line with `\(text)`", within: limit) {
                let found = output.split(separator: "\n").first { $0.contains(text) }
                // What has ended says nothing more.
                if found == nil, !isRunning, !output.contains(text) { throw DidNotHappen("the program has ended") }
                return found.map(String.init)
            }
        } catch {
            throw DidNotHappen("`\(commandLine)`: \(error)\n--- output\n\(output)\n--- error\n\(self.error)")
        }
    }

    /// Writes a line to its input.
    package func type(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        _ = bytes.withUnsafeBytes { write(input, $0.baseAddress, $0.count) }
    }

    package func send(_ signal: Int32) {
        // Never to a number that may be somebody else's by now.
        ending.withLock { if $0 == nil { _ = kill(identifier, signal) } }
    }

    /// Waits for its end.
    @discardableResult
    package func result(within limit: Duration = .seconds(60)) async throws -> ProgramResult {
        do {
            let status = try await eventually("the end of the program", within: limit) { ending.withLock { $0 } }
            return ProgramResult(status: status, output: output, error: error)
        } catch {
            send(SIGKILL)
            throw DidNotHappen("`\(commandLine)`: \(error)\n--- output\n\(output)\n--- error\n\(self.error)")
        }
    }

    /// Ends it with SIGTERM, and what does not heed that with SIGKILL.
    @discardableResult
    package func stop(_ signal: Int32 = SIGTERM) async throws -> ProgramResult {
        send(signal)
        return try await result(within: .seconds(20))
    }
}
