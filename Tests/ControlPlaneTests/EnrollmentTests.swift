// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Bytes
import CertificateAuthority
import ControlAPI
import ControlStore
import Foundation
import MeshModel
import Testing

@testable import ControlPlane

@Suite("Joining and renewing")
struct EnrollmentTests {
    @Test("a token is good for one key, which may come again")
    func token() async throws {
        let plane = try await Plane()
        let enrollment = plane.plane.enrollment
        let (token, _) = try await enrollment.createToken(
            for: try reference("api"), lifetime: .seconds(3600), addresses: ["127.0.0.1:15013"], author: "t")
        let csr = try CertificateRequest.text(for: SigningKey())
        let first = try await enrollment.join(JoinRequest(token: token.text, csr: csr), from: "192.0.2.1")
        #expect(first.member.identity.description == "spiffe://mesh.test/ns/default/sa/api")
        let again = try await enrollment.join(JoinRequest(token: token.text, csr: csr), from: "192.0.2.1")
        #expect(again.member.workload == first.member.workload)
        let other = JoinRequest(token: token.text, csr: try CertificateRequest.text(for: SigningKey()))
        #expect(await codes { try await enrollment.join(other, from: "192.0.2.2") } == [.joinTokenUsed])
        let tried = try await plane.plane.audit.entries(limit: 10)
        #expect(tried.contains { $0.outcome == ErrorCode.joinTokenUsed.label })
    }

    @Test("nobody joins under the name of a workload with another identity")
    func foreignName() async throws {
        let plane = try await Plane()
        let enrollment = plane.plane.enrollment
        func join(_ service: String) async throws -> Enrollment.Joined {
            let (token, _) = try await enrollment.createToken(
                for: try reference(service), lifetime: .seconds(3600), addresses: ["a:1"], author: "t")
            let csr = try CertificateRequest.text(for: SigningKey())
            return try await enrollment.join(
                JoinRequest(token: token.text, csr: csr, name: ResourceName("db-1")), from: "192.0.2.1")
        }
        let owner = try await join("db")
        #expect(await codes { try await join("web") } == [.forbidden])
        #expect(try await enrollment.members() == [owner.member])
        // A machine that was set up anew comes back under its name.
        _ = try await join("db")
    }

    @Test("the secret is nowhere in the store")
    func secret() async throws {
        let plane = try await Plane()
        let (token, _) = try await plane.plane.enrollment.createToken(
            for: try reference("api"), lifetime: .seconds(3600), addresses: ["a:1"], author: "t")
        let parts = token.text.split(separator: ".").map(String.init)
        for entry in try await plane.store.list(prefix: "").entries {
            #expect(!String(decoding: entry.value, as: UTF8.self).contains(parts[2]), "\(entry.key)")
        }
        #expect(!"\(token)".contains(parts[2]))
    }

    @Test("a token that is too old, changed, or unknown is refused", arguments: ["expired", "secret", "id", "cut"])
    func badToken(_ kind: String) async throws {
        let plane = try await Plane()
        let (token, _) = try await plane.plane.enrollment.createToken(
            for: try reference("api"), lifetime: .seconds(3600), addresses: ["a:1"], author: "t")
        var parts = token.text.split(separator: ".").map(String.init)
        switch kind {
        case "expired": plane.clock.advance(.seconds(3601))
        case "secret": parts[2] = String(parts[2].dropFirst()) + "A"
        case "id": parts[1] = "00000000deadbeef"
        default: parts.removeLast()
        }
        let request = JoinRequest(
            token: parts.joined(separator: "."), csr: try CertificateRequest.text(for: SigningKey()))
        let expected: ErrorCode = kind == "expired" ? .joinTokenExpired : .joinTokenInvalid
        #expect(await codes { try await plane.plane.enrollment.join(request, from: "192.0.2.1") } == [expected])
    }

