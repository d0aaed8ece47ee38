// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// The words of a line of `iptables-save`.
enum RuleWords {
    /// Splits at blanks. A word in double quotes may hold blanks; a backslash makes the next byte an ordinary one.
    static func split(_ line: some StringProtocol) -> [String] {
        var words: [String] = []
        var word: [UInt8]?
        var isQuoted = false
        var isEscaped = false
        for byte in line.utf8 {
            if isEscaped {
                word = (word ?? []) + [byte]
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                // A pair of quotes is a word even if nothing is in it.
                word = word ?? []
                isQuoted.toggle()
            } else if byte == UInt8(ascii: " "), !isQuoted {
                if let complete = word { words.append(String(decoding: complete, as: UTF8.self)) }
                word = nil
            } else {
                word = (word ?? []) + [byte]
            }
        }
        if let word { words.append(String(decoding: word, as: UTF8.self)) }
        return words
    }
}

/// What a rule says, apart from how it is written: versions and backends of iptables print the same rule with its options
/// in another order or in another spelling. Two rules are the same if these are equal.
package struct RuleMeaning: Hashable, Sendable {
    private struct Option: Hashable {
        let isNegated: Bool
        let name: String
        let values: [String]
    }

    private let options: Set<Option>

    /// Reads what follows `-A CHAIN `.
    package init(_ text: some StringProtocol) {
        var options: Set<Option> = []
        var words = RuleWords.split(text)[...]
        var isNegated = false
        while let word = words.popFirst() {
            if word == "!" {
                isNegated = true
                continue
            }
            let values = words.prefix { !$0.hasPrefix("-") && $0 != "!" }
            words = words.dropFirst(values.count)
            // `-m tcp` only says which module the next option belongs to.
            if word != "-m" { options.insert(RuleMeaning.option(word, Array(values), isNegated: isNegated)) }
            isNegated = false
        }
        self.options = options
    }

    private static func option(_ name: String, _ values: [String], isNegated: Bool) -> Option {
        switch name {
        case "--syn": Option(isNegated: isNegated, name: "--tcp-flags", values: ["FIN,SYN,RST,ACK", "SYN"])
        case "-s", "-d":
            Option(
                isNegated: isNegated, name: name,
                values: values.map { AddressRange($0)?.description ?? $0 })
        default: Option(isNegated: isNegated, name: name, values: values)
        }
    }
}
