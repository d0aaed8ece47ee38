// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
internal import MeshModel
internal import Netlink
internal import Redirection

/// Changes to the tables of a namespace that are kept together or not at all.
///
/// The kernel commits one table of one family at a time. Each such step is remembered with what was there before, and
/// rolling back goes the same way again in reverse, from what is there then.
struct Transaction: ~Copyable {
    private struct Step {
        let iptables: Iptables
        let before: OwnRules
    }

    private let survey: BackendSurvey
    private var steps: [Step] = []
    /// Tables that have been changed since the survey, which no longer tells how they are.
    private var changed: Set<String> = []

    init(_ survey: BackendSurvey) { self.survey = survey }

    /// Whether anything has been changed.
    var hasChanged: Bool { !steps.isEmpty }

    /// Brings one table to what the plan wants; nil wants nothing of ours there. True if something had to be done.
    ///
    /// Should somebody else have changed the table since it was looked at, it is looked at once more.
    mutating func move(_ iptables: Iptables, _ table: RuleTable, to plan: TablePlan?) throws(Problem) -> Bool {
        let isKnown = !changed.contains("\(iptables.place) \(table)")
        let saved = isKnown ? survey.saved[iptables.place] ?? SavedRules() : try iptables.save()
        do throws(Problem) {
            return try move(iptables, table, to: plan, from: saved)
        } catch {
            guard let now = try? iptables.save(), now.essence != saved.essence else { throw error }
            return try move(iptables, table, to: plan, from: now)
        }
    }

    private mutating func move(
        _ iptables: Iptables, _ table: RuleTable, to plan: TablePlan?, from saved: SavedRules
    ) throws(Problem) -> Bool {
        let present = saved.table(table)
        let remembered = present?.residues ?? [:]
        let wanted =
            plan.map { plan in
                OwnRules(plan) { chain in remembered[chain] ?? residue(iptables, table, chain) }
            } ?? OwnRules(table: table)
        guard try Transaction.go(iptables, from: present, to: wanted) else { return false }
        steps.append(Step(iptables: iptables, before: OwnRules(in: present, table: table)))
        changed.insert("\(iptables.place) \(table)")
        return true
    }

    /// What adding a first rule to a built-in chain will make that was not there.
    private func residue(_ iptables: Iptables, _ table: RuleTable, _ chain: String) -> Residue {
        guard iptables.backend == .nft, let nft = survey.nft else { return .none }
        guard nft.hasTable(table.rawValue, iptables.family) else { return .table }
        return nft.hasChain(chain, table: table.rawValue, iptables.family) ? .none : .chain
    }

    /// Takes every step back, the last one first. What is in the error could not be taken back.
    mutating func rollBack() throws(Problems) {
        var problems: [Problem] = []
        while let step = steps.popLast() {
            do throws(Problem) {
                let present = try step.iptables.save().table(step.before.table)
                _ = try Transaction.go(step.iptables, from: present, to: step.before)
            } catch {
                problems.append(
                    Problem(
                        .undoFailed, "\(step.iptables.place), table \(step.before.table.rawValue): \(error.message)"))
            }
        }
        if !problems.isEmpty { throw Problems(problems) }
    }

    /// One step: one commit, and then the empty chains and tables that our rules had made and that nobody needs any more.
    private static func go(
        _ iptables: Iptables, from present: SavedTable?, to wanted: OwnRules
    ) throws(Problem) -> Bool {
        guard let text = Convergence.text(from: present, to: wanted) else { return false }
        try iptables.restore(text)
        let kept = Set(wanted.hooks.map(\.chain))
        let left = (present?.residues ?? [:]).filter { $0.value != .none && !kept.contains($0.key) }
        if iptables.backend == .nft, !left.isEmpty { try sweep(wanted.table, iptables.family, left) }
        return true
    }

    /// Only what is empty goes; what somebody has put a rule into in the meantime stays. Some versions of iptables make
    /// all the built-in chains of a table, not only the one that gets a rule.
    private static func sweep(
        _ table: RuleTable, _ family: AddressFamily, _ left: [String: Residue]
    ) throws(Problem) {
        let madeTable = left.values.contains(.table)
        let builtins = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"]
        do throws(SystemError) {
            for chain in madeTable ? builtins : left.keys.sorted() {
                _ = try NFTables.removeIfEmpty(chain: chain, table: table.rawValue, family)
            }
            if madeTable { _ = try NFTables.removeIfEmpty(table: table.rawValue, family) }
        } catch {
            throw Problem(.undoFailed, "an empty chain of ours stays behind: \(error)")
        }
    }
}
