// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel
internal import SwiftASN1
internal import X509

/// Judges a path whose signatures have been verified, leaf first and root last: ``SVIDRules``, and what the library cannot
/// tell with a code of its own.
struct ChainRules: Sendable {
    /// Checked here, so that they may be critical.
    static let criticalExtensions: [ASN1ObjectIdentifier] = [
        .X509ExtensionID.subjectAlternativeName, .X509ExtensionID.extendedKeyUsage,
    ]

    /// The claim of the leaf, read by ``SVIDRules``.
    let identity: SPIFFEID
    let now: WallTime

    func problem(in path: [Certificate]) -> Problem? {
        do throws(Problem) {
            var members: [ChainMember] = []
            for (index, certificate) in path.enumerated() {
                members.append(try ChainMember(certificate, place: ChainPlace.name(index, of: max(2, path.count))))
            }
            // The signature of a root is by itself, and nobody relies on it.
            for member in members.dropLast() where member.certificate.signatureAlgorithm == .sha1WithRSAEncryption {
                throw Problem(.weakSignature, at: member.place, "it is signed with SHA-1")
            }
            for (member, issuer) in zip(members, members.dropFirst()) where !member.namesKey(of: issuer) {
                throw Problem(.unknownRoot, at: member.place, "it names another key than that of its issuer")
            }
            return SVIDRules.problem(in: members.map(\.facts), claiming: identity, at: now)
                ?? constraintProblem(members)
        } catch {
            return error
        }
    }
}
