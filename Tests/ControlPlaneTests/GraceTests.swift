// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Bytes
import CertificateAuthority
import ControlAPI
import ControlStore
import Foundation
import MeshModel
import MeshTesting
import Testing

@testable import ControlPlane

@Suite("Renewing after the end")
struct GraceTests {
    @Test("an expired certificate is renewed by its key, for seven days")
    func grace() async throws {
        let plane = try await Plane()
        let (certificate, key) = try await expired(plane)
        let answer = try await plane.plane.enrollment.renewExpired(
            try await proof(plane, certificate, key, SigningKey()), from: "192.0.2.1")
        #expect(answer.notAfter > plane.clock.now)
        plane.clock.advance(.seconds(8 * 86_400))
        let late = try await proof(plane, certificate, key, SigningKey())
        #expect(await codes { try await plane.plane.enrollment.renewExpired(late, from: "192.0.2.1") } == [.graceOver])
    }

    @Test("a second key for one certificate freezes the workload")
    func frozen() async throws {
        let plane = try await Plane()
        let (certificate, key) = try await expired(plane)
        let enrollment = plane.plane.enrollment
        let mine = SigningKey()
        _ = try await enrollment.renewExpired(try await proof(plane, certificate, key, mine), from: "192.0.2.1")
        // The answer was lost: the same key again.
        _ = try await enrollment.renewExpired(try await proof(plane, certificate, key, mine), from: "192.0.2.1")
        let thief = try await proof(plane, certificate, key, SigningKey())
        #expect(await codes { try await enrollment.renewExpired(thief, from: "192.0.2.9") } == [.identityFrozen])
        let member = try #require(try await enrollment.members().first)
        #expect(member.isFrozen)
        let request = CertificateRequestMessage(csr: try CertificateRequest.text(for: mine))
        #expect(
            await codes {
                try await enrollment.renew(
                    request, identity: member.identity, serial: member.serial, begin: plane.clock.now)
            }
                == [.identityFrozen])
        #expect(try await enrollment.thaw(member.workload))
        _ = try await enrollment.renew(
            request, identity: member.identity, serial: member.serial, begin: plane.clock.now)
    }

    @Test("a renewal whose answer was lost is made again with its key, before the certificate's end and after")
    func lostAnswer() async throws {
        let plane = try await Plane()
        let key = SigningKey()
        let joined = try await plane.joined("api", key: key)
        let certificate =
            String(joined.certificate.chain.split(separator: "-----END CERTIFICATE-----\n")[0])
            + "-----END CERTIFICATE-----\n"
        let enrollment = plane.plane.enrollment
        let mine = SigningKey()
        for _ in 0..<2 {
            _ = try await enrollment.renew(
                CertificateRequestMessage(csr: try CertificateRequest.text(for: mine)),
                identity: joined.member.identity, serial: joined.member.serial, begin: plane.clock.now)
        }
        plane.clock.advance(.seconds(2 * 86_400))
        let answer = try await enrollment.renewExpired(
            try await proof(plane, certificate, key, mine), from: "192.0.2.1")
        let member = try #require(try await enrollment.members().first)
        #expect(member.notAfter == answer.notAfter && !member.isFrozen)
    }

    @Test("a nonce is good for one certificate, and not for long; another's signature is not")
    func nonces() async throws {
        let plane = try await Plane()
        let (certificate, key) = try await expired(plane)
        let forged = try await proof(plane, certificate, SigningKey(), SigningKey())
        #expect(await codes { try await plane.plane.enrollment.renewExpired(forged, from: "a") } == [.badRequest])
        let old = try await proof(plane, certificate, key, SigningKey())
        plane.clock.advance(.seconds(120))
        #expect(await codes { try await plane.plane.enrollment.renewExpired(old, from: "a") } == [.badRequest])
    }

    @Test("a certificate that another replica issued is renewed by any, also when its issuer is gone")
    func replicas() async throws {
        let plane = try await Plane()
        let (certificate, key) = try await expired(plane)
        let other = try await plane.replica("control-2")
        #expect(await other.plane.authority.report().count == plane.plane.authority.report().count)
        let first = try await other.plane.enrollment.renewExpired(
            try await proof(other, certificate, key, SigningKey()), from: "192.0.2.1")
        #expect(first.notAfter > plane.clock.now)
        #expect(try await plane.plane.enrollment.members().map(\.notAfter) == [first.notAfter])
    }

    @Test("two keys for one certificate are noticed at whichever replicas they come")
    func frozenElsewhere() async throws {
        let plane = try await Plane()
        let (certificate, key) = try await expired(plane)
        let other = try await plane.replica("control-2")
        _ = try await plane.plane.enrollment.renewExpired(
            try await proof(plane, certificate, key, SigningKey()), from: "192.0.2.1")
        let thief = try await proof(other, certificate, key, SigningKey())
        #expect(
            await codes { try await other.plane.enrollment.renewExpired(thief, from: "192.0.2.9") }
                == [.identityFrozen])
    }

    @Test("a certificate with the right number and another key is nobody's, whoever signed it")
    func forged() async throws {
        let plane = try await Plane()
        let (certificate, _) = try await expired(plane)
        let real = try #require(SignedCertificate.all(inPEM: certificate)?.first)
        let (forged, stranger) = try Self.leaf(numbered: real, now: plane.clock.now)
        let request = try await proof(plane, forged, stranger, SigningKey())
        #expect(
            await codes { try await plane.plane.enrollment.renewExpired(request, from: "192.0.2.9") }
                == [.badSignature])
        #expect(try await plane.plane.enrollment.members().allSatisfy { !$0.isFrozen })
    }

    @Test("before the certificate's end two processes may renew it, as when one takes over from another")
    func twoProcesses() async throws {
        let plane = try await Plane()
        let joined = try await plane.joined("api")
        let enrollment = plane.plane.enrollment
        func renew(_ key: SigningKey) async throws -> CertificateAnswer {
            try await enrollment.renew(
                CertificateRequestMessage(csr: try CertificateRequest.text(for: key)),
                identity: joined.member.identity, serial: joined.member.serial, begin: plane.clock.now)
        }
        let mine = SigningKey()
        _ = try await renew(mine)
        let first = try #require(try await enrollment.members().first)
        let other = try await renew(SigningKey())
        #expect(other.notAfter > plane.clock.now)
        #expect(try await enrollment.members() == [first], "what can be renewed after its end is one")
        _ = try await renew(mine)
        #expect(try await enrollment.members().allSatisfy { !$0.isFrozen })
    }

    /// A leaf that ended a day ago, with its key.
    private func expired(_ plane: Plane) async throws -> (certificate: String, key: SigningKey) {
        let key = SigningKey()
        let joined = try await plane.joined("api", key: key)
        plane.clock.advance(.seconds(2 * 86_400))
        return (try #require(SignedCertificate.all(inPEM: joined.certificate.chain)?.first).pem, key)
    }

    /// A certificate with the name and number of another, by an authority of its own.
    private static func leaf(
        numbered real: SignedCertificate, now: WallTime
    ) throws -> (certificate: String, key: SigningKey) {
        let mesh = try TestMesh("mesh.test", now: now)
        let digits = Array(CertificateFacts(real).serialNumber)
        let number = stride(from: 0, to: digits.count - 1, by: 2).compactMap {
            UInt8(String(digits[$0...($0 + 1)]), radix: 16)
        }
        let minted = try mesh.leaf(real.identity?.description) { recipe in
            recipe.tamper = { body in
                // SEQUENCE, then the version in five bytes, then the number in eighteen.
                let rest = body.dropFirst(4 + 5 + 18)
                let content = body[4..<9] + [2, UInt8(number.count)] + number + rest
                body = [0x30, 0x82, UInt8(content.count >> 8), UInt8(content.count & 0xff)] + content
            }
        }
        let forged = try #require(SignedCertificate(der: minted.der))
        try #require(CertificateFacts(forged).serialNumber == CertificateFacts(real).serialNumber)
        return (forged.pem, try #require(SigningKey(pem: minted.key.pem)))
    }

    private func proof(
        _ plane: Plane, _ certificate: String, _ old: SigningKey, _ new: SigningKey
    ) async throws -> RenewRequest {
        let challenge = try await plane.plane.enrollment.challenge(
            RenewChallengeRequest(certificate: certificate), from: "192.0.2.1")
        let csr = try CertificateRequest.text(for: new)
        let nonce = try #require(Base64.bytes(of: challenge.nonce))
        let signature = try old.signature(of: nonce + CertificateRequest(pem: csr).der)
        return RenewRequest(
            certificate: certificate, nonce: challenge.nonce, csr: csr, signature: Base64.text(of: signature))
    }
}
