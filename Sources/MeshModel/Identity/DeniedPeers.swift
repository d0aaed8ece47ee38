// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// Who is no longer believed, although the certificate still holds.
package struct DeniedPeers: Hashable, Sendable {
    /// Of leaf certificates, in lower-case hexadecimal; zeros at the front are heeded by nobody.
    package let serials: Set<String>
    package let identities: Set<SPIFFEID>

    package init(serials: Set<String> = [], identities: Set<SPIFFEID> = []) {
        self.serials = Set(serials.map { Self.number($0) })
        self.identities = identities
    }

    package var isEmpty: Bool { serials.isEmpty && identities.isEmpty }

    /// Why a peer is denied; nil if it is not.
    package func problem(_ identity: SPIFFEID, serial: String) -> Problem? {
        if identities.contains(identity) { return Problem(.peerDenied, at: ChainPlace.leaf, "\(identity) is denied") }
        guard !serials.isEmpty, serials.contains(Self.number(serial)) else { return nil }
        return Problem(.peerDenied, at: ChainPlace.leaf, "the certificate with the serial number \(serial) is denied")
    }

    private static func number(_ serial: String) -> String {
        let digits = serial.drop { $0 == "0" }
        return digits.isEmpty ? "0" : String(digits)
    }
}
