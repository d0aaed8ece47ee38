// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import MeshTesting
import TLSSession
import Testing

@Suite("The sidecar's verifier")
struct PeerVerifierTests {
    @Test("the shared table of certificates", arguments: try CertificateTable.cases())
    func table(_ row: CertificateCase) throws {
        do throws(CertificateRejection) {
            let peer = try row.verify()
            #expect(.accepted(peer.identity) == row.expectation)
        } catch {
            #expect(.rejected(error.code) == row.expectation, "\(error)")
        }
    }
}
