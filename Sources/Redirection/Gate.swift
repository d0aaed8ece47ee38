// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// A list that says what alone is captured: what is in it goes on, everything else is skipped.
///
/// One rule of iptables cannot say "none of these", so each list takes a chain: its entries lead to the chain of the next
/// list, those of the last list to the proxy, and at the end of each chain stands a rule that skips. The first list
/// stands in the main chain.
struct Gate {
    /// What the list holds, in the singular; part of the reasons.
    let subject: String

    /// The name of the chain that this list has when it is not the first.
    let chain: String

    /// Conditions of which one must hold. Empty where the list has entries for the other family only, so that nothing
    /// of this family is captured.
    let alternatives: [RuleMatch]

    var listed: Reason { Reason("listed-\(subject)", "in the list of what is captured") }
    var unlisted: Reason { Reason("unlisted-\(subject)", "not in the list of what is captured") }

    /// Builds the main chain out of the rules that decide first and of the lists, and the chains that the lists need.
    /// `last` is what a packet meets that has passed every list.
    static func chains(_ name: String, first rules: [RedirectRule], _ gates: [Gate], last: RedirectRule) -> [Chain] {
        var chains: [Chain] = []
        var current = (name: name, rules: rules)
        for (index, gate) in gates.enumerated() {
            let next = index + 1 < gates.count ? gates[index + 1].chain : nil
            current.rules += gate.rules(next: next, last: last)
            chains.append(Chain(name: current.name, rules: current.rules))
            if let next { current = (next, []) }
        }
        return gates.isEmpty ? [Chain(name: name, rules: rules + [last])] : chains
    }

    private func rules(next: String?, last: RedirectRule) -> [RedirectRule] {
        let passes = alternatives.map { match in
            if let next {
                RedirectRule([match], .enter(next), listed)
            } else {
                RedirectRule([match] + last.matches, last.verdict, listed)
            }
        }
        return passes + [RedirectRule([], .skip, unlisted)]
    }
}

/// Lists brought into one form, so that equal settings give equal rules in whatever order they were written.
enum Entries {
    static func ranges(_ ranges: [AddressRange], _ family: AddressFamily) -> [AddressRange] {
        let sorted = Set(ranges).filter { $0.family == family }.sorted {
            ($0.base.bits, $0.prefixLength) < ($1.base.bits, $1.prefixLength)
        }
        var kept: [AddressRange] = []
        // A block that lies in another begins after it, so it is enough to look at the last one kept.
        for range in sorted where !(kept.last?.contains(range.base) ?? false) { kept.append(range) }
        return kept
    }

    static func interfaces(_ names: [InterfaceName]) -> [InterfaceName] {
        Set(names).sorted { $0.text < $1.text }
    }

    /// Overlapping and adjacent ranges become one.
    static func users(_ ranges: [UserIDRange]) -> [UserIDRange] {
        var merged: [UserIDRange] = []
        for range in ranges.sorted(by: { ($0.lower, $0.upper) < ($1.lower, $1.upper) }) {
            if let last = merged.last, UInt64(range.lower.number) <= UInt64(last.upper.number) + 1,
                let joined = UserIDRange(last.lower, max(last.upper, range.upper))
            {
                merged[merged.count - 1] = joined
            } else {
                merged.append(range)
            }
        }
        return merged
    }
}
