// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
internal import CommandLine
internal import LinuxSystem
internal import MeshModel
internal import Netlink
internal import Redirection

/// `weft-init apply`: looks, changes, proves; and takes back what it changed if any of that fails.
struct ApplyCommand {
    private enum Established: String, CaseIterable {
        case keep
        case report
        case reset
    }

    private let request: CaptureRequest
    private let plans: [AddressFamily: RedirectPlan]
    private let console: Console
    private let verifies: Bool
    private let established: Established

    init(_ arguments: Arguments, _ console: Console) throws(Problems) {
        request = try CaptureRequest(arguments)
        plans = try request.plans()
        self.console = console
        verifies = !arguments.isGiven("--no-verify")
        var established = Established.report
        var reader = OptionReader(arguments)
        reader.choice("--established", to: &established)
        try reader.finish()
        self.established = established
    }

    /// What a run has come to; told at the end.
    private struct Result {
        var outcome: Applier.Outcome
        var hasChanged: Bool
        var report: ProofReport?
        var bypassing: [BypassingConnection] = []
        var resetCount = 0
    }

    func run() throws(Problem) -> ExitCode {
        let start = Instant.now()
        try Preconditions.enter(request)
        try Preconditions.checkCapability()
        let run = try RunGuard.begin(patience: request.lockTimeout, console)
        try Preconditions.clean()
        let facts = try NamespaceFacts.gather()
        try Preconditions.check(facts, request, verifies: verifies, console)
        let survey = try BackendSurvey.look(lockTimeout: request.lockTimeout)
        let applier = Applier(request: request, plans: plans, facts: facts, survey: survey, console: console)
        var transaction = Transaction(survey)
        var result = Result(outcome: try applier.apply(&transaction, run), hasChanged: transaction.hasChanged)
        tell(result)
        if verifies { result.report = try prove(result.outcome, applier, &transaction, run) }
        var code = result.report?.exitCode ?? .done
        for problem in result.report?.problems ?? [] { console.fail(problem) }
        if established != .keep {
            result.bypassing = BypassingConnections(plans: plans, request: request, facts: facts).list(console)
            if established == .report {
                console.tell(result.bypassing)
            } else {
                try reset(&result, &code, applier, &transaction)
            }
        }
        return finish(result, code, Instant.now() - start)
    }

    /// Proves, and takes the rules back if a proof fails or the run is cut short.
    private func prove(
        _ outcome: Applier.Outcome, _ applier: Applier, _ transaction: inout Transaction, _ run: borrowing RunGuard
    ) throws(Problem) -> ProofReport {
        let applied = plans.filter { outcome.families.contains($0.key) }
        var failure: Problem?
        var report = ProofReport()
        do throws(Problem) {
            report = try Prover(request: request, plans: applied, console: console).prove(run)
            if report.exitCode == .failed {
                for problem in report.problems { console.fail(problem) }
                failure = Problem(.rolledBack, "the rules did not capture and were taken back")
            }
        } catch {
            failure = error
        }
        guard let failure else { return report }
        guard transaction.hasChanged else {
            throw failure.code == .rolledBack
                ? Problem(.notCaptured, "the rules, which were there before, do not capture; they stay") : failure
        }
        try applier.takeBack(&transaction, after: failure)
        throw failure
    }

    private func tell(_ result: Result) {
        let count = plans.filter { result.outcome.families.contains($0.key) }.map {
            "\($0.value.ruleCount) rules for \($0.key)"
        }
        let rules = count.sorted().joined(separator: ", ")
        console.line(result.hasChanged ? "applied" : "unchanged", "\(rules) (\(result.outcome.backend.rawValue))")
    }

    /// Ends the connections that were open before the rules.
    ///
    /// Conntrack may not have seen one of them yet, and the reset that tells the other side would be the first that it
    /// sees: just what the rule against stray resets drops. So that rule steps aside for the moment.
    private func reset(
        _ result: inout Result, _ code: inout ExitCode, _ applier: Applier, _ transaction: inout Transaction
    ) throws(Problem) {
        guard !result.bypassing.isEmpty else { return }
        do throws(Problem) {
            try applier.setResetRules(false, result.outcome, &transaction)
            for connection in result.bypassing {
                do throws(SystemError) {
                    try connection.socket.destroy()
                    result.resetCount += 1
                } catch {
                    // Gone by itself: what was wanted.
                    if error.errno == .noEntry { continue }
                    console.fail(Problem(.resetFailed, "\(connection): \(error.errno)"))
                    code = .failed
                }
            }
            try applier.setResetRules(true, result.outcome, &transaction)
        } catch {
            try applier.takeBack(&transaction, after: error)
            throw error
        }
        console.line("reset", "\(result.resetCount) connections that were open before the rules")
    }

    private func finish(_ result: Result, _ code: ExitCode, _ time: Duration) -> ExitCode {
        console.line(code == .done ? "done" : "ended", "in \(time.wholeMilliseconds) ms")
        return console.finish("apply", code) { json in
            json.field("backend", result.outcome.backend.rawValue)
            json.field("changed", result.hasChanged)
            json.key("families")
            json.array(AddressFamily.allCases.filter(result.outcome.families.contains)) { $0.string($1.word) }
            if let report = result.report { report.write(&json) }
            json.key("bypassing")
            json.array(result.bypassing) { $1.write(&$0) }
            json.field("reset", result.resetCount)
            json.key("milliseconds")
            json.thousandths(time.wholeMicroseconds)
        }
    }
}

extension AddressFamily {
    /// As it is written in options and JSON.
    var word: String { self == .ipv4 ? "ipv4" : "ipv6" }

    init?(word: String) {
        guard let family = AddressFamily.allCases.first(where: { $0.word == word }) else { return nil }
        self = family
    }
}

extension RedirectPlan {
    /// How many rules it has, hooks included.
    var ruleCount: Int { tables.reduce(0) { $0 + $1.hooks.count + $1.chains.reduce(0) { $0 + $1.rules.count } } }
}
