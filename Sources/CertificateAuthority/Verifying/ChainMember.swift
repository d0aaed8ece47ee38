// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel
internal import SwiftASN1
internal import X509

/// A certificate of a chain with the extensions that rules look at, decoded once. What cannot be decoded is refused
/// here: a rule must not take "unreadable" for "absent".
struct ChainMember {
    let certificate: Certificate
    let place: String
    let isAuthority: Bool
    /// How many intermediates may follow; nil where nothing limits them.
    let pathLength: Int?
    let keyUsage: KeyUsage?
    let extendedKeyUsage: ExtendedKeyUsage?
    let nameConstraints: NameConstraints?

    init(_ certificate: Certificate, place: String) throws(Problem) {
        self.certificate = certificate
        self.place = place
        do {
            let extensions = certificate.extensions
            switch try extensions.basicConstraints {
            case .isCertificateAuthority(let pathLength):
                isAuthority = true
                self.pathLength = pathLength
            case .notCertificateAuthority, nil:
                isAuthority = false
                pathLength = nil
            }
            keyUsage = try extensions.keyUsage
            extendedKeyUsage = try extensions.extendedKeyUsage
            nameConstraints = try extensions.nameConstraints
            _ = try extensions.subjectAlternativeNames
            _ = try extensions.authorityKeyIdentifier
            _ = try extensions.subjectKeyIdentifier
        } catch {
            throw Problem(.certificateInvalid, at: place, "one of its extensions cannot be read")
        }
    }

    var isKeyUsageCritical: Bool { certificate.extensions[oid: .X509ExtensionID.keyUsage]?.critical == true }

    var areNamesCritical: Bool {
        certificate.extensions[oid: .X509ExtensionID.subjectAlternativeName]?.critical == true
    }
}
