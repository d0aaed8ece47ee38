// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel
internal import Netlink

/// Addresses, ports and users to try, so chosen that if anything at all is captured, something of it is among them.
enum ProbeCandidates {
    /// Addresses kept for documentation (RFC 5737, RFC 3849): nobody has them, so that a probe that gets past the rules
    /// reaches nobody.
    static func nowhere(_ family: AddressFamily) -> [IPAddress] {
        switch family {
        case .ipv4: [0xc000_0237, 0xc633_6437, 0xcb00_7137].map { .v4(IPv4Address(bits: $0)) }
        case .ipv6: [0x37, 0x38, 0x39].map { .v6(IPv6Address(bits: 0x2001_0db8_0077 << 80 | $0)) }
        }
    }

    /// A few addresses in a block: the first ones and the last ones that a host can have.
    static func addresses(in range: AddressRange) -> [IPAddress] {
        let hostBits = range.family.bitWidth - range.prefixLength
        guard hostBits > 1 else {
            return hostBits == 0 ? [range.base] : [range.base, range.base.advanced(by: 1)]
        }
        let size = hostBits == 128 ? UInt128.max : UInt128(1) << UInt128(hostBits)
        return [size - 2, size - 3, size / 2, 1, 2].filter { $0 > 0 && $0 < size }.map { range.base.advanced(by: $0) }
    }

    /// Neighbours that there may be on the cables of this namespace: reachable even without a default route.
    static func neighbours(_ facts: NamespaceFacts, _ family: AddressFamily) -> [IPAddress] {
        facts.usableAddresses(family).flatMap { address in
            AddressRange(base: address.address, prefixLength: address.prefixLength).map(addresses) ?? []
        }
    }

    /// One port of each stretch that the lists leave: the listed ones, and the first one after each that is skipped.
    static func ports(_ selection: Selection<PortRange>) -> [Port] {
        let usual = [443, 80, 8080, 9].compactMap { Port($0) }
        let listed = PortRange.merged(selection.include).map(\.lower)
        let afterSkipped = PortRange.merged(selection.skip).compactMap { Port(UInt32($0.upper.number) + 1) }
        // A listed stretch may be skipped in part, so that only what follows the skipped part is left of it.
        return (selection.include.isEmpty ? usual + [Port.known(1)] : listed) + afterSkipped
    }

    /// As for ports. First comes the user we are, since becoming another takes a capability.
    static func users(_ selection: Selection<UserIDRange>, current: UserID) -> [UserID] {
        let listed = selection.include.map(\.lower)
        let afterSkipped = selection.skip.compactMap { UserID(UInt64($0.upper.number) + 1) }
        let usual = [UInt32(65_534), 1, 1000].compactMap { UserID($0) }
        return [current] + listed + afterSkipped + (selection.include.isEmpty ? usual : [])
    }
}

extension IPAddress {
    /// The address that many further on; wraps around at the end.
    func advanced(by offset: UInt128) -> IPAddress {
        switch self {
        case .v4(let address): .v4(IPv4Address(bits: address.bits &+ UInt32(truncatingIfNeeded: offset)))
        case .v6(let address): .v6(IPv6Address(bits: address.bits &+ offset))
        }
    }

    /// 127.0.0.1 or ::1.
    static func loopback(_ family: AddressFamily) -> IPAddress {
        family == .ipv4 ? .v4(IPv4Address(bits: 0x7f00_0001)) : .v6(IPv6Address(bits: 1))
    }

    /// 0.0.0.0 or ::.
    static func unspecified(_ family: AddressFamily) -> IPAddress {
        family == .ipv4 ? .v4(IPv4Address(bits: 0)) : .v6(IPv6Address(bits: 0))
    }
}
