// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// A name to look up in DNS: labels of letters, digits, dashes and underscores joined by dots, in lower case. Underscores
/// are in no host name of RFC 1123, but in those that Compose and its like give to containers.
///
/// A dot at the end says that the name is complete: no search domain is tried. A name whose last label is a number is none:
/// it would be taken for an IPv4 address in one of its odd spellings, such as `10.1`.
package struct DNSName: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let text: String

    package init?(_ text: some StringProtocol) {
        let lower = text.lowercased()
        let bare = lower.hasSuffix(".") ? lower.dropLast() : lower[...]
        guard (1...253).contains(bare.utf8.count) else { return nil }
        let labels = Array(bare.utf8).split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard labels.allSatisfy(Self.isLabel), let last = labels.last, !Self.isNumber(last) else { return nil }
        self.text = lower
    }

    private static func isLabel(_ label: ArraySlice<UInt8>) -> Bool {
        let dash = UInt8(ascii: "-")
        guard (1...63).contains(label.count), label.first != dash, label.last != dash else { return false }
        return label.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), dash,
                UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }

    /// Decimal, or with `0x` in front: what inet_aton(3) would read.
    private static func isNumber(_ label: ArraySlice<UInt8>) -> Bool {
        func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
        if label.allSatisfy(isDigit) { return true }
        guard label.starts(with: Array("0x".utf8)) else { return false }
        return label.dropFirst(2).allSatisfy {
            isDigit($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
        }
    }

    /// It can only mean this very host, by RFC 6761 section 6.3.
    package var isLocalhost: Bool {
        let bare = text.hasSuffix(".") ? String(text.dropLast()) : text
        return bare == "localhost" || bare.hasSuffix(".localhost")
    }

    package static func < (left: DNSName, right: DNSName) -> Bool { left.text < right.text }

    package var description: String { text }
}

/// What DNS has said of a name, each family in an order that does not change while the addresses do not.
package struct ResolvedName: Hashable, Sendable {
    package let ipv4: [IPAddress]
    package let ipv6: [IPAddress]

    package init(ipv4: [IPAddress], ipv6: [IPAddress]) {
        self.ipv4 = ipv4
        self.ipv6 = ipv6
    }

    package var isEmpty: Bool { ipv4.isEmpty && ipv6.isEmpty }

    /// The addresses that become endpoints; the first of them is the one that a logical service uses.
    package func addresses(_ settings: ResolutionSettings) -> [IPAddress] {
        let found =
            switch settings.family {
            case .any: ipv4 + ipv6
            case .ipv4: ipv4
            case .ipv6: ipv6
            case .preferIPv4: ipv4.isEmpty ? ipv6 : ipv4
            case .preferIPv6: ipv6.isEmpty ? ipv4 : ipv6
            }
        return settings.mode == .logical ? Array(found.prefix(1)) : found
    }
}
