// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// An IPv4 address, held in host byte order: 127.0.0.1 is `0x7f00_0001`.
package struct IPv4Address: Hashable, Sendable {
    package let bits: UInt32

    package init(bits: UInt32) {
        self.bits = bits
    }

    /// Reads dotted-quad text. Strict: exactly four decimal parts, each without leading zeros, since `010` is octal to
    /// some readers and decimal to others.
    package init?(_ text: some StringProtocol) {
        var bits: UInt32 = 0
        var parts = 0
        for part in text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false) {
            guard parts < 4, let value = Decimal.parse(part, atMost: 255) else { return nil }
            bits = bits << 8 | UInt32(value)
            parts += 1
        }
        guard parts == 4 else { return nil }
        self.bits = bits
    }
}

extension IPv4Address: CustomStringConvertible {
    package var description: String {
        "\(bits >> 24).\(bits >> 16 & 255).\(bits >> 8 & 255).\(bits & 255)"
    }
}

/// An IPv6 address, held in host byte order: ::1 is `1`. Scope ids are not part of it: link-local addresses are never
/// captured or forwarded (rules: fe80::/10 stays outside the mesh).
///
/// Held as two halves: a stored UInt128 asks for 16-byte alignment, which Swift 6.3 does not give to every temporary of a
/// noncopyable value around it (seen: a misaligned load in a debug build).
package struct IPv6Address: Hashable, Sendable {
    private let high: UInt64
    private let low: UInt64

    package var bits: UInt128 { UInt128(high) << 64 | UInt128(low) }

    package init(bits: UInt128) {
        high = UInt64(truncatingIfNeeded: bits >> 64)
        low = UInt64(truncatingIfNeeded: bits)
    }

    /// Reads RFC 4291 section 2.2 text: full, compressed with one `::`, and with a dotted quad at the end.
    package init?(_ text: some StringProtocol) {
        guard let bits = IPv6Address.parse(Array(text.utf8)) else { return nil }
        self.init(bits: bits)
    }

    private static func parse(_ text: [UInt8]) -> UInt128? {
        let colon = UInt8(ascii: ":")
        guard text.count >= 2, text.count <= 45 else { return nil }
        var groups: [UInt16] = []
        var compressedAt: Int?
        var index = 0
        if text[0] == colon {
            guard text[1] == colon else { return nil }
            compressedAt = 0
            index = 2
        }
        while index < text.count {
            let end = text[index...].firstIndex(of: colon) ?? text.count
            let part = text[index..<end]
            if part.contains(UInt8(ascii: ".")) {
                guard end == text.count, let quad = IPv4Address(String(decoding: part, as: UTF8.self)) else {
                    return nil
                }
                groups.append(UInt16(truncatingIfNeeded: quad.bits >> 16))
                groups.append(UInt16(truncatingIfNeeded: quad.bits))
                index = end
                break
            }
            guard let group = hexadecimalGroup(part) else { return nil }
            groups.append(group)
            index = end
            guard index < text.count else { break }
            index += 1
            // A single trailing colon ends nothing; a double one stands for the missing groups, once.
            guard index < text.count else { return nil }
            if text[index] == colon {
                guard compressedAt == nil else { return nil }
                compressedAt = groups.count
                index += 1
            }
        }
        return join(groups, compressedAt: compressedAt)
    }

    private static func hexadecimalGroup(_ part: ArraySlice<UInt8>) -> UInt16? {
        guard (1...4).contains(part.count) else { return nil }
        var value: UInt16 = 0
        for byte in part {
            guard let digit = Hexadecimal.value(of: byte) else { return nil }
            value = value << 4 | UInt16(digit)
        }
        return value
    }

    private static func join(_ groups: [UInt16], compressedAt: Int?) -> UInt128? {
        var all = groups
        if let compressedAt {
            // `::` stands for at least one group (RFC 5952 section 4.2.2 forbids writing it for none; we also read it).
            guard groups.count <= 7 else { return nil }
            all.insert(contentsOf: repeatElement(0, count: 8 - groups.count), at: compressedAt)
        }
        guard all.count == 8 else { return nil }
        return all.reduce(UInt128(0)) { $0 << 16 | UInt128($1) }
    }

    /// The IPv4 address inside `::ffff:a.b.c.d`, which is how a dual-stack socket shows an IPv4 peer.
    package var mappedIPv4: IPv4Address? {
        bits >> 32 == 0xffff ? IPv4Address(bits: UInt32(truncatingIfNeeded: bits)) : nil
    }
}

