// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// What Weft has, or wants to have, in one table: its chains and the rules of others' chains that lead to them.
///
/// This is the common form of a plan and of what `iptables-save` shows, so that going from one to the other is the same
/// in every direction: applying, converging, rolling back to what was before, and undoing, which is going to nothing.
package struct OwnRules: Hashable, Sendable {
    package struct Chain: Hashable, Sendable {
        package let name: String
        /// What follows `-A CHAIN `.
        package let rules: [String]
    }

    package struct Hook: Hashable, Sendable {
        /// The built-in chain, or that of somebody else.
        package let chain: String
        /// Counted from 1, as iptables does.
        package let position: Int
        package let rule: String
    }

    package let table: RuleTable
    package let chains: [Chain]
    package let hooks: [Hook]

    package init(table: RuleTable, chains: [Chain] = [], hooks: [Hook] = []) {
        self.table = table
        self.chains = chains
        self.hooks = hooks
    }

    package var isEmpty: Bool { chains.isEmpty && hooks.isEmpty }

    /// What is ours in a table as the kernel has it; nil stands for a table that is not there.
    package init(in saved: SavedTable?, table: RuleTable) {
        self.table = table
        guard let saved else {
            (chains, hooks) = ([], [])
            return
        }
        let ours = saved.chains.map(\.name).filter(OwnRules.isOurs)
        let rules = Dictionary(grouping: saved.rules, by: \.chain)
        chains = ours.map { Chain(name: $0, rules: (rules[$0] ?? []).map(\.text)) }
        hooks = saved.chains.map(\.name).filter { !OwnRules.isOurs($0) }.flatMap { chain in
            (rules[chain] ?? []).enumerated().compactMap { index, rule in
                guard let target = rule.target, OwnRules.isOurs(target) else { return nil }
                return Hook(chain: chain, position: index + 1, rule: rule.text)
            }
        }
    }

    /// What a plan wants; `residue` says of a built-in chain what of it is not there yet, which undo takes away again.
    package init(_ plan: TablePlan, residue: (String) -> Residue) {
        table = plan.table
        chains = plan.chains.map { Chain(name: $0.name, rules: $0.rules.map(\.text)) }
        hooks = plan.hooks.map { hook in
            Hook(chain: hook.builtin, position: 1, rule: hook.text(residue(hook.builtin)))
        }
    }

    static func isOurs(_ chain: String) -> Bool { chain.hasPrefix(RedirectPlan.chainPrefix) }

    /// The same rules in the same places, however they are written.
    package func means(the other: OwnRules) -> Bool {
        table == other.table && meaning == other.meaning
    }

    /// Chains in the order of their names, since iptables-save has an order of its own.
    private var meaning: [String: [RuleMeaning]] {
        var meaning = [String: [RuleMeaning]](
            chains.map { ($0.name, $0.rules.map { RuleMeaning($0) }) }, uniquingKeysWith: { first, _ in first })
        for hook in hooks { meaning["\(hook.chain) \(hook.position)"] = [RuleMeaning(hook.rule)] }
        return meaning
    }
}

/// What stays in nf_tables when our rules go: adding the first rule to a table makes the table and its built-in chain. The
/// hook remembers in its comment that it was we who made them, since nothing else outlives the init step.
package enum Residue: Hashable, Sendable, CaseIterable {
    /// The chain was there.
    case none
    /// The table was there, the chain was not.
    case chain
    /// Not even the table was there.
    case table

    /// What the comment says of it.
    var remark: String {
        switch self {
        case .none: ""
        case .chain: " (made this chain)"
        case .table: " (made this table)"
        }
    }

    /// What a hook's comment remembers.
    package init(comment: String?) {
        self = Residue.allCases.last { comment?.hasSuffix($0.remark) == true } ?? .none
    }
}

extension SavedTable {
    /// What the hooks of ours in this table remember, by the chain they stand in.
    package var residues: [String: Residue] {
        var residues: [String: Residue] = [:]
        for rule in rules where rule.target.map(OwnRules.isOurs) == true && !OwnRules.isOurs(rule.chain) {
            residues[rule.chain] = Residue(comment: rule.comment)
        }
        return residues
    }
}
