// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// The way from what the kernel has to what is wanted, for one table.
package enum Convergence {
    /// What to give to `iptables-restore --noflush`; nil if nothing is to be done.
    ///
    /// One commit does it all, so that there is no moment without rules or with half of them. Declaring a chain empties
    /// it or makes it. Hooks are deleted as they were printed, and only those that are there: deleting an absent one
    /// fails the whole commit. Rules of others are never named.
    package static func text(from saved: SavedTable?, to wanted: OwnRules) -> String? {
        let present = OwnRules(in: saved, table: wanted.table)
        guard !present.means(the: wanted) else { return nil }
        let wantedNames = Set(wanted.chains.map(\.name))
        let dropped = present.chains.filter { !wantedNames.contains($0.name) }
        var lines = ["*\(wanted.table.rawValue)"]
        lines += (wanted.chains.map(\.name) + dropped.map(\.name)).map { ":\($0) - [0:0]" }
        lines += present.hooks.map { "-D \($0.chain) \($0.rule)" }
        lines += wanted.chains.flatMap { chain in chain.rules.map { "-A \(chain.name) \($0)" } }
        lines += insertions(wanted.hooks, present: present, saved: saved)
        lines += dropped.map { "-X \($0.name)" }
        lines.append("COMMIT")
        return lines.joined(separator: "\n") + "\n"
    }

    /// Hooks go to their positions in ascending order, so that each finds the earlier ones in place. Should the rules of
    /// others have become fewer, a position beyond the end becomes the end.
    private static func insertions(_ hooks: [OwnRules.Hook], present: OwnRules, saved: SavedTable?) -> [String] {
        var lengths: [String: Int] = [:]
        for rule in saved?.rules ?? [] { lengths[rule.chain, default: 0] += 1 }
        for hook in present.hooks { lengths[hook.chain, default: 0] -= 1 }
        return hooks.sorted { ($0.chain, $0.position) < ($1.chain, $1.position) }.map { hook in
            let position = min(hook.position, lengths[hook.chain, default: 0] + 1)
            lengths[hook.chain, default: 0] += 1
            return "-I \(hook.chain) \(position) \(hook.rule)"
        }
    }
}
