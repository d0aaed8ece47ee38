// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import CertificateAuthority
import Foundation
import LinuxSystem
import MeshModel
import MeshTesting
import Testing

/// What others make of our certificates: the `openssl` of the system, whose library the sidecar verifies with.
@Suite("Certificates before OpenSSL")
struct OpenSSLTests {
    private let shop: Workshop
    private static let program = "/usr/bin/openssl"

    init() throws { shop = try Workshop() }

    private func openssl(_ arguments: String...) throws -> ChildResult {
        try ChildProcess.run(Self.program, arguments, timeout: .seconds(20))
    }

    @Test("a chain passes in strict mode for both ends", arguments: ["sslserver", "sslclient"])
    func chain(purpose: String) throws {
        let authority = try makeAuthority()
        let key = SigningKey()
        let issued = try authority.issue(key.publicKey, identity: .example("/ns/default/sa/web"), now: .now())
        try IdentityDirectory(shop("web")).create(issued, key: key, owner: nil)
        let result = try openssl(
            "verify", "-x509_strict", "-purpose", purpose, "-auth_level", "2", "-CAfile", shop("web/bundle.pem"),
            "-untrusted", shop("web/chain.pem"), shop("web/chain.pem"))
        #expect(result.succeeded, "\(result.error)")
    }

    @Test("the key file is PKCS#8 for P-256 and fits the leaf")
    func key() throws {
        let key = SigningKey()
        try shop.write(key.pem, to: "key.pem")
        let shown = try openssl("pkey", "-in", shop("key.pem"), "-noout", "-text")
        #expect(shown.output.contains("prime256v1"))
        let issued = try makeAuthority().issue(key.publicKey, identity: .example("/ns/default/sa/web"), now: .now())
        try shop.write(issued.leaf.pem, to: "leaf.pem")
        let fromKey = try openssl("pkey", "-in", shop("key.pem"), "-pubout").output
        let fromLeaf = try openssl("x509", "-in", shop("leaf.pem"), "-pubkey", "-noout").output
        #expect(fromKey == fromLeaf)
    }

    @Test("a key and a request made by openssl are taken")
    func request() throws {
        #expect(
            try openssl(
                "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=admin",
                "-keyout", shop("key.pem"), "-out", shop("request.pem")
            ).succeeded)
        let key = try #require(SigningKey(pem: try shop.text("key.pem")))
        #expect(try CertificateRequest(pem: try shop.text("request.pem")).publicKey == key.publicKey)
        _ = try openssl("ecparam", "-name", "prime256v1", "-genkey", "-out", shop("sec1.pem"))
        #expect(try shop.text("sec1.pem").contains("BEGIN EC PARAMETERS"))
        #expect(SigningKey(pem: try shop.text("sec1.pem")) != nil)
    }

    @Test("the intermediate is held to its trust domain")
    func nameConstraint() throws {
        let now = WallTime.now()
        let good = try TestMesh(now: now)
        for (identity, passes) in [(good.identity, true), ("spiffe://sub.mesh.example/x", false)] {
            let leaf = try good.leaf(identity)
            for (name, der) in [("leaf", leaf.der), ("intermediate", good.intermediate.der), ("root", good.root.der)] {
                try shop.write(try #require(SignedCertificate(der: der)).pem, to: name)
            }
            let result = try openssl(
                "verify", "-CAfile", shop("root"), "-untrusted", shop("intermediate"), shop("leaf"))
            #expect(result.succeeded == passes, "\(identity): \(result.error)")
        }
    }
}
