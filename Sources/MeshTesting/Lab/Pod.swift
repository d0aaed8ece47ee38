// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import Glibc
import Synchronization

/// One machine of the lab: a network namespace with loopback, and with `eth0` to the others.
package final class Pod: Sendable {
    package let name: String
    /// The namespace's name under /run/netns.
    package let namespace: String
    package let ipv4: String?
    package let ipv6: String?
    private let logs: String
    private let programs = Mutex<[RunningProgram]>([])
    private let count = Atomic<Int>(0)

    init(name: String, namespace: String, ipv4: String?, ipv6: String?, logs: String) {
        self.name = name
        self.namespace = namespace
        self.ipv4 = ipv4
        self.ipv6 = ipv6
        self.logs = logs
    }

    /// The file that stands for the namespace.
    package var path: String { "/run/netns/\(namespace)" }

    /// The namespace's addresses; a test that asks for a family the pod lacks is wrong.
    package var address4: String {
        guard let ipv4 else { preconditionFailure("\(name) was made without IPv4.") }
        return ipv4
    }

    package var address6: String {
        guard let ipv6 else { preconditionFailure("\(name) was made without IPv6.") }
        return ipv6
    }

    /// Starts a program inside and leaves it running; the lab ends it. Programs of this package are found by name. `prefix`
    /// is a program that starts it, such as `prlimit`, and is root still: a user may not reach programs in somebody's home.
    package func start(
        _ words: [String], as user: UInt32? = nil, under prefix: [String] = [], environment: [String: String]? = nil
    ) throws -> RunningProgram {
        var words = words
        let built = "\(BuiltProgram.directory)/\(words[0])"
        if FileManager.default.isExecutableFile(atPath: built) { words[0] = built }
        if let user { words = ["setpriv", "--reuid=\(user)", "--regid=\(user)", "--clear-groups"] + words }
        let number = count.add(1, ordering: .relaxed).newValue
        let label =
            words.first { !$0.hasPrefix("-") && $0 != "setpriv" }.map { ($0 as NSString).lastPathComponent } ?? ""
        let program = try RunningProgram(
            ["ip", "netns", "exec", namespace] + prefix + words, environment: environment,
            log: "\(logs)/\(name)-\(number)-\(label)")
        programs.withLock { $0.append(program) }
        return program
    }

    package func start(_ words: String..., as user: UInt32? = nil) throws -> RunningProgram {
        try start(words, as: user)
    }

    /// Runs a program inside to its end.
    @discardableResult
    package func run(
        _ words: [String], as user: UInt32? = nil, input: String? = nil, environment: [String: String]? = nil
    ) async throws -> ProgramResult {
        let program = try start(words, as: user, environment: environment)
        if let input { program.type(input) }
        return try await program.result()
    }

    @discardableResult
    package func run(_ words: String..., as user: UInt32? = nil) async throws -> ProgramResult {
        try await run(words, as: user)
    }

    /// Runs a program that must succeed, and gives its output.
    @discardableResult
    package func must(_ words: String..., as user: UInt32? = nil) async throws -> String {
        let result = try await run(words, as: user)
        guard result.succeeded else { throw DidNotHappen("\(name): `\(words.joined(separator: " "))` \(result)") }
        return result.output
    }

    /// Runs a script of the shell that must succeed.
    @discardableResult
    package func shell(_ script: String) async throws -> String { try await must("sh", "-euc", script) }

    /// Ends everything that was started here.
    func stopAll() {
        for program in programs.withLock({ $0 }) { program.send(SIGKILL) }
    }
}
