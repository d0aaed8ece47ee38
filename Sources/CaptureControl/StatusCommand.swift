// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
internal import CommandLine
internal import LinuxSystem
internal import MeshModel
internal import Redirection

/// `weft-init status`: the rules as the kernel has them, with counters; how they differ from the configuration; and what
/// goes past them.
struct StatusCommand {
    /// How one family stands.
    private enum State: String {
        /// As the configuration wants it, or there was none to compare with.
        case inPlace = "in-place"
        case differs
        case absent
        /// No rules, and no address that would need them.
        case notApplicable = "not-applicable"
    }

    private struct FamilyStatus {
        let family: AddressFamily
        var state: State
        var drift: [Drift] = []
        var rules: [(table: RuleTable, rule: SavedRule)] = []
    }

    private let request: CaptureRequest
    /// Nil without a configuration.
    private let plans: [AddressFamily: RedirectPlan]?
    private let console: Console

    init(_ arguments: Arguments, _ console: Console) throws(Problems) {
        request = try CaptureRequest(arguments)
        plans = request.isGiven ? try request.plans() : nil
        self.console = console
    }

    func run() throws(Problem) -> ExitCode {
        try Preconditions.enter(request)
        try Preconditions.checkCapability()
        let facts = try NamespaceFacts.gather()
        let survey = try BackendSurvey.look(lockTimeout: request.lockTimeout)
        let backend = RuleBackend.allCases.first(where: survey.hasOurs)
        let families = AddressFamily.allCases.map { family in
            backend.map { status(family, $0, survey, facts) } ?? FamilyStatus(family: family, state: .absent)
        }
        var bypassing: [BypassingConnection] = []
        if let backend {
            survey.warnOfOthers(chosen: backend, console)
            if let plans {
                bypassing = BypassingConnections(plans: plans, request: request, facts: facts).list(console)
            }
        }
        let code = tell(families, backend)
        console.tell(bypassing)
        return console.finish("status", code) { json in
            json.field("backend", ifPresent: backend?.rawValue)
            json.key("families")
            json.array(families) { StatusCommand.write(&$0, $1) }
            json.key("bypassing")
            json.array(bypassing) { $1.write(&$0) }
        }
    }

    private func status(
        _ family: AddressFamily, _ backend: RuleBackend, _ survey: BackendSurvey, _ facts: NamespaceFacts
    ) -> FamilyStatus {
        let place = Place(backend: backend, family: family)
        var status = FamilyStatus(family: family, state: .inPlace)
        for table in RuleTable.allCases {
            guard let saved = survey.saved[place]?.table(table) else { continue }
            status.rules += StatusCommand.ours(in: saved).map { (table, $0) }
        }
        if status.rules.isEmpty {
            let isNeeded = family == .ipv4 || !facts.outerAddresses(family).isEmpty
            status.state = isNeeded ? .absent : .notApplicable
        } else if let plan = plans?[family] {
            status.drift = RuleTable.allCases.flatMap { survey.drift(place, $0, plan) }
            status.state = status.drift.isEmpty ? .inPlace : .differs
        }
        return status
    }

    /// Our hooks and the rules of our chains, in the order in which a packet meets them.
    private static func ours(in saved: SavedTable) -> [SavedRule] {
        let prefix = RedirectPlan.chainPrefix
        return saved.rules.filter { !$0.chain.hasPrefix(prefix) && $0.target?.hasPrefix(prefix) ?? false }
            + saved.rules.filter { $0.chain.hasPrefix(prefix) }
    }

    private func tell(_ families: [FamilyStatus], _ backend: RuleBackend?) -> ExitCode {
        guard let backend else {
            console.fail(Problem(.notApplied, "there are no Weft rules here", remedy: "run `weft-init apply`"))
            return .notApplied
        }
        console.line("backend", backend.rawValue)
        var code = ExitCode.done
        for status in families {
            console.line("\(status.family)", describe(status))
            if !status.rules.isEmpty { console.line("   packets      bytes  rule") }
            for (table, rule) in status.rules { console.line(StatusCommand.line(table, rule)) }
            for drift in status.drift { console.line("differs", drift.description) }
            switch status.state {
            case .inPlace, .notApplicable: continue
            case .absent:
                console.fail(Problem(.notApplied, "\(status.family) has no rules", remedy: "run `weft-init apply`"))
            case .differs:
                console.fail(
                    Problem(
                        .rulesDiffer, "\(status.family): \(status.drift.count) differences from the configuration",
                        remedy: "`weft-init apply` converges"))
            }
            code = .notApplied
        }
        return code
    }

    private func describe(_ status: FamilyStatus) -> String {
        switch status.state {
        case .inPlace: plans == nil ? "in place; compared with nothing" : "in place, as configured"
        case .differs: "in place, but not as configured"
        case .absent: "no rules"
        case .notApplicable: "no rules, and no address that would need them"
        }
    }

    /// `        12          720  nat WEFT_OUTBOUND  proxy-own-traffic: -m owner --uid-owner 1337 -j RETURN`
    private static func line(_ table: RuleTable, _ rule: SavedRule) -> String {
        func right(_ number: UInt64) -> String {
            let text = String(number)
            return String(repeating: " ", count: max(0, 10 - text.count)) + text
        }
        let counters = rule.counters ?? RuleCounters(packets: 0, bytes: 0)
        let reason = rule.reasonName.map { "\($0): " } ?? ""
        return "\(right(counters.packets)) \(right(counters.bytes))  \(table.rawValue) \(rule.chain)"
            + "  \(reason)\(rule.textWithoutComment)"
    }

    private static func write(_ json: inout JSONWriter, _ status: FamilyStatus) {
        json.object { json in
            json.field("family", status.family.word)
            json.field("state", status.state.rawValue)
            json.key("drift")
            json.array(status.drift) { $0.string($1.description) }
            json.key("rules")
            json.array(status.rules) { json, entry in
                json.object { json in
                    json.field("table", entry.table.rawValue)
                    json.field("chain", entry.rule.chain)
                    json.field("rule", entry.rule.text)
                    json.field("reason", ifPresent: entry.rule.comment)
                    json.field("packets", entry.rule.counters?.packets ?? 0)
                    json.field("bytes", entry.rule.counters?.bytes ?? 0)
                }
            }
        }
    }
}
