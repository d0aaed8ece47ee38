// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// Who counts as one where each address may do something so often: an address of IPv4, and of IPv6 the network of 64 bits
/// that one customer has all to himself, with more addresses than anybody could count.
package enum Customer {
    private static let hostBits = 64

    /// What is no address, such as the local administrator, counts as itself.
    package static func of(_ address: String) -> String {
        // A link-local address comes with the name of its interface.
        guard let parsed = IPAddress(address.prefix { $0 != "%" }) else { return address }
        guard case .v6(let whole) = parsed else { return parsed.description }
        let network = IPv6Address(bits: (whole.bits >> UInt128(hostBits)) << UInt128(hostBits))
        return "\(network)/\(128 - hostBits)"
    }
}
