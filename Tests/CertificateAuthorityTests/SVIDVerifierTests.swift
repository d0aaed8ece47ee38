// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import CertificateAuthority
import MeshModel
import MeshTesting
import Testing

@Suite("Verifying SVIDs")
struct SVIDVerifierTests {
    @Test("the shared table of certificates", arguments: try CertificateTable.cases())
    func table(_ row: CertificateCase) async throws {
        let bundles = try row.bundles.mapValues { roots in
            try roots.map { try #require(SignedCertificate(der: $0)) }
        }
        let verifier = SVIDVerifier(TrustBundles(bundles))
        do throws(Problem) {
            let identity = try await verifier.verify(row.chain, now: row.now)
            #expect(.accepted(identity) == row.expectation)
        } catch {
            #expect(.rejected(error.code) == row.expectation, "\(error)")
        }
    }
}
