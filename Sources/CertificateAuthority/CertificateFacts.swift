// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Crypto
package import MeshModel
internal import X509

/// What there is to tell of a certificate, for people and for JSON. Nothing here has been verified.
package struct CertificateFacts: Hashable, Sendable {
    package enum Role: String, Sendable {
        /// Signs itself.
        case root
        /// Signs others.
        case intermediate
        /// Speaks for a workload.
        case workload
    }

    package let role: Role
    /// The URI names as they stand, good or not.
    package let names: [String]
    package let validity: CertificateValidity
    /// Hexadecimal.
    package let serialNumber: String
    /// The identifier of its key, hexadecimal, as AKI and SKI have it; nil for a key that is not on P-256.
    package let keyIdentifier: String?
    /// SHA-256 of the DER, hexadecimal.
    package let fingerprint: String
    package let byteCount: Int

    package init(_ certificate: SignedCertificate) {
        let parts = certificate.certificate
        if !certificate.isAuthority {
            role = .workload
        } else {
            role = parts.issuer == parts.subject ? .root : .intermediate
        }
        names = parts.uriNames
        validity = certificate.validity
        serialNumber = Hexadecimal.text(of: parts.serialNumber.bytes)
        keyIdentifier = certificate.publicKey.map { Hexadecimal.text(of: $0.identifier) }
        fingerprint = Hexadecimal.text(of: SHA256.hash(data: certificate.der))
        byteCount = certificate.der.count
    }

    /// What an operator should do something about; nil for what is well. `place` is where the certificate lies.
    package func warning(at now: WallTime, place: String? = nil) -> Problem? {
        guard now <= validity.notAfter else {
            return Problem(
                role == .workload ? .expired : .authorityExpired, at: place,
                "the \(role.rawValue) has expired, at \(validity.notAfter)")
        }
        guard role != .workload, validity.elapsedShare(at: now) >= CertificateLifetime.warningShare else { return nil }
        let left = DurationText.lifetimeText(.seconds(validity.notAfter.seconds - now.seconds))
        let remedy =
            role == .root
            ? "create the next authority and let everyone trust its root"
            : "bring the root's key and run `weft ca renew`"
        return Problem(
            .authorityEnding, at: place, "the \(role.rawValue) is past the middle of its life and ends in \(left)",
            remedy: remedy)
    }
}
