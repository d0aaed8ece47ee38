// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel
internal import SwiftASN1
internal import X509

/// What X509-SVID and RFC 5280 ask of a chain whose signatures have been verified, leaf first and root last.
///
/// | rule | where |
/// |---|---|
/// | exactly one URI name, a SPIFFE ID with a path, no name of another type | ``LeafIdentity`` |
/// | the leaf is no CA, may not sign, has its usages; its name is critical under an empty subject | `leafProblem` |
/// | whoever signs is a CA, may sign, is nobody's identity | `issuerProblem` |
/// | path lengths and URI name constraints | `constraintProblem` |
/// | dates, strength, version | `commonProblem` |
/// | the bundle is that of the peer's trust domain; there is no path to a root | ``SVIDVerifier``, ``ChainDiagnosis`` |
///
/// The first rule that is broken gives the code. The order is from what one certificate is to how several fit together.
struct SVIDRules: Sendable {
    /// Checked here, so that they may be critical.
    static let criticalExtensions: [ASN1ObjectIdentifier] = [
        .X509ExtensionID.subjectAlternativeName, .X509ExtensionID.extendedKeyUsage,
    ]

    /// The claim of the leaf, read by ``LeafIdentity``.
    let identity: SPIFFEID
    let now: WallTime

    func problem(in chain: [Certificate]) -> Problem? {
        do throws(Problem) {
            try check(chain)
            return nil
        } catch {
            return error
        }
    }

    private func check(_ chain: [Certificate]) throws(Problem) {
        guard chain.count - 2 <= ChainLimits.intermediates else {
            throw Problem(
                .chainTooLong, "there are \(chain.count - 2) intermediates between the leaf and its root",
                remedy: "at most \(ChainLimits.intermediates)")
        }
        var members: [ChainMember] = []
        for (index, certificate) in chain.enumerated() {
            members.append(try ChainMember(certificate, place: ChainPlace.name(index, of: max(2, chain.count))))
        }
        for member in members {
            if let problem = commonProblem(member) { throw problem }
        }
        if let problem = leafProblem(members[0]) { throw problem }
        for issuer in members.dropFirst() {
            if let problem = issuerProblem(issuer) { throw problem }
        }
        if let problem = constraintProblem(members) { throw problem }
        // A certificate that stands in the bundle itself would be its own proof.
        guard members.count > 1 else {
            throw Problem(.issuerNotAuthority, at: "the leaf", "it stands in the bundle, but signs only itself")
        }
    }

    private func commonProblem(_ member: ChainMember) -> Problem? {
        guard member.certificate.version == .v3 else {
            return Problem(.certificateInvalid, at: member.place, "it is not of version 3")
        }
        // The signature of a root is by itself, and nobody relies on it.
        if member.place != "the root", member.certificate.signatureAlgorithm == .sha1WithRSAEncryption {
            return Problem(.weakSignature, at: member.place, "it is signed with SHA-1")
        }
        return member.certificate.validity.problem(at: now, of: member.place)
    }

    private func leafProblem(_ leaf: ChainMember) -> Problem? {
        func problem(_ code: ErrorCode, _ message: String) -> Problem { Problem(code, at: leaf.place, message) }
        if leaf.isAuthority { return problem(.leafIsAuthority, "it says that it is a CA") }
        guard let usage = leaf.keyUsage, leaf.isKeyUsageCritical else {
            return problem(.leafKeyUsage, "it has no critical keyUsage")
        }
        guard usage.digitalSignature else { return problem(.leafKeyUsage, "its keyUsage lacks digitalSignature") }
        guard !usage.keyCertSign, !usage.cRLSign else {
            return problem(.leafKeyUsage, "its keyUsage lets it sign certificates or CRLs")
        }
        if let usages = leaf.extendedKeyUsage {
            for (usage, name) in [(ExtendedKeyUsage.Usage.serverAuth, "serverAuth"), (.clientAuth, "clientAuth")] {
                guard usages.contains(usage) else {
                    return problem(.leafExtendedKeyUsage, "its extendedKeyUsage lacks \(name)")
                }
            }
        }
        if leaf.certificate.subject.isEmpty, !leaf.areNamesCritical {
            return problem(.subjectAlternativeName, "its subject is empty, and its names are not critical")
        }
        return nil
    }

    private func issuerProblem(_ issuer: ChainMember) -> Problem? {
        guard issuer.isAuthority else {
            return Problem(.issuerNotAuthority, at: issuer.place, "it signs, but is not a CA")
        }
        guard issuer.keyUsage?.keyCertSign == true else {
            return Problem(.issuerKeyUsage, at: issuer.place, "it signs, but its keyUsage lacks keyCertSign")
        }
        for name in issuer.certificate.uriNames where name.lowercased().hasPrefix("spiffe:") {
            guard name == "spiffe://\(identity.trustDomain)" else {
                return Problem(
                    .issuerIdentity, at: issuer.place,
                    "it signs for \(identity.trustDomain), but is \(String(name.prefix(100)).debugDescription)")
            }
        }
        return nil
    }
}
