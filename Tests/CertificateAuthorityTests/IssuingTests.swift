// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Crypto
import Foundation
import LinuxSystem
import MeshModel
import Testing
import X509

@testable import CertificateAuthority

@Suite("Issuing certificates")
struct IssuingTests {
    private let web = SPIFFEID.example("/ns/default/sa/web")

    @Test("a workload's certificate has one name, its usages and nothing more")
    func leafProfile() throws {
        let authority = try makeAuthority()
        let leaf = try authority.issue(SigningKey().publicKey, identity: web, now: .now()).leaf
        let extensions = leaf.certificate.extensions
        #expect(leaf.identity == web)
        #expect(leaf.certificate.subject.isEmpty)
        #expect(extensions.count == 5)
        #expect(try extensions.basicConstraints == .notCertificateAuthority)
        #expect(try extensions.keyUsage == KeyUsage(digitalSignature: true))
        #expect(try extensions.extendedKeyUsage == ExtendedKeyUsage([.serverAuth, .clientAuth]))
        #expect(
            try extensions.authorityKeyIdentifier?.keyIdentifier.map { Array($0) }
                == authority.certificate.publicKey?.identifier)
        let critical = extensions.filter(\.critical).map(\.oid)
        #expect(
            critical == [
                .X509ExtensionID.basicConstraints, .X509ExtensionID.keyUsage, .X509ExtensionID.subjectAlternativeName,
            ])
    }

    @Test("the chain on the wire stays short")
    func sizes() throws {
        let authority = try makeAuthority()
        let chain = try authority.issue(SigningKey().publicKey, identity: web, now: .now()).chain
        #expect(chain.count == 2)
        #expect(chain[0].der.count <= 460)
        #expect(chain[1].der.count <= 470)
    }

    @Test("serial numbers are random, positive and of one length")
    func serialNumbers() throws {
        let authority = try makeAuthority()
        let serials = try (0..<20).map { _ in
            try authority.issue(SigningKey().publicKey, identity: web, now: .now()).leaf.certificate.serialNumber.bytes
        }
        #expect(Set(serials.map { Array($0) }).count == serials.count)
        #expect(serials.allSatisfy { $0.count == 17 && 1...127 ~= $0.first ?? 0 })
    }

    @Test("certificates begin twenty minutes ago and end as asked")
    func dates() throws {
        let now = WallTime(seconds: 1_800_000_000)
        let leaf = try makeAuthority(now: now).issue(SigningKey().publicKey, identity: web, now: now).leaf
        #expect(leaf.validity.notBefore == WallTime(seconds: 1_800_000_000 - 1200))
        #expect(leaf.validity.notAfter == WallTime(seconds: 1_800_000_000 + 86_400))
    }

    struct Refusal: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let lifetime: Duration
        let identity: SPIFFEID
        let later: Duration
        let code: ErrorCode
    }

    @Test(
        "what cannot be granted is refused",
        arguments: [
            Refusal(
                testDescription: "a lifetime beyond 30 days", lifetime: .seconds(30 * 86_400 + 1),
                identity: .example("/ns/a/sa/b"), later: .zero, code: .lifetimeTooLong),
            Refusal(
                testDescription: "a lifetime below a minute", lifetime: .seconds(59), identity: .example("/ns/a/sa/b"),
                later: .zero, code: .lifetimeTooLong),
            Refusal(
                testDescription: "a lifetime beyond the intermediate's", lifetime: .seconds(86_400),
                identity: .example("/ns/a/sa/b"), later: .seconds(9 * 86_400 + 1), code: .lifetimeTooLong),
            Refusal(
                testDescription: "an intermediate that has expired", lifetime: .seconds(3600),
                identity: .example("/ns/a/sa/b"), later: .seconds(11 * 86_400), code: .authorityExpired),
            Refusal(
                testDescription: "another trust domain", lifetime: .seconds(3600),
                identity: .example("/ns/a/sa/b", in: "mesh.example.evil"), later: .zero, code: .badIdentity),
        ])
    func refusals(_ refusal: Refusal) throws {
        let start = WallTime(seconds: 1_800_000_000)
        let authority = try makeAuthority(intermediateLifetime: .seconds(10 * 86_400), now: start)
        let problem = #expect(throws: Problem.self) {
            try authority.issue(
                SigningKey().publicKey, identity: refusal.identity, lifetime: refusal.lifetime,
                now: start + refusal.later)
        }
        #expect(problem?.code == refusal.code)
    }

    @Test("the longest lifetime fits, and one second more does not")
    func longestLifetime() throws {
        let start = WallTime(seconds: 1_800_000_000)
        let authority = try makeAuthority(intermediateLifetime: .seconds(3600), now: start)
        let longest = try #require(authority.longestLifetime(now: start))
        #expect(longest == .seconds(3600))
        _ = try authority.issue(SigningKey().publicKey, identity: web, lifetime: longest, now: start)
        #expect(authority.longestLifetime(now: start + .seconds(3550)) == nil)
        #expect(
            try makeAuthority(now: start).longestLifetime(now: start) == CertificateLifetime.workloadRange.upperBound)
    }

    @Test("an intermediate that would outlive its root is refused")
    func intermediateBeyondRoot() throws {
        let now = WallTime.now()
        let root = try RootAuthority.create(trustDomain: .example, lifetime: .seconds(3600), now: now)
        let problem = #expect(throws: Problem.self) {
            try root.signIntermediate(SigningKey().publicKey, lifetime: .seconds(3601), now: now)
        }
        #expect(problem?.code == .lifetimeTooLong)
    }

    @Test("parts that do not belong together make no authority")
    func mismatch() throws {
        let one = try RootAuthority.create(trustDomain: .example, now: .now())
        let other = try RootAuthority.create(trustDomain: .example, now: .now())
        let key = SigningKey()
        let certificate = try one.signIntermediate(key.publicKey, lifetime: .seconds(3600), now: .now())
        func code(_ body: () throws -> Void) -> ErrorCode? { #expect(throws: Problem.self, performing: body)?.code }
        #expect(code { _ = try RootAuthority(certificate: one.certificate, key: other.key) } == .authorityMalformed)
        #expect(
            code { _ = try IssuingAuthority(roots: [other.certificate], certificate: certificate, key: key) }
                == .authorityMalformed)
        #expect(
            code { _ = try IssuingAuthority(roots: [one.certificate], certificate: certificate, key: other.key) }
                == .authorityMalformed)
        #expect(
            code { _ = try IssuingAuthority(roots: [], certificate: certificate, key: key) } == .authorityMalformed)
    }

    @Test("keys show nothing of themselves")
    func secrecy() throws {
        let key = SigningKey()
        var dumped = ""
        dump(key, to: &dumped)
        for text in ["\(key)", String(reflecting: key), dumped] {
            #expect(text.contains("not shown"))
            #expect(!text.contains("BEGIN") && text.count < 100)
        }
        #expect(SigningKey(pem: key.pem)?.publicKey == key.publicKey)
        #expect(key.pem.hasPrefix("-----BEGIN PRIVATE KEY-----\n") && key.pem.hasSuffix("-----END PRIVATE KEY-----\n"))
    }

    @Test("keys of another kind are not taken")
    func foreignKeys() {
        for pem in [P384.Signing.PrivateKey().pemRepresentation, "", "x", SigningKey().pem + SigningKey().pem] {
            #expect(SigningKey(pem: pem) == nil)
        }
    }
}
