// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Crypto
internal import MeshModel
internal import X509

/// How long certificates live. All of these are chosen by us.
package enum CertificateLifetime {
    /// A root is replaced by hand, and everyone must learn the new one first: ten years.
    package static let root: Duration = .seconds(3650 * 86_400)

    /// An intermediate of an authority that nobody watches. The 90 days that the control plane uses, which renews its own
    /// at half of that, would be a trap here: the first sign of the end would be the outage. A year, with a warning at
    /// every issue from the middle on, and ``RootAuthority`` signs the same key again.
    package static let unattendedIntermediate: Duration = .seconds(365 * 86_400)

    /// An intermediate that renews itself.
    package static let attendedIntermediate: Duration = .seconds(90 * 86_400)

    /// A workload's.
    package static let workload: Duration = .seconds(86_400)

    /// What may be asked for. Below a minute nothing could be distributed; beyond 30 days, without revocation, a stolen
    /// key would be good for too long.
    package static let workloadRange: ClosedRange<Duration> = .seconds(60) ... .seconds(30 * 86_400)

    /// Two minutes let an authority issue once, and a century keeps every date within what ``WallTime`` can say.
    package static let authorityRange: ClosedRange<Duration> = .seconds(120) ... .seconds(36_500 * 86_400)

    /// From this share of its life on an authority's certificate is warned of.
    package static let warningShare = 0.5
}

/// The three kinds of certificate and exactly what each contains. Every extension is on the wire in each handshake or in
/// each bundle, and parsing them is a third of a handshake, so each is here for a reason.
enum CertificateProfile {
    /// Says whose root it is by a SPIFFE ID without a path (X509-SVID section 4.1), may sign one level of intermediates.
    static func root(_ trustDomain: TrustDomain, key: PublicKey) throws -> Certificate.Extensions {
        try Certificate.Extensions {
            Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 1))
            Critical(KeyUsage(keyCertSign: true, cRLSign: true))
            SubjectAlternativeNames([.uniformResourceIdentifier("spiffe://\(trustDomain)")])
            SubjectKeyIdentifier(keyIdentifier: key.identifier[...])
        }
    }

    /// Signs workloads only, and only those of the trust domain: the name constraint holds a stolen intermediate to it.
    /// It has no SPIFFE ID of its own: the constraint says the same, in the form that verifiers enforce, and this
    /// certificate goes over the wire in every handshake.
    static func intermediate(
        _ trustDomain: TrustDomain, key: PublicKey, issuer: PublicKey
    ) throws -> Certificate.Extensions {
        try Certificate.Extensions {
            Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
            Critical(KeyUsage(keyCertSign: true, cRLSign: true))
            Critical(NameConstraints(permittedURIDomains: [trustDomain.name]))
            SubjectKeyIdentifier(keyIdentifier: key.identifier[...])
            AuthorityKeyIdentifier(keyIdentifier: issuer.identifier[...])
        }
    }

    /// One SPIFFE ID and nothing else to go by. The subject is empty, so the name is critical (RFC 5280 section 4.2.1.6):
    /// a second name would be one more thing that somebody might mistake for the identity. No key identifier of its own:
    /// nothing is ever signed by it.
    static func workload(_ identity: SPIFFEID, issuer: PublicKey) throws -> Certificate.Extensions {
        try Certificate.Extensions {
            Critical(BasicConstraints.notCertificateAuthority)
            Critical(KeyUsage(digitalSignature: true))
            try ExtendedKeyUsage([.serverAuth, .clientAuth])
            Critical(SubjectAlternativeNames([.uniformResourceIdentifier(identity.description)]))
            AuthorityKeyIdentifier(keyIdentifier: issuer.identifier[...])
        }
    }

    /// As a workload's, with the one name that clients of the control plane look for beside its identity.
    static func control(_ trustDomain: TrustDomain, issuer: PublicKey) throws -> Certificate.Extensions {
        try Certificate.Extensions {
            Critical(BasicConstraints.notCertificateAuthority)
            Critical(KeyUsage(digitalSignature: true))
            try ExtendedKeyUsage([.serverAuth, .clientAuth])
            Critical(
                SubjectAlternativeNames([
                    .uniformResourceIdentifier(ControlIdentity.spiffeID(in: trustDomain).description),
                    .dnsName(ControlIdentity.hostName(in: trustDomain)),
                ]))
            AuthorityKeyIdentifier(keyIdentifier: issuer.identifier[...])
        }
    }

    /// The name of an authority: its level and the beginning of its key's identifier. Two authorities never share a name,
    /// so that no verifier has to try several keys for one, and a message tells them apart.
    static func authorityName(_ level: String, key: PublicKey) throws -> DistinguishedName {
        let tag = Hexadecimal.text(of: key.identifier.prefix(4))
        return try DistinguishedName { CommonName("weft \(level) \(tag)") }
    }
}

/// A certificate about to be signed.
struct CertificateDraft {
    let subject: DistinguishedName
    let key: PublicKey
    let notAfter: WallTime
    let extensions: Certificate.Extensions

    func signed(by issuer: DistinguishedName, _ issuerKey: SigningKey, now: WallTime) throws -> SignedCertificate {
        try SignedCertificate(
            Certificate(
                version: .v3, serialNumber: Self.serialNumber(), publicKey: key.forCertificates,
                notValidBefore: WallTime(seconds: now.seconds - CertificateValidity.backdating.components.seconds).date,
                notValidAfter: notAfter.date, issuer: issuer, subject: subject, signatureAlgorithm: .ecdsaWithSHA256,
                extensions: extensions, issuerPrivateKey: issuerKey.forCertificates))
    }

    /// 16 random bytes after one that keeps the number positive and the length the same, within the 20 that RFC 5280
    /// section 4.1.2.2 allows.
    private static func serialNumber() -> Certificate.SerialNumber {
        var random = SystemRandomNumberGenerator()
        let bytes = (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }
        return Certificate.SerialNumber(bytes: [UInt8.random(in: 1...127, using: &random)] + bytes)
    }
}
