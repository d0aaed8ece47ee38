// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel
internal import X509

/// An intermediate with its key: what issues to workloads, offline or in a control plane. The root's key is not needed.
package struct IssuingAuthority: Sendable {
    package let trustDomain: TrustDomain

    /// What peers trust. The first has signed the intermediate; during a rotation there are others.
    package let roots: [SignedCertificate]

    package let certificate: SignedCertificate
    private let key: SigningKey

    /// Takes parts that were made or read, after checking that they belong together. Nothing is said of dates.
    package init(roots: [SignedCertificate], certificate: SignedCertificate, key: SigningKey) throws(Problem) {
        guard let trustDomain = roots.first?.trustDomain, roots.allSatisfy({ $0.isAuthority }),
            roots.allSatisfy({ $0.trustDomain == trustDomain })
        else {
            throw Problem(.authorityMalformed, "the roots are not CAs with the SPIFFE ID of one trust domain")
        }
        guard certificate.isAuthority, roots.contains(where: { certificate.isSigned(by: $0) }) else {
            throw Problem(.authorityMalformed, "the intermediate is not a CA signed by one of the roots")
        }
        guard certificate.publicKey == key.publicKey else {
            throw Problem(.authorityMalformed, "the intermediate's key does not belong to its certificate")
        }
        self.trustDomain = trustDomain
        self.roots = roots
        self.certificate = certificate
        self.key = key
    }

    /// The same authority, of which peers trust these roots now.
    package func trusting(_ roots: [SignedCertificate]) throws(Problem) -> IssuingAuthority {
        try IssuingAuthority(roots: roots, certificate: certificate, key: key)
    }

    /// The same authority after its certificate has been signed again.
    func renewed(with certificate: SignedCertificate) throws(Problem) -> IssuingAuthority {
        try IssuingAuthority(roots: roots, certificate: certificate, key: key)
    }

    /// The longest lifetime that a workload's certificate can have now; nil if the authority has expired or has less than
    /// a minute left. Whoever would rather have a shorter certificate than none asks for the smaller of this and his own.
    package func longestLifetime(now: WallTime) -> Duration? {
        let left = Duration.seconds(certificate.validity.notAfter.seconds - now.seconds)
        let longest = min(left, CertificateLifetime.workloadRange.upperBound)
        return longest < CertificateLifetime.workloadRange.lowerBound ? nil : longest
    }

    /// Certifies that `publicKey` speaks for `identity` from twenty minutes ago until `lifetime` from now.
    package func issue(
        _ publicKey: PublicKey, identity: SPIFFEID, lifetime: Duration = CertificateLifetime.workload, now: WallTime
    ) throws(Problem) -> WorkloadCertificate {
        guard identity.trustDomain == trustDomain else {
            throw Problem(
                .badIdentity, "\(identity) is not of this authority's trust domain",
                remedy: "it issues spiffe://\(trustDomain)/...")
        }
        return try sign(publicKey, identity, lifetime, now) {
            try CertificateProfile.workload(identity, issuer: key.publicKey)
        }
    }

    /// Certifies a key of the control plane, with the host name that its clients look for.
    package func issueForControl(
        _ publicKey: PublicKey, lifetime: Duration = CertificateLifetime.workload, now: WallTime
    ) throws(Problem) -> WorkloadCertificate {
        try sign(publicKey, ControlIdentity.spiffeID(in: trustDomain), lifetime, now) {
            try CertificateProfile.control(trustDomain, issuer: key.publicKey)
        }
    }

    private func sign(
        _ publicKey: PublicKey, _ identity: SPIFFEID, _ lifetime: Duration, _ now: WallTime,
        _ extensions: () throws -> Certificate.Extensions
    ) throws(Problem) -> WorkloadCertificate {
        try Self.requireAllowed(lifetime)
        try certificate.validity.requireRoom(for: lifetime, of: "the certificate", in: "the intermediate", now: now)
        do {
            let draft = CertificateDraft(
                subject: DistinguishedName(), key: publicKey, notAfter: now + lifetime, extensions: try extensions())
            let leaf = try draft.signed(by: certificate.certificate.subject, key, now: now)
            return WorkloadCertificate(identity: identity, leaf: leaf, intermediates: [certificate], roots: roots)
        } catch {
            throw Problem(.signingFailed, "the certificate of \(identity) could not be signed: \(error)")
        }
    }

    /// Believes of the request only its key, and that whoever sent it holds that key.
    package func issue(
        _ request: CertificateRequest, identity: SPIFFEID, lifetime: Duration = CertificateLifetime.workload,
        now: WallTime
    ) throws(Problem) -> WorkloadCertificate {
        try issue(request.publicKey, identity: identity, lifetime: lifetime, now: now)
    }

    private static func requireAllowed(_ lifetime: Duration) throws(Problem) {
        let range = CertificateLifetime.workloadRange
        guard range.contains(lifetime) else {
            let shortest = DurationText.lifetimeText(range.lowerBound)
            let longest = DurationText.lifetimeText(range.upperBound)
            throw Problem(
                .lifetimeTooLong, "a workload's certificate cannot live for \(DurationText.lifetimeText(lifetime))",
                remedy: "from \(shortest) to \(longest)")
        }
    }
}

/// A workload's certificate with what its proxy needs beside the key.
package struct WorkloadCertificate: Hashable, Sendable {
    package let identity: SPIFFEID
    package let leaf: SignedCertificate
    package let intermediates: [SignedCertificate]
    package let roots: [SignedCertificate]

    /// The leaf first, then the intermediates; the root is not sent, since a peer believes only its own copy.
    package var chain: [SignedCertificate] { [leaf] + intermediates }

    /// Asks our own verifier, as a peer would, before anything is handed out that peers would refuse.
    package func requireAccepted(now: WallTime) async throws(Problem) {
        let verifier = SVIDVerifier(TrustBundles([identity.trustDomain: roots]))
        do throws(Problem) {
            let proved = try await verifier.verify(chain.map(\.der), now: now)
            guard proved == identity else {
                throw Problem(.signingFailed, "the certificate proves \(proved) instead of \(identity)")
            }
        } catch {
            throw Problem(.signingFailed, "peers would refuse the certificate: \(error)")
        }
    }
}
