// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import FoundationEssentials
package import MeshModel
internal import SwiftASN1
internal import X509

/// A certificate, whoever made it: what files hold and the wire carries. Reading one says nothing of whether it is good.
package struct SignedCertificate: Hashable, Sendable {
    let certificate: Certificate

    package let der: [UInt8]

    init(_ certificate: Certificate) throws {
        self.certificate = certificate
        var serializer = DER.Serializer()
        try serializer.serialize(certificate)
        der = serializer.serializedBytes
    }

    /// Nil for what is not an X.509 certificate, or has a key or signature of a kind that nobody here takes.
    package init?(der: [UInt8]) {
        guard let certificate = try? Certificate(derEncoded: der) else { return nil }
        self.certificate = certificate
        self.der = der
    }

    /// The certificates of a PEM file in their order; nil if a block is none, or there are none at all.
    package static func all(inPEM text: String) -> [SignedCertificate]? {
        guard let blocks = try? PEMDocument.parseMultiple(pemString: text), !blocks.isEmpty else { return nil }
        var certificates: [SignedCertificate] = []
        for block in blocks {
            guard block.discriminator == "CERTIFICATE", let certificate = SignedCertificate(der: block.derBytes) else {
                return nil
            }
            certificates.append(certificate)
        }
        return certificates
    }

    /// Ends in a newline, so that files can be joined by `cat`.
    package var pem: String { PEMDocument(type: "CERTIFICATE", derBytes: der).pemString + "\n" }

    package static func == (left: SignedCertificate, right: SignedCertificate) -> Bool { left.der == right.der }

    package func hash(into hasher: inout Hasher) { hasher.combine(der) }
}

extension SignedCertificate {
    package var validity: CertificateValidity { certificate.validity }

    /// The key it certifies; nil if that is not on P-256.
    package var publicKey: PublicKey? { PublicKey(certificate.publicKey) }

    /// The one SPIFFE ID it carries; nil if there is none, several, or a bare trust domain.
    package var identity: SPIFFEID? {
        let names = certificate.uriNames
        return names.count == 1 ? names.first.flatMap { SPIFFEID($0) } : nil
    }

    /// The trust domain that a signing certificate is for, by its one SPIFFE ID without a path.
    package var trustDomain: TrustDomain? {
        let names = certificate.uriNames
        guard names.count == 1, let name = names.first, name.hasPrefix("spiffe://") else { return nil }
        return TrustDomain(name.dropFirst("spiffe://".count))
    }

    package var isAuthority: Bool { certificate.isAuthority }

    /// True if `issuer` has the name and the key that signed this certificate.
    package func isSigned(by issuer: SignedCertificate) -> Bool {
        certificate.issuer == issuer.certificate.subject
            && issuer.certificate.publicKey.isValidSignature(certificate.signature, for: certificate)
    }
}

extension Certificate {
    var validity: CertificateValidity {
        CertificateValidity(notBefore: WallTime(notValidBefore), notAfter: WallTime(notValidAfter))
    }

    /// The URI names; empty where there are none or the extension cannot be read, which the rules complain of separately.
    var uriNames: [String] {
        guard let names = try? extensions.subjectAlternativeNames else { return [] }
        return names.compactMap { name in
            if case .uniformResourceIdentifier(let uri) = name { uri } else { nil }
        }
    }

    /// The DNS names; empty as ``uriNames`` is.
    var dnsNames: [String] {
        guard let names = try? extensions.subjectAlternativeNames else { return [] }
        return names.compactMap { name in
            if case .dnsName(let name) = name { name } else { nil }
        }
    }

    var isAuthority: Bool {
        if case .isCertificateAuthority = try? extensions.basicConstraints { true } else { false }
    }
}

extension WallTime {
    init(_ date: Date) {
        // Dates of certificates lie between the years 0 and 9999, far inside what an Int64 of seconds holds.
        self.init(seconds: Int64(date.timeIntervalSince1970.rounded(.down)))
    }

    var date: Date { Date(timeIntervalSince1970: Double(seconds)) }
}
