// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// A block of addresses, `10.0.0.0/8`. Host bits are cleared on the way in, as iptables does, so that equal blocks are
/// equal values; a bare address is a block of one.
package struct AddressRange: Hashable, Sendable {
    package let base: IPAddress
    package let prefixLength: Int

    package init?(base: IPAddress, prefixLength: Int) {
        let width = base.family.bitWidth
        guard (0...width).contains(prefixLength) else { return nil }
        let mask = AddressRange.mask(prefixLength: prefixLength, width: width)
        self.base =
            switch base {
            case .v4(let address): .v4(IPv4Address(bits: address.bits & UInt32(truncatingIfNeeded: mask)))
            case .v6(let address): .v6(IPv6Address(bits: address.bits & mask))
            }
        self.prefixLength = prefixLength
    }

    /// Reads `address/length` or a bare address. A v4-mapped address takes no length: it would count the bits of IPv6, while
    /// the range is one of IPv4.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let base = IPAddress(first) else { return nil }
        guard parts.count == 2 else {
            self.init(base: base, prefixLength: base.family.bitWidth)
            return
        }
        guard base.family == .ipv6 || !first.contains(":") else { return nil }
        guard let length = Decimal.parse(parts[1].utf8, atMost: 128) else { return nil }
        self.init(base: base, prefixLength: Int(length))
    }

    package var family: AddressFamily { base.family }

    package func contains(_ address: IPAddress) -> Bool {
        guard address.family == family else { return false }
        let mask = AddressRange.mask(prefixLength: prefixLength, width: family.bitWidth)
        return address.bits & mask == base.bits
    }

    private static func mask(prefixLength: Int, width: Int) -> UInt128 {
        let ones = width == 128 ? UInt128.max : (UInt128(1) << UInt128(width)) - 1
        return ones & ~(prefixLength == width ? 0 : ones >> UInt128(prefixLength))
    }
}

extension AddressRange: CustomStringConvertible {
    /// Always with the length, as `iptables-save` prints it.
    package var description: String { "\(base)/\(prefixLength)" }
}
