// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// One condition of a rule. A rule matches where all of its conditions do.
package enum RuleMatch: Hashable, Sendable {
    case source(AddressRange)
    case destination(AddressRange)
    case inputInterface(InterfaceName)
    case outputInterface(InterfaceName)
    /// Any TCP packet.
    case tcp
    /// The first packet of a TCP connection. Every redirect asks for it: without it conntrack takes an established
    /// connection that it meets in mid-stream for a new one, and the redirect kills it.
    case tcpStart
    /// Any UDP packet; the table nat sees the first of each flow.
    case udp
    /// A TCP packet with the RST flag.
    case tcpReset
    /// The destination port is in one of these. At most ``portSlots``; goes with one of the TCP conditions or UDP.
    case destinationPorts([PortRange])
    /// The socket was made by one of these users; only in OUTPUT.
    case owner(UserIDRange)
    /// The type of service or traffic class byte without its ECN bits, `0x28/0xfc`.
    case typeOfService(UInt8)
    /// The destination is an address of this namespace.
    case localDestination
    /// Conntrack knows no connection that the packet fits.
    case invalidState

    /// How many ports one multiport match holds; a range takes two of them (man iptables-extensions).
    package static let portSlots = 15

    /// The mask that leaves the DSCP: the lower two bits belong to congestion notification and change on the way.
    package static let serviceMask: UInt8 = 0xfc
}

extension RuleMatch {
    /// The fewest multiport matches that hold these ports.
    package static func batches(_ ranges: [PortRange]) -> [RuleMatch] {
        var batches: [[PortRange]] = []
        var used = portSlots
        for range in PortRange.merged(ranges) {
            let slots = range.lower == range.upper ? 1 : 2
            if used + slots > portSlots {
                batches.append([])
                used = 0
            }
            batches[batches.count - 1].append(range)
            used += slots
        }
        return batches.map { .destinationPorts($0) }
    }
}
