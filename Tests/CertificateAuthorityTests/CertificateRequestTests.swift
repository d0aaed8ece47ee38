// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Crypto
import LinuxSystem
import MeshModel
import SwiftASN1
import Testing
import X509

@testable import CertificateAuthority

@Suite("Certificate signing requests")
struct CertificateRequestTests {
    /// A request that asks for everything it must not get.
    private func greedyRequest(_ key: Certificate.PrivateKey) throws -> CertificateSigningRequest {
        let extensions = try Certificate.Extensions {
            Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
            KeyUsage(keyCertSign: true)
            SubjectAlternativeNames([
                .uniformResourceIdentifier("spiffe://mesh.example/ns/default/sa/admin"), .dnsName("bank.example"),
            ])
        }
        return try CertificateSigningRequest(
            version: .v1, subject: try DistinguishedName { CommonName("admin") }, privateKey: key,
            attributes: .init([.init(ExtensionRequest(extensions: extensions))]), signatureAlgorithm: .ecdsaWithSHA256)
    }

    private func der(_ request: CertificateSigningRequest) throws -> [UInt8] {
        var serializer = DER.Serializer()
        try serializer.serialize(request)
        return serializer.serializedBytes
    }

    @Test("only the key of a request is believed")
    func onlyTheKey() throws {
        let key = P256.Signing.PrivateKey()
        let request = try CertificateRequest(der: try der(try greedyRequest(Certificate.PrivateKey(key))))
        let authority = try makeAuthority()
        let identity = SPIFFEID.example("/ns/default/sa/web")
        let asked = try authority.issue(request, identity: identity, now: .now())
        #expect(asked.leaf.publicKey == PublicKey(key.publicKey))
        #expect(asked.leaf.identity == identity)
        #expect(!asked.leaf.isAuthority)
        #expect(asked.leaf.certificate.subject.isEmpty)
        #expect(asked.leaf.certificate.extensions.count == 5)
    }

    @Test("a request in PEM is read")
    func pem() throws {
        let key = P256.Signing.PrivateKey()
        let bytes = try der(try greedyRequest(Certificate.PrivateKey(key)))
        let text = PEMDocument(type: "CERTIFICATE REQUEST", derBytes: bytes).pemString
        #expect(try CertificateRequest(pem: text).publicKey == PublicKey(key.publicKey))
    }

    @Test("a request that is altered, of another kind or no request is refused")
    func refused() throws {
        func code(_ body: () throws -> CertificateRequest) -> ErrorCode? {
            #expect(throws: Problem.self) { _ = try body() }?.code
        }
        var altered = try der(try greedyRequest(Certificate.PrivateKey(P256.Signing.PrivateKey())))
        altered[altered.count - 1] ^= 1
        #expect(code { try CertificateRequest(der: altered) } == .badRequest)
        let other = try CertificateSigningRequest(
            version: .v1, subject: DistinguishedName(), privateKey: Certificate.PrivateKey(P384.Signing.PrivateKey()),
            attributes: .init(), signatureAlgorithm: .ecdsaWithSHA384)
        #expect(code { try CertificateRequest(der: try der(other)) } == .badRequest)
        #expect(code { try CertificateRequest(der: [0x30, 0]) } == .badRequest)
        #expect(code { try CertificateRequest(pem: "nothing") } == .badRequest)
        #expect(code { try CertificateRequest(pem: SigningKey().pem) } == .badRequest)
    }
}
