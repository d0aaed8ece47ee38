// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import MeshTesting
import TLSSession

extension CertificateCase {
    /// What the sidecar's verifier says of the row: the chain as a handshake would hand it over.
    func verify() throws(CertificateRejection) -> VerifiedPeer { try verify(chain) }

    /// The same of another chain before the same bundles.
    func verify(_ chain: [[UInt8]]) throws(CertificateRejection) -> VerifiedPeer {
        var certificates: [Certificate] = []
        for der in chain {
            guard let certificate = Certificate(der: der) else {
                throw CertificateRejection(.certificateInvalid, "it is not an X.509 certificate")
            }
            certificates.append(certificate)
        }
        return try PeerVerifier(trustBundles).verify(certificates, now: now)
    }

    /// As the identity loader would read them: what is no certificate is left out.
    var trustBundles: TrustBundles {
        TrustBundles(bundles.mapValues { $0.compactMap { Certificate(der: $0) } }, generation: 1)
    }
}
