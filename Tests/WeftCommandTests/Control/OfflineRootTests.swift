// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

@Suite("A root whose key is elsewhere", .serialized)
struct OfflineRootTests {
    private let scene: ControlScene

    init() async throws {
        scene = try await ControlScene()
        // The directory of the key, with the public part of the root, as an operator carries it away.
        let carried = try await scene.shell("mv %/data/ca/offline %/safe && cp %/data/ca/root.pem %/safe/")
        try #require(carried.succeeded, "\(carried)")
    }

    private func intermediate() async throws -> String? {
        let certificates = try await scene.json("ca status")["certificates"] as? [[String: Any]]
        return certificates?.first { $0["role"] as? String == "intermediate" }?["fingerprint"] as? String
    }

    @Test("the replica's request is signed there and installed here, and machines go on joining")
    func roundTrip() async throws {
        let before = try #require(try await intermediate())
        let signed = try await scene.shell(
            "weft ca csr > %/1.csr && weft ca sign %/1.csr --directory %/safe --root-key %/safe/root-key.pem > %/1.pem"
                + " && openssl verify -CAfile %/safe/root.pem %/1.pem && openssl x509 -in %/1.pem -noout -text")
        try #require(signed.succeeded, "\(signed)")
        #expect(signed.output.contains("CA:TRUE, pathlen:0") && signed.output.contains("Name Constraints"))
        let installed = try await scene.weft("ca install %/1.pem")
        #expect(installed.succeeded, "\(installed)")
        #expect(try await intermediate() != before)
        let joined = try await scene.shell(
            "weft join $(weft token create --service web 2>/dev/null) --state %/state --config %/proxy.yaml"
                + " --owner \(ControlScene.proxyUser) && openssl verify -CAfile %/safe/root.pem -untrusted %/1.pem"
                + " %/state/identity/chain.pem")
        #expect(joined.succeeded, "\(joined)")
    }

    @Test("what another root has signed, or for another key, is refused, and nothing changes")
    func refused() async throws {
        let before = try #require(try await intermediate())
        let foreign = try await scene.shell(
            "weft ca csr > %/1.csr && weft ca create --trust-domain mesh.test --directory %/other > /dev/null"
                + " && weft ca sign %/1.csr --directory %/other > %/foreign.pem"
                + " && cp %/data/ca/intermediate.pem %/again.pem")
        try #require(foreign.succeeded, "\(foreign)")
        for file in ["foreign", "again", "1.csr"] {
            let name = file.contains(".") ? file : file + ".pem"
            let result = try await scene.weft("ca install %/\(name)")
            #expect(!result.succeeded && result.error.contains("WEFT"), "\(file): \(result)")
        }
        #expect(try await intermediate() == before)
        let mismatch = try await scene.weft(
            "ca sign %/1.csr --directory %/safe --root-key %/other/offline/root-key.pem")
        #expect(!mismatch.succeeded && mismatch.error.contains("belongs to no root"), "\(mismatch)")
        let noRequest = try await scene.weft("ca sign %/foreign.pem --directory %/safe --root-key %/safe/root-key.pem")
        #expect(!noRequest.succeeded && noRequest.error.contains("WEFT"), "\(noRequest)")
    }
}
