// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import CertificateAuthority
import MeshModel
import MeshTesting

extension CertificateCase {
    /// What the authority's verifier says of the row. In a file of its own, because both verifiers have bundles.
    func authorityVerdict(_ chain: [[UInt8]]) async -> Expectation {
        let bundles = bundles.mapValues { $0.compactMap { SignedCertificate(der: $0) } }
        do throws(Problem) {
            return .accepted(try await SVIDVerifier(TrustBundles(bundles)).verify(chain, now: now))
        } catch {
            return .rejected(error.code)
        }
    }
}
