// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
internal import MeshModel
internal import Redirection

/// iptables of one backend and one family, run as programs.
struct Iptables: Hashable, Sendable {
    let backend: RuleBackend
    let family: AddressFamily
    private let programs: IptablesPrograms
    private let lockTimeout: Duration

    /// The longest a program may take for its own work; hundreds of thousands of rules take seconds.
    private static let patience: Duration = .seconds(60)

    init(_ backend: RuleBackend, _ family: AddressFamily, lockTimeout: Duration) throws(Problem) {
        guard let programs = IptablesPrograms.find(backend, family) else {
            let name = family == .ipv4 ? "iptables" : "ip6tables"
            throw Problem(
                .iptablesMissing, "\(name)-\(backend.rawValue)-save and -restore are not there",
                remedy: "install the package `iptables`")
        }
        self.backend = backend
        self.family = family
        self.programs = programs
        self.lockTimeout = lockTimeout
    }

    /// Everything the kernel has, with counters.
    func save() throws(Problem) -> SavedRules {
        let result = try run(programs.save, ["-c"], input: "")
        guard result.succeeded else { throw refusal(programs.save, result, .backendUnusable) }
        return try SavedRules(parsing: result.output)
    }

    /// One commit; the kernel takes all of it or nothing.
    func restore(_ text: String) throws(Problem) {
        // nf_tables commits without a lock. In whole seconds, as the program has it.
        let wait = backend == .legacy ? ["-w", "\(max(1, (lockTimeout.wholeMilliseconds + 999) / 1000))"] : []
        let result = try run(programs.restore, ["--noflush"] + wait, input: text)
        guard result.succeeded else { throw refusal(programs.restore, result, .applyFailed) }
    }

    private func run(_ program: String, _ arguments: [String], input: String) throws(Problem) -> ChildResult {
        do throws(SystemError) {
            return try ChildProcess.run(
                program, arguments, environment: programs.environment(backend), input: input,
                timeout: Iptables.patience + lockTimeout)
        } catch {
            throw Problem(.backendUnusable, at: program, "cannot be run: \(error)")
        }
    }

    /// Gives a failure its name: who else holds the lock, what may not be done, or what the kernel does not know.
    private func refusal(_ program: String, _ result: ChildResult, _ code: ErrorCode) -> Problem {
        let words = result.error.split(separator: "\n").filter { !$0.hasPrefix("Try `") }.joined(separator: "; ")
        if words.contains("xtables lock") {
            return Problem(
                .lockHeld,
                "another program held the xtables lock for \(max(1, lockTimeout.wholeMilliseconds / 1000)) s",
                remedy: "wait for it to end or raise `--lock-timeout`")
        }
        if words.contains("Permission denied") || words.contains("Operation not permitted") {
            return Problem(
                .noNetAdmin, at: program, words,
                remedy: "run as root with NET_ADMIN in the user namespace of the network")
        }
        switch result.ending {
        case .exited(let status): return Problem(code, at: program, words.isEmpty ? "ended with \(status)" : words)
        case .killed(let signal): return Problem(code, at: program, "was killed by signal \(signal)")
        case .timedOut: return Problem(code, at: program, "did not end within a minute")
        }
    }
}
