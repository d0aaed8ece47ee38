// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// How often a rule matched.
package struct RuleCounters: Hashable, Sendable {
    package var packets: UInt64
    package var bytes: UInt64

    package init(packets: UInt64, bytes: UInt64) {
        self.packets = packets
        self.bytes = bytes
    }

    /// `[12:3456]`
    init?(_ text: some StringProtocol) {
        guard text.hasPrefix("["), text.hasSuffix("]") else { return nil }
        let numbers = text.dropFirst().dropLast().split(separator: ":", omittingEmptySubsequences: false)
        guard numbers.count == 2, let packets = Decimal.parse(numbers[0].utf8, atMost: .max),
            let bytes = Decimal.parse(numbers[1].utf8, atMost: .max)
        else { return nil }
        self.init(packets: packets, bytes: bytes)
    }
}

/// A rule as the kernel has it.
package struct SavedRule: Hashable, Sendable {
    package let chain: String

    /// What follows `-A CHAIN `, as it was printed.
    package let text: String
    package let counters: RuleCounters?

    /// The chain or verdict after `-j` or `-g`.
    package let target: String?
    package let comment: String?

    init(chain: String, text: String, counters: RuleCounters?) {
        self.chain = chain
        self.text = text
        self.counters = counters
        let words = RuleWords.split(text)
        func value(after names: String...) -> String? {
            words.firstIndex { names.contains($0) }.flatMap { $0 + 1 < words.count ? words[$0 + 1] : nil }
        }
        target = value(after: "-j", "-g")
        comment = value(after: "--comment")
    }
}

extension SavedRule {
    /// The name in a comment of ours.
    package var reasonName: String? {
        guard let comment, comment.hasPrefix("weft/"), let colon = comment.firstIndex(of: ":") else { return nil }
        return String(comment[..<colon].dropFirst("weft/".count))
    }

    /// For people who see the reason beside it. Comments of ours hold no quote, so the next one ends it.
    package var textWithoutComment: String {
        let start = "-m comment --comment \""
        guard reasonName != nil, let range = text.range(of: start),
            let end = text[range.upperBound...].firstIndex(of: "\"")
        else { return text }
        return String(text[..<range.lowerBound]) + text[text.index(after: end)...].drop { $0 == " " }
    }
}

extension String {
    /// The first place of a text in this one, found byte by byte.
    fileprivate func range(of part: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(part) { return start..<index(start, offsetBy: part.count) }
            start = index(after: start)
        }
        return nil
    }
}

/// One table as the kernel has it.
package struct SavedTable: Hashable, Sendable {
    package struct Chain: Hashable, Sendable {
        package let name: String
        /// Nil for a chain that somebody made; built-in ones have ACCEPT or DROP.
        package let policy: String?
    }

    package let name: String
    package private(set) var chains: [Chain] = []
    package private(set) var rules: [SavedRule] = []

    init(name: String) { self.name = name }

    package func rules(in chain: String) -> [SavedRule] { rules.filter { $0.chain == chain } }

    /// True if the table changes nothing: no rules, no chains of anybody, everything accepted.
    package var isPolicyOnly: Bool {
        rules.isEmpty && chains.allSatisfy { $0.policy == "ACCEPT" }
    }

    fileprivate mutating func add(_ chain: Chain) { chains.append(chain) }
    fileprivate mutating func add(_ rule: SavedRule) { rules.append(rule) }
}

/// Everything that `iptables-save` printed for one family.
package struct SavedRules: Hashable, Sendable {
    package private(set) var tables: [SavedTable] = []

    /// An empty namespace.
    package init() {}

    /// Reads the output of `iptables-save`, with or without counters. Whatever is not understood is refused: rules are
    /// changed only on the ground of what was really seen.
    package init(parsing output: String) throws(Problem) {
        var table: SavedTable?
        for (index, line) in output.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            guard let first = line.utf8.first, first != UInt8(ascii: "#") else { continue }
            if first == UInt8(ascii: "*"), table == nil {
                table = SavedTable(name: String(line.dropFirst()))
            } else if line == "COMMIT", let complete = table {
                tables.append(complete)
                table = nil
            } else if first == UInt8(ascii: ":"), let chain = SavedTable.Chain(line), table != nil {
                table?.add(chain)
            } else if let rule = SavedRule(line), table != nil {
                table?.add(rule)
            } else {
                throw Problem(
                    .backendUnusable, "line \(index + 1) of iptables-save is not understood: `\(line.prefix(120))`")
            }
        }
        guard table == nil else { throw Problem(.backendUnusable, "iptables-save ended in the middle of a table") }
    }

    package func table(_ table: RuleTable) -> SavedTable? { tables.first { $0.name == table.rawValue } }

    /// Whether anybody has any rule or chain.
    package var isEmpty: Bool { tables.allSatisfy(\.isPolicyOnly) }

    /// What must be equal before and after for "restored exactly": everything but counters and tables that change nothing.
    package var essence: [String] {
        tables.filter { !$0.isPolicyOnly }.flatMap { table in
            ["*\(table.name)"] + table.chains.map { ":\($0.name) \($0.policy ?? "-")" }
                + table.rules.map { "-A \($0.chain) \($0.text)" }
        }
    }
}

extension SavedTable.Chain {
    /// `:OUTPUT ACCEPT [0:0]`
    fileprivate init?(_ line: Substring) {
        let words = line.dropFirst().split(separator: " ")
        guard words.count >= 2 else { return nil }
        name = String(words[0])
        policy = words[1] == "-" ? nil : String(words[1])
    }
}

extension SavedRule {
    /// `[0:0] -A OUTPUT -p tcp -j DROP`, the counters left away without `-c`.
    fileprivate init?(_ line: Substring) {
        var rest = line
        var counters: RuleCounters?
        if rest.hasPrefix("["), let blank = rest.firstIndex(of: " ") {
            guard let read = RuleCounters(rest[..<blank]) else { return nil }
            counters = read
            rest = rest[rest.index(after: blank)...]
        }
        guard rest.hasPrefix("-A ") else { return nil }
        rest = rest.dropFirst(3)
        let end = rest.firstIndex(of: " ") ?? rest.endIndex
        guard end > rest.startIndex else { return nil }
        self.init(chain: String(rest[..<end]), text: String(rest[end...].drop { $0 == " " }), counters: counters)
    }
}
