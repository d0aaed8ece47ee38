// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// One way in which the kernel's rules are not those of the plan.
package enum Drift: Hashable, Sendable, CustomStringConvertible {
    /// A chain of ours is not there.
    case missingChain(String)
    /// A chain of ours that the plan does not have.
    case unwantedChain(String)
    /// Nothing leads from the built-in chain to ours.
    case missingHook(chain: String)
    /// A rule that leads to a chain of ours and is not the plan's.
    case unwantedHook(chain: String, rule: String)
    /// At this place of a chain another rule stands, or none.
    case rule(chain: String, position: Int, wanted: String?, found: String?)

    package var description: String {
        switch self {
        case .missingChain(let chain): "\(chain) is missing"
        case .unwantedChain(let chain): "\(chain) is there and should not be"
        case .missingHook(let chain): "\(chain) has no rule that leads here"
        case .unwantedHook(let chain, let rule): "\(chain) has a rule that should not be there: \(rule)"
        case .rule(let chain, let position, let wanted?, nil): "\(chain) lacks rule \(position): \(wanted)"
        case .rule(let chain, let position, nil, let found?): "\(chain) has a rule \(position) too many: \(found)"
        case .rule(let chain, let position, let wanted, let found):
            "\(chain) has another rule \(position): \(found ?? ""), wanted: \(wanted ?? "")"
        }
    }

    /// Compares a table as it is with what is wanted. Where a hook stands is not looked at: see ``SavedTable/ahead``.
    package static func between(_ saved: SavedTable?, and wanted: OwnRules) -> [Drift] {
        let present = OwnRules(in: saved, table: wanted.table)
        var drift: [Drift] = []
        for chain in wanted.chains {
            if let found = present.chains.first(where: { $0.name == chain.name }) {
                drift += compare(chain, found)
            } else {
                drift.append(.missingChain(chain.name))
            }
        }
        for chain in present.chains where !wanted.chains.contains(where: { $0.name == chain.name }) {
            drift.append(.unwantedChain(chain.name))
        }
        return drift + compareHooks(wanted.hooks, present.hooks)
    }

    private static func compare(_ wanted: OwnRules.Chain, _ found: OwnRules.Chain) -> [Drift] {
        (0..<max(wanted.rules.count, found.rules.count)).compactMap { index in
            let wantedRule = index < wanted.rules.count ? wanted.rules[index] : nil
            let foundRule = index < found.rules.count ? found.rules[index] : nil
            guard wantedRule.map({ RuleMeaning($0) }) != foundRule.map({ RuleMeaning($0) }) else { return nil }
            return .rule(chain: wanted.name, position: index + 1, wanted: wantedRule, found: foundRule)
        }
    }

    private static func compareHooks(_ wanted: [OwnRules.Hook], _ found: [OwnRules.Hook]) -> [Drift] {
        var left = found
        var drift: [Drift] = []
        for hook in wanted {
            let meaning = RuleMeaning(hook.rule)
            if let index = left.firstIndex(where: { $0.chain == hook.chain && RuleMeaning($0.rule) == meaning }) {
                left.remove(at: index)
            } else {
                drift.append(.missingHook(chain: hook.chain))
            }
        }
        return drift + left.map { .unwantedHook(chain: $0.chain, rule: $0.rule) }
    }
}

extension SavedTable {
    /// The rules of others that stand before ours and may decide first: in the same built-in chain, ahead of the hook.
    package var ahead: [SavedRule] {
        OwnRules.hookChains(in: self).flatMap { chain in
            rules(in: chain).prefix { rule in !(rule.target.map(OwnRules.isOurs) ?? false) }
        }
    }
}

extension OwnRules {
    /// The chains of others that lead to ours.
    fileprivate static func hookChains(in saved: SavedTable) -> [String] {
        var names: [String] = []
        for hook in OwnRules(in: saved, table: .nat).hooks where !names.contains(hook.chain) {
            names.append(hook.chain)
        }
        return names
    }
}
