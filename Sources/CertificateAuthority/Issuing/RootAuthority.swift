// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel
internal import X509

/// The root of a trust domain with its key. It signs intermediates and nothing else, so its key can lie in a safe.
package struct RootAuthority: Sendable {
    package let trustDomain: TrustDomain
    package let certificate: SignedCertificate
    package let key: SigningKey

    /// Makes a new root. `lifetime` lies in ``CertificateLifetime/authorityRange``; the caller has checked.
    package static func create(
        trustDomain: TrustDomain, lifetime: Duration = CertificateLifetime.root, now: WallTime
    ) throws(Problem) -> RootAuthority {
        let key = SigningKey()
        do {
            let name = try CertificateProfile.authorityName("root", key: key.publicKey)
            let draft = CertificateDraft(
                subject: name, key: key.publicKey, notAfter: now + lifetime,
                extensions: try CertificateProfile.root(trustDomain, key: key.publicKey))
            return try RootAuthority(certificate: draft.signed(by: name, key, now: now), key: key)
        } catch {
            throw Problem(.signingFailed, "the root could not be made: \(error)")
        }
    }

    /// Takes a root that was read from files, after checking that the two parts belong together.
    package init(certificate: SignedCertificate, key: SigningKey) throws(Problem) {
        guard certificate.isAuthority, let trustDomain = certificate.trustDomain else {
            throw Problem(.authorityMalformed, "the root is not a CA with the SPIFFE ID of a trust domain")
        }
        guard certificate.publicKey == key.publicKey else {
            throw Problem(.authorityMalformed, "the root's key does not belong to its certificate")
        }
        self.trustDomain = trustDomain
        self.certificate = certificate
        self.key = key
    }

    /// Certifies the key of an intermediate: a new one, or one whose certificate is to live on.
    package func signIntermediate(
        _ intermediateKey: PublicKey, lifetime: Duration, now: WallTime
    ) throws(Problem) -> SignedCertificate {
        try certificate.validity.requireRoom(for: lifetime, of: "the intermediate", in: "the root", now: now)
        do {
            let draft = CertificateDraft(
                subject: try CertificateProfile.authorityName("intermediate", key: intermediateKey),
                key: intermediateKey, notAfter: now + lifetime,
                extensions: try CertificateProfile.intermediate(
                    trustDomain, key: intermediateKey, issuer: key.publicKey))
            return try draft.signed(by: certificate.certificate.subject, key, now: now)
        } catch {
            throw Problem(.signingFailed, "the intermediate could not be signed: \(error)")
        }
    }
}

extension CertificateValidity {
    /// A certificate that outlived its issuer would be refused from the issuer's end on, by everyone and without a
    /// warning beforehand; so it is not made.
    func requireRoom(
        for lifetime: Duration, of certificate: String, in issuer: String, now: WallTime
    ) throws(Problem) {
        guard now < notAfter else {
            throw Problem(.authorityExpired, at: issuer, "expired at \(notAfter)")
        }
        // Certificates know whole seconds only, so neither end has a fraction.
        guard (now + lifetime).seconds <= notAfter.seconds else {
            throw Problem(
                .lifetimeTooLong,
                "\(certificate) would live for \(DurationText.lifetimeText(lifetime)), beyond the end of \(issuer) at "
                    + "\(notAfter)",
                remedy: "at most \(DurationText.lifetimeText(.seconds(notAfter.seconds - now.seconds))) are left")
        }
    }
}
