// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel
internal import SwiftASN1
internal import X509

/// Says why no path leads from a leaf to a root. The library looks for one and tells only that there is none; an operator
/// needs to know whether to look for a wrong bundle, an altered certificate or an extension.
///
/// Goes up from the leaf as long as somebody has signed it, and names what is wrong where that ends.
struct ChainDiagnosis {
    private static let known: [ASN1ObjectIdentifier] =
        ChainRules.criticalExtensions + [
            .X509ExtensionID.basicConstraints, .X509ExtensionID.nameConstraints, .X509ExtensionID.keyUsage,
        ]

    let roots: [Certificate]
    /// What was shown beside the leaf; at most ``ChainLimits/shown``, which bounds the walk.
    let shown: [Certificate]

    func problem(of leaf: Certificate) -> Problem {
        var tip = leaf
        var unused = shown
        // The last step is at the root, which may have an extension that nobody knows.
        for step in 0...shown.count + 1 {
            let place = step == 0 ? ChainPlace.leaf : roots.contains(tip) ? ChainPlace.root : "intermediate \(step)"
            if let name = Self.unknownCriticalExtension(of: tip) {
                return Problem(.unhandledExtension, at: place, "its critical extension \(name) is not understood")
            }
            if !roots.contains(tip), tip.publicKey.isValidSignature(tip.signature, for: tip) {
                return Problem(.unknownRoot, at: place, "it is signed by itself and is none of the bundle's roots")
            }
            let candidates = (roots + unused).filter { Self.mayHaveIssued($0, tip) && $0 != tip }
            guard !candidates.isEmpty else {
                return Problem(.unknownRoot, at: place, "it is signed by none of the bundle's roots")
            }
            let signers = candidates.filter { $0.publicKey.isValidSignature(tip.signature, for: tip) }
            guard let signer = signers.first else {
                return Problem(.badSignature, at: place, "its signature is not by the key of its issuer")
            }
            tip = signer
            unused.removeAll { $0 == signer }
        }
        return Problem(.certificateInvalid, "the certificates shown form no path to a root")
    }

    private static func unknownCriticalExtension(of certificate: Certificate) -> String? {
        certificate.extensions.first { $0.critical && !known.contains($0.oid) }.map { "\($0.oid)" }
    }

    /// By name and, where both tell it, by key: another key of the same name has not issued anything.
    private static func mayHaveIssued(_ issuer: Certificate, _ certificate: Certificate) -> Bool {
        guard issuer.subject == certificate.issuer else { return false }
        guard let wanted = try? certificate.extensions.authorityKeyIdentifier?.keyIdentifier,
            let offered = try? issuer.extensions.subjectKeyIdentifier?.keyIdentifier
        else { return true }
        return wanted == offered
    }
}
