// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

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
        // Nor is there a way for a proxy that calls itself so while that workload is away.
        #expect(await codes { try await plane.watch("db-1", of: "web", address: "10.0.0.9") } == [.forbidden])
        _ = try await plane.watch("db-1", of: "db", address: "10.0.0.1")
    }

    @Test("nobody joins under the name of a workload that is written with another identity")
    func writtenName() async throws {
        let plane = try await Plane()
        _ = try await plane.apply(
            "kind: Workload\nmetadata: {name: db-1}\nspec: {addresses: [10.0.0.5], spiffeID: \"spiffe://mesh.test/ns/default/sa/db\"}\n"
        )
        try await plane.running {
            func join(_ service: String) async throws -> Enrollment.Joined {
                let (token, _) = try await plane.plane.enrollment.createToken(
                    for: try reference(service), lifetime: .seconds(3600), addresses: ["a:1"], author: "t")
                let csr = try CertificateRequest.text(for: SigningKey())
                return try await plane.plane.join(
                    JoinRequest(token: token.text, csr: csr, name: ResourceName("db-1")), from: "192.0.2.1")
            }
            #expect(await codes { try await join("web") } == [.forbidden])
            _ = try await join("db")
        }
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

    @Test("many addresses that guess shut out nobody but themselves")
    func crowdOfGuessers() throws {
        var limit = AttemptLimit()
        let now = WallTime(seconds: 1_800_000_000)
        for number in 0..<400 { limit.failed("192.0.2.\(number % 100)", now: now) }
        #expect(throws: Problem.self) { try limit.check("192.0.2.7", now: now + .seconds(59)) }
        try limit.check("198.51.100.1", now: now)
        limit.failed("198.51.100.1", now: now)
        #expect(throws: Problem.self) { try limit.check("198.51.100.1", now: now) }
        try limit.check("192.0.2.7", now: now + .seconds(60))
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

    @Test("whoever was taken out renews with none of his certificates")
    func removed() async throws {
        let plane = try await Plane()
        let enrollment = plane.plane.enrollment
        let joined = try await plane.joined("api")
        let other = try await plane.joined("api")
        let begin = plane.clock.now
        func renew(_ serial: String) async throws -> CertificateAnswer {
            let csr = try CertificateRequest.text(for: SigningKey())
            return try await enrollment.renew(
                CertificateRequestMessage(csr: csr), identity: joined.member.identity, serial: serial, begin: begin)
        }
        func serial() async throws -> String? {
            try await enrollment.members().first { $0.workload == joined.member.workload }?.serial
        }
        var serials = [joined.member.serial]
        for _ in 0..<2 {
            _ = try await renew(try #require(serials.last))
            serials.append(try #require(try await serial()))
        }
        // The store may have been set back to before these two: they are not shut out for being unknown.
        _ = try await renew("0b")
        #expect(try await enrollment.remove(joined.member.workload) != nil)
        #expect(await codes { try await renew(serials[0]) } == [.certificateSuperseded])
        #expect(await codes { try await renew(serials[1]) } == [.identityDenied])
        #expect(await codes { try await renew(serials[2]) } == [.identityDenied])
        _ = try await renew(other.member.serial)
        // What was said against them is forgotten when none of them can be used any more.
        plane.clock.advance(.seconds(38 * 86_400))
        try await enrollment.collect()
        let left = try await plane.store.list(prefix: "").entries.map(\.key)
        #expect(!left.contains { $0.hasPrefix("deny/") || $0.hasPrefix("removed/") }, "\(left)")
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
                    request, identity: joined.member.identity, serial: joined.member.serial, begin: plane.clock.now)
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
            identity: joined.member.identity, serial: joined.member.serial, begin: plane.clock.now)
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
