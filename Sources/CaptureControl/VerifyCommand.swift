// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
internal import CommandLine
internal import LinuxSystem
internal import MeshModel
internal import Netlink
internal import Redirection

/// `weft-init verify`: proves that the rules capture, by connecting.
struct VerifyCommand {
    private let request: CaptureRequest
    private let plans: [AddressFamily: RedirectPlan]
    private let console: Console

    init(_ arguments: Arguments, _ console: Console) throws(Problems) {
        request = try CaptureRequest(arguments)
        plans = try request.plans()
        self.console = console
    }

    func run() throws(Problem) -> ExitCode {
        let start = Instant.now()
        try Preconditions.enter(request)
        try Preconditions.checkCapability()
        let run = try RunGuard.begin(patience: request.lockTimeout, console)
        try Preconditions.clean()
        let facts = try NamespaceFacts.gather()
        try Preconditions.check(facts, request, verifies: true, console)
        let survey = try BackendSurvey.look(lockTimeout: request.lockTimeout)
        guard let backend = RuleBackend.allCases.first(where: survey.hasOurs) else {
            console.fail(Problem(.notApplied, "there are no Weft rules here", remedy: "run `weft-init apply`"))
            return console.finish("verify", .notApplied)
        }
        warnOfDrift(survey, backend)
        survey.warnOfOthers(chosen: backend, console)
        let report = try Prover(request: request, plans: plans, console: console).prove(run)
        for problem in report.problems { console.fail(problem) }
        console.line(report.exitCode == .done ? "done" : "ended", "in \((Instant.now() - start).wholeMilliseconds) ms")
        return console.finish("verify", report.exitCode) { json in
            json.field("backend", backend.rawValue)
            report.write(&json)
        }
    }

    private func warnOfDrift(_ survey: BackendSurvey, _ backend: RuleBackend) {
        for (family, plan) in plans.sorted(by: { $0.key.word < $1.key.word }) {
            let place = Place(backend: backend, family: family)
            let drift = RuleTable.allCases.flatMap { survey.drift(place, $0, plan) }
            guard let first = drift.first else { continue }
            console.warn(
                Problem(
                    .rulesDiffer, "\(family): \(first)\(drift.count > 1 ? ", and \(drift.count - 1) more" : "")",
                    remedy: "`weft-init apply` converges"))
        }
    }
}

extension BackendSurvey {
    /// How one table differs from a plan; what the hooks remember of the past does not count.
    func drift(_ place: Place, _ table: RuleTable, _ plan: RedirectPlan) -> [Drift] {
        let present = saved[place]?.table(table)
        let remembered = present?.residues ?? [:]
        let wanted =
            plan.table(table).map { plan in OwnRules(plan) { remembered[$0] ?? .none } } ?? OwnRules(table: table)
        return Drift.between(present, and: wanted)
    }

    /// Rules of others that may decide before ours do.
    func warnOfOthers(chosen: RuleBackend, _ console: Console) {
        for (place, rules) in saved.sorted(by: { $0.key.description < $1.key.description }) {
            for table in RuleTable.allCases where place.backend == chosen {
                guard let ahead = rules.table(table)?.ahead, let first = ahead.first else { continue }
                let more = ahead.count > 1 ? ", and \(ahead.count - 1) more" : ""
                console.warn(
                    Problem(
                        .foreignRules,
                        "\(place): in table \(table.rawValue), \(first.chain) has a rule ahead of ours:"
                            + " \(first.text)\(more)", remedy: "`weft-init apply` puts ours first"))
            }
            if place.backend != chosen, !rules.isEmpty {
                console.warn(Problem(.foreignRules, "\(place) has rules too, which \(chosen.rawValue) does not show"))
            }
        }
        for place in unreadable {
            console.warn(
                Problem(.foreignRules, "\(place) has tables, but there is no program to list them with"))
        }
        warnOfNative(chosen, console)
    }

    /// Chains made with the `nft` program at the same hooks, which iptables does not list. NAT is decided by the first
    /// chain that says something, so those of a lower priority come before ours (-100); the earliest of other kinds may
    /// drop a connection before.
    private func warnOfNative(_ chosen: RuleBackend, _ console: Console) {
        let builtins: Set = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"]
        let hooks: [UInt8: String] = [0: "prerouting", 1: "input", 3: "output"]
        for chain in nft?.chains ?? [] {
            guard let hook = chain.hook.flatMap({ hooks[$0] }), !chain.isEmpty, !builtins.contains(chain.name),
                chain.family != nil || chain.isInet
            else { continue }
            console.warn(
                Problem(
                    .foreignRules,
                    "the nf_tables chain \(chain.name) of table \(chain.table) has rules at the hook"
                        + " \(hook) with priority \(chain.priority); ours have -100"))
        }
    }
}
