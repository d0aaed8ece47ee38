// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// Rules as `iptables-restore` reads them, conditions in the order in which `iptables-save` prints them.
extension RedirectRule {
    /// What follows `-A CHAIN `.
    package var text: String {
        let words = RuleMatch.words(matches) + ["-m comment --comment \"\(reason)\"", verdict.text]
        return words.joined(separator: " ")
    }
}

extension Hook {
    /// What follows `-I CHAIN 1 `. A jump, not a goto: what our chain skips comes back to the rules of others.
    package func text(_ residue: Residue) -> String {
        let words = RuleMatch.words(matches) + ["-m comment --comment \"\(reason)\(residue.remark)\"", "-j \(chain)"]
        return words.joined(separator: " ")
    }
}

extension Verdict {
    var text: String {
        switch self {
        case .skip: "-j RETURN"
        case .redirect(let port): "-j REDIRECT --to-ports \(port)"
        // A goto: the chain of the next list decides, and what it skips is skipped for good.
        case .enter(let chain): "-g \(chain)"
        case .drop: "-j DROP"
        }
    }
}

extension RuleMatch {
    /// Addresses, interfaces and the protocol come first, whatever their order was; the others keep theirs.
    fileprivate static func words(_ matches: [RuleMatch]) -> [String] {
        let texts = matches.enumerated().sorted { ($0.element.rank, $0.offset) < ($1.element.rank, $1.offset) }
            .map { $0.element.text }
        // A condition on flags has named the module that a single port needs too.
        let named = texts.contains { $0.hasPrefix("-p tcp -m tcp ") }
        let isUDP = matches.contains(.udp)
        let dport = "-m tcp --dport"
        return texts.filter { !$0.isEmpty }.map { text in
            guard text.hasPrefix(dport) else { return text }
            return (named ? "" : isUDP ? "-m udp " : "-m tcp ") + text.dropFirst("-m tcp ".count)
        }
    }

    private var rank: Int {
        switch self {
        case .source: 0
        case .destination: 1
        case .inputInterface: 2
        case .outputInterface: 3
        case .tcp, .tcpStart, .tcpReset, .udp: 4
        case .destinationPorts: 5
        case .owner, .typeOfService, .localDestination, .invalidState: 6
        }
    }

    /// The condition as iptables has it, for messages.
    package var condition: String { text.isEmpty ? "any address" : text }

    private var text: String {
        switch self {
        // iptables-save leaves out a block of all addresses, which is no condition at all.
        case .source(let range): range.prefixLength == 0 ? "" : "-s \(range)"
        case .destination(let range): range.prefixLength == 0 ? "" : "-d \(range)"
        case .inputInterface(let name): "-i \(name)"
        case .outputInterface(let name): "-o \(name)"
        case .tcp: "-p tcp"
        case .tcpStart: "-p tcp -m tcp --syn"
        case .udp: "-p udp"
        case .tcpReset: "-p tcp -m tcp --tcp-flags RST RST"
        case .destinationPorts(let ranges): RuleMatch.portText(ranges)
        case .owner(let range): "-m owner --uid-owner \(range)"
        case .typeOfService(let value):
            "-m tos --tos 0x\(Hexadecimal.text(of: [value]))/0x\(Hexadecimal.text(of: [RuleMatch.serviceMask]))"
        case .localDestination: "-m addrtype --dst-type LOCAL"
        case .invalidState: "-m conntrack --ctstate INVALID"
        }
    }

    private static func portText(_ ranges: [PortRange]) -> String {
        let ports = ranges.map { $0.lower == $0.upper ? "\($0.lower)" : "\($0.lower):\($0.upper)" }
        return ranges.count == 1
            ? "-m tcp --dport \(ports.joined())" : "-m multiport --dports \(ports.joined(separator: ","))"
    }
}
