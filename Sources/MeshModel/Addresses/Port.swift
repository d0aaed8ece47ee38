// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// A TCP port, 1 to 65535.
package struct Port: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let number: UInt16

    package init?(_ number: some BinaryInteger) {
        guard let number = UInt16(exactly: number), number > 0 else { return nil }
        self.number = number
    }

    /// Reads strict decimal text.
    package init?(_ text: some StringProtocol) {
        guard let number = Decimal.parse(text.utf8, atMost: 65535) else { return nil }
        self.init(number)
    }

    /// For constants that are known to be ports.
    package static func known(_ number: UInt16) -> Port {
        guard let port = Port(number) else { preconditionFailure("Port 0 is not a port.") }
        return port
    }

    package static func < (left: Port, right: Port) -> Bool { left.number < right.number }

    package var description: String { String(number) }
}

/// One port or an inclusive range of ports, `8080` or `8000-8099`.
package struct PortRange: Hashable, Sendable, CustomStringConvertible {
    package let lower: Port
    package let upper: Port

    package init?(_ lower: Port, _ upper: Port) {
        guard lower <= upper else { return nil }
        self.lower = lower
        self.upper = upper
    }

    package init(_ port: Port) {
        lower = port
        upper = port
    }

    /// Reads `8080` or `8000-8099`; a colon is read too, since iptables writes ranges so.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(maxSplits: 1, omittingEmptySubsequences: false) { $0 == "-" || $0 == ":" }
        guard let first = parts.first, let lower = Port(first) else { return nil }
        guard parts.count == 2 else {
            self.init(lower)
            return
        }
        guard let upper = Port(parts[1]) else { return nil }
        self.init(lower, upper)
    }

    package func contains(_ port: Port) -> Bool { lower <= port && port <= upper }

    package var description: String { lower == upper ? "\(lower)" : "\(lower)-\(upper)" }
}

extension PortRange {
    /// The same ports with the fewest ranges, ascending: overlapping and adjacent ranges become one.
    package static func merged(_ ranges: [PortRange]) -> [PortRange] {
        var merged: [PortRange] = []
        for range in ranges.sorted(by: { ($0.lower, $0.upper) < ($1.lower, $1.upper) }) {
            if let last = merged.last, UInt32(range.lower.number) <= UInt32(last.upper.number) + 1 {
                if let joined = PortRange(last.lower, max(last.upper, range.upper)) {
                    merged[merged.count - 1] = joined
                }
            } else {
                merged.append(range)
            }
        }
        return merged
    }
}