extension IPv6Address: CustomStringConvertible {
    /// RFC 5952 text: lower case, the longest run of two or more zero groups compressed, the first one on a tie.
    package var description: String {
        if let mappedIPv4 { return "::ffff:\(mappedIPv4)" }
        let groups = (0..<8).map { UInt16(truncatingIfNeeded: bits >> (112 - 16 * UInt128($0))) }
        var best = 0..<0
        var start: Int?
        for index in 0...8 {
            if index < 8, groups[index] == 0 {
                start = start ?? index
            } else if let begin = start {
                if index - begin > best.count, index - begin >= 2 { best = begin..<index }
                start = nil
            }
        }
        func text(_ range: Range<Int>) -> String {
            groups[range].map { String($0, radix: 16) }.joined(separator: ":")
        }
        return best.isEmpty ? text(0..<8) : text(0..<best.lowerBound) + "::" + text(best.upperBound..<8)
    }
}

/// The two families that Weft captures; each has its own rules, listeners and verdicts.
package enum AddressFamily: Hashable, Sendable, CaseIterable, CustomStringConvertible {
    /// IPv4.
    case ipv4
    /// IPv6.
    case ipv6

    package var description: String { self == .ipv4 ? "IPv4" : "IPv6" }

    /// The length of an address in bits.
    package var bitWidth: Int { self == .ipv4 ? 32 : 128 }
}

/// An address of either family. A v4-mapped IPv6 address is always held as IPv4 (see ``init(_:)-(IPv6Address)``), so that
/// one destination has one value whatever kind of socket saw it.
package enum IPAddress: Hashable, Sendable {
    /// An IPv4 address.
    case v4(IPv4Address)
    /// An IPv6 address that is not v4-mapped.
    case v6(IPv6Address)

    /// Unwraps a v4-mapped address.
    package init(_ address: IPv6Address) {
        self = if let mapped = address.mappedIPv4 { .v4(mapped) } else { .v6(address) }
    }

    /// Reads an address of either family; nil if it is neither.
    package init?(_ text: some StringProtocol) {
        if let address = IPv4Address(text) {
            self = .v4(address)
        } else if let address = IPv6Address(text) {
            self.init(address)
        } else {
            return nil
        }
    }

    package var family: AddressFamily {
        switch self {
        case .v4: .ipv4
        case .v6: .ipv6
        }
    }

    /// The address as a number, most significant bit first; IPv4 uses the lower 32 bits.
    package var bits: UInt128 {
        switch self {
        case .v4(let address): UInt128(address.bits)
        case .v6(let address): address.bits
        }
    }

    /// 127.0.0.0/8 or ::1.
    package var isLoopback: Bool {
        switch self {
        case .v4(let address): address.bits >> 24 == 127
        case .v6(let address): address.bits == 1
        }
    }

    /// 169.254.0.0/16 or fe80::/10: never captured by default and never forwarded inbound (metadata services live there).
    package var isLinkLocal: Bool {
        switch self {
        case .v4(let address): address.bits >> 16 == 0xa9fe
        case .v6(let address): address.bits >> 118 == 0x3fa
        }
    }

    /// 0.0.0.0 or ::.
    package var isUnspecified: Bool { bits == 0 }

    /// 224.0.0.0/4 or ff00::/8.
    package var isMulticast: Bool {
        switch self {
        case .v4(let address): address.bits >> 28 == 0xe
        case .v6(let address): address.bits >> 120 == 0xff
        }
    }
}

extension IPAddress: CustomStringConvertible {
    package var description: String {
        switch self {
        case .v4(let address): address.description
        case .v6(let address): address.description
        }
    }
}
