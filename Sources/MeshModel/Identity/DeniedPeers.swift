// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// Who is no longer believed, although the certificate still holds.
package struct DeniedPeers: Hashable, Sendable {
    /// Of leaf certificates, in lower-case hexadecimal; zeros at the front are heeded by nobody.
    package var serials: Set<String>
    package var identities: Set<SPIFFEID>

    package init(serials: Set<String> = [], identities: Set<SPIFFEID> = []) {
        self.serials = serials
        self.identities = identities
    }

    /// Why a peer is denied; nil if it is not.
    package func problem(_ identity: SPIFFEID, serial: String) -> Problem? {
        if identities.contains(identity) { return Problem(.peerDenied, at: ChainPlace.leaf, "\(identity) is denied") }
        let number = Self.number(serial)
        guard serials.contains(where: { Self.number($0) == number }) else { return nil }
        return Problem(.peerDenied, at: ChainPlace.leaf, "the certificate with the serial number \(serial) is denied")
    }

    private static func number(_ serial: String) -> Substring { serial.drop { $0 == "0" } }
}
