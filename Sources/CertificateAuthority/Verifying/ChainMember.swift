// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel
internal import SwiftASN1
internal import X509

/// A certificate of a chain with the extensions that rules look at, decoded once. What cannot be decoded is refused
/// here: a rule must not take "unreadable" for "absent".
struct ChainMember {
    let certificate: Certificate
    let place: String
    let facts: SVIDFacts
    /// How many intermediates may follow; nil where nothing limits them.
    let pathLength: Int?
    let nameConstraints: NameConstraints?
    /// The keys by which it finds its issuer and is found, as far as it tells.
    private let authorityKey: ArraySlice<UInt8>?
    private let ownKey: ArraySlice<UInt8>?

    init(_ certificate: Certificate, place: String) throws(Problem) {
        self.certificate = certificate
        self.place = place
        let extensions = certificate.extensions
        guard extensions.count <= ChainLimits.extensions else {
            throw Problem(.certificateInvalid, at: place, "it has \(extensions.count) extensions")
        }
        var facts = SVIDFacts(validity: certificate.validity)
        facts.isVersion3 = certificate.version == .v3
        facts.isSubjectEmpty = certificate.subject.isEmpty
        facts.areUsagesCritical = extensions[oid: .X509ExtensionID.keyUsage]?.critical == true
        facts.areNamesCritical = extensions[oid: .X509ExtensionID.subjectAlternativeName]?.critical == true
        do {
            switch try extensions.basicConstraints {
            case .isCertificateAuthority(let pathLength):
                facts.isAuthority = true
                self.pathLength = pathLength
            case .notCertificateAuthority, nil:
                pathLength = nil
            }
            facts.usages = try extensions.keyUsage.map(Self.usages)
            facts.purposes = try extensions.extendedKeyUsage.map(Self.purposes)
            nameConstraints = try extensions.nameConstraints
            authorityKey = try extensions.authorityKeyIdentifier?.keyIdentifier
            ownKey = try extensions.subjectKeyIdentifier?.keyIdentifier
        } catch {
            throw Problem(.certificateInvalid, at: place, "one of its extensions cannot be read")
        }
        do {
            for name in try extensions.subjectAlternativeNames ?? SubjectAlternativeNames() {
                if case .uniformResourceIdentifier(let uri) = name {
                    facts.uriNames.append(uri)
                } else {
                    facts.hasOtherNames = true
                }
            }
        } catch {
            let code = place == ChainPlace.leaf ? ErrorCode.malformedIdentity : .certificateInvalid
            throw Problem(code, at: place, "its alternative names cannot be read")
        }
        self.facts = facts
    }

    /// False if it says that another key than the issuer's has signed it. The library takes that for a hint; OpenSSL does
    /// not.
    func namesKey(of issuer: ChainMember) -> Bool {
        guard let authorityKey, let key = issuer.ownKey else { return true }
        return authorityKey == key
    }

    private static func usages(_ usage: KeyUsage) -> SVIDFacts.Usages {
        var usages: SVIDFacts.Usages = []
        if usage.digitalSignature { usages.insert(.digitalSignature) }
        if usage.keyCertSign { usages.insert(.keyCertSign) }
        if usage.cRLSign { usages.insert(.cRLSign) }
        return usages
    }

    private static func purposes(_ usage: ExtendedKeyUsage) -> SVIDFacts.Purposes {
        var purposes: SVIDFacts.Purposes = []
        if usage.contains(.serverAuth) { purposes.insert(.serverAuth) }
        if usage.contains(.clientAuth) { purposes.insert(.clientAuth) }
        return purposes
    }
}
