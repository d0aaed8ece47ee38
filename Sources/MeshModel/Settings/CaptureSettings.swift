// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// A numeric user id. Names are never resolved: a lookup may hang, and the application's image may know other names.
package struct UserID: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let number: UInt32

    /// 4294967295 is refused: it is (uid_t)-1, "no change" to the kernel.
    package init?(_ number: some BinaryInteger) {
        guard let number = UInt32(exactly: number), number != .max else { return nil }
        self.number = number
    }

    package init?(_ text: some StringProtocol) {
        guard let number = Decimal.parse(text.utf8, atMost: UInt64(UInt32.max) - 1) else { return nil }
        self.init(number)
    }

    package static func < (left: UserID, right: UserID) -> Bool { left.number < right.number }

    package var description: String { String(number) }
}

/// One user id or an inclusive range, `1000` or `1000-1999`.
package struct UserIDRange: Hashable, Sendable, CustomStringConvertible {
    package let lower: UserID
    package let upper: UserID

    package init?(_ lower: UserID, _ upper: UserID) {
        guard lower <= upper else { return nil }
        self.lower = lower
        self.upper = upper
    }

    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let lower = UserID(first) else { return nil }
        guard parts.count == 2 else {
            self.init(lower, lower)
            return
        }
        guard let upper = UserID(parts[1]) else { return nil }
        self.init(lower, upper)
    }

    package func contains(_ user: UserID) -> Bool { lower <= user && user <= upper }

    package var description: String { lower == upper ? "\(lower)" : "\(lower)-\(upper)" }
}

/// The name of a network interface, or a prefix of one ending in `+` as iptables has it (`eth+`).
package struct InterfaceName: Hashable, Sendable, CustomStringConvertible {
    package let text: String

    /// At most 15 bytes (IFNAMSIZ - 1), printable, without slash, blank or quote, so that it is one word everywhere.
    package init?(_ text: some StringProtocol) {
        guard (1...15).contains(text.utf8.count), text != ".", text != "..", text != "+" else { return nil }
        for byte in text.utf8 {
            guard byte > 0x20, byte < 0x7f, !"/\"'\\!:".utf8.contains(byte) else { return nil }
        }
        guard !text.dropLast().contains("+") else { return nil }
        self.text = String(text)
    }

    package func matches(_ name: String) -> Bool {
        text.hasSuffix("+") ? name.hasPrefix(text.dropLast()) : name == text
    }

    package var description: String { text }
}

/// Which lists narrow a capture: with `include` empty everything is captured; what is in `skip` never is.
package struct Selection<Element: Hashable & Sendable>: Hashable, Sendable {
    package var include: [Element]
    package var skip: [Element]

    package init(include: [Element] = [], skip: [Element] = []) {
        self.include = include
        self.skip = skip
    }
}

/// What `weft-init` captures in one network namespace; the same section of the same file is read by the proxy.
package struct CaptureSettings: Hashable, Sendable {
    /// What is taken from PREROUTING.
    package struct Inbound: Hashable, Sendable {
        package var ports = Selection<PortRange>()
        package var sources = Selection<AddressRange>()
        package var interfaces = Selection<InterfaceName>()

        package init() {}
    }

    /// What is taken from OUTPUT.
    package struct Outbound: Hashable, Sendable {
        package var ports = Selection<PortRange>()
        package var destinations = Selection<AddressRange>()
        package var interfaces = Selection<InterfaceName>()
        package var users = Selection<UserIDRange>()

        package init() {}
    }

    /// Which iptables talks to the kernel.
    package enum Backend: String, Hashable, Sendable, CaseIterable {
        /// The one that already has rules in the namespace, else nf_tables, else legacy.
        case auto
        /// nf_tables (`iptables-nft-restore`).
        case nft
        /// The old x_tables interface (`iptables-legacy-restore`).
        case legacy
    }

    /// The users whose traffic is the proxy's own and never captured. Empty means not yet said, which no plan accepts.
    package var proxyUsers: [UserID] = []
    package var inbound = Inbound()
    package var outbound = Outbound()

    /// Drop TCP resets in conntrack state INVALID on captured interfaces: without it a late segment of a redirected
    /// connection makes the kernel reset a healthy one.
    package var dropInvalid = true
    package var backend = Backend.auto

    /// Take DNS, UDP and TCP to port 53, to the proxy's port for names, wherever it was sent.
    package var names = false

    package init() {}
}