    @Test("guesses are limited")
    func guesses() async throws {
        let plane = try await Plane()
        let wrong = JoinRequest(token: "weft1.x", csr: try CertificateRequest.text(for: SigningKey()))
        for _ in 0..<10 {
            #expect(
                await codes { try await plane.plane.enrollment.join(wrong, from: "192.0.2.1") } == [.joinTokenInvalid])
        }
        #expect(await codes { try await plane.plane.enrollment.join(wrong, from: "192.0.2.1") } == [.tooManyAttempts])
        #expect(await codes { try await plane.plane.enrollment.join(wrong, from: "192.0.2.2") } == [.joinTokenInvalid])
        plane.clock.advance(.seconds(61))
        #expect(await codes { try await plane.plane.enrollment.join(wrong, from: "192.0.2.1") } == [.joinTokenInvalid])
    }

    @Test("of a request only its key is believed")
    func names() async throws {
        let plane = try await Plane()
        let joined = try await plane.joined("api")
        let leaf = try #require(SignedCertificate.all(inPEM: joined.certificate.chain)?.first)
        #expect(leaf.identity?.description == "spiffe://mesh.test/ns/default/sa/api")
        #expect(joined.certificate.chain.hasSuffix("-----END CERTIFICATE-----\n"))
    }

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
            await codes { try await enrollment.renew(request, identity: member.identity, serial: member.serial) }
                == [.identityFrozen])
        #expect(try await enrollment.thaw(member.workload))
        _ = try await enrollment.renew(request, identity: member.identity, serial: member.serial)
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
                identity: joined.member.identity, serial: joined.member.serial)
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

    /// A leaf that ended a day ago, with its key.
    private func expired(_ plane: Plane) async throws -> (certificate: String, key: SigningKey) {
        let key = SigningKey()
        let joined = try await plane.joined("api", key: key)
        plane.clock.advance(.seconds(2 * 86_400))
        return (try #require(SignedCertificate.all(inPEM: joined.certificate.chain)?.first).pem, key)
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

    @Test("a denied identity neither joins nor renews")
    func denied() async throws {
        let plane = try await Plane()
        let joined = try await plane.joined("api")
        try await plane.plane.deny(identity: joined.member.identity, serial: nil, isDenied: true, author: "t")
        let request = CertificateRequestMessage(csr: try CertificateRequest.text(for: SigningKey()))
        #expect(
            await codes {
                try await plane.plane.enrollment.renew(
                    request, identity: joined.member.identity, serial: joined.member.serial)
            } == [.identityDenied])
        #expect(await codes { try await plane.joined("api") } == [.identityDenied])
        try await plane.plane.deny(identity: joined.member.identity, serial: nil, isDenied: false, author: "t")
        _ = try await plane.joined("api")
    }

    @Test("the root is rotated in four steps, in their order only")
    func rotation() async throws {
        let plane = try await Plane()
        let control = plane.plane
        let joined = try await plane.joined("api")
        #expect(
            await codes { try await control.rotate(to: .sign, isForced: false, author: "t") } == [.wrongRotationStep])
        let before = await control.authority.bundle
        try await control.rotate(to: .stage, isForced: false, author: "t")
        #expect(await control.authority.rootCertificates.count == 1)
        #expect(
            await codes { try await control.rotate(to: .stage, isForced: false, author: "t") } == [.wrongRotationStep])
        try await control.rotate(to: .trust, isForced: false, author: "t")
        #expect(await control.authority.rootCertificates.count == 2)
        try await control.rotate(to: .sign, isForced: false, author: "t")
        let next = try await plane.joined("web")
        let root = try #require(SignedCertificate.all(inPEM: next.certificate.chain)?.last)
        let old = try #require(SignedCertificate.all(inPEM: joined.certificate.chain)?.last)
        #expect(root != old)
        // The first one still has a certificate of the old root.
        #expect(
            await codes { try await control.rotate(to: .retire, isForced: false, author: "t") } == [.rotationIncomplete]
        )
        let answer = try await control.enrollment.renew(
            CertificateRequestMessage(csr: try CertificateRequest.text(for: SigningKey())),
            identity: joined.member.identity, serial: joined.member.serial)
        // The answer may have been lost: who has it has to come with it first.
        plane.clock.advance(.seconds(60))
        #expect(try await control.rotation().missing == ["\(joined.member.workload)"])
        let leaf = try #require(SignedCertificate.all(inPEM: answer.chain)?.first)
        await control.enrollment.noteShown(CertificateFacts(leaf).serialNumber, by: joined.member.identity)
        // Handshakes that were begun with the certificate before have time to end.
        #expect(
            await codes { try await control.rotate(to: .retire, isForced: false, author: "t") } == [.rotationIncomplete]
        )
        plane.clock.advance(.seconds(11))
        #expect(
            await codes { try await control.rotate(to: .cut, isForced: false, author: "t") } == [.wrongRotationStep])
        try await control.rotate(to: .retire, isForced: false, author: "t")
        #expect(await control.authority.rootCertificates.count == 1)
        #expect(try await control.rotation().next == nil)
        // It vouches for what is open, until whatever came from it has ended or somebody says that it must not.
        #expect(await control.authority.retiredBundle == before)
        try await control.rotate(to: .cut, isForced: false, author: "t")
        #expect(await control.authority.retiredBundle.isEmpty)
    }
}
