// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import CertificateAuthority
import Foundation
import LinuxSystem
import MeshModel
import Testing

@Suite("An authority's directory")
struct AuthorityDirectoryTests {
    private let shop: Workshop
    private let files: AuthorityDirectory

    init() throws {
        shop = try Workshop()
        files = AuthorityDirectory(shop("ca"))
    }

    private func create(now: WallTime = .now()) async throws {
        _ = try await files.create(
            trustDomain: .example, rootLifetime: CertificateLifetime.root,
            intermediateLifetime: CertificateLifetime.unattendedIntermediate, now: now)
    }

    private func code(_ body: () async throws -> Void) async -> ErrorCode? {
        do {
            try await body()
            Issue.record("It was meant to fail.")
            return nil
        } catch {
            return (error as? Problem)?.code
        }
    }

    @Test("it holds four files; keys are for their owner alone")
    func layout() async throws {
        try await create()
        #expect(
            try shop.names(in: "ca") == [
                "intermediate-key.pem", "intermediate.pem", "offline", "offline/root-key.pem", "root.pem",
            ])
        #expect(try shop.permissions("ca") == 0o700)
        #expect(try shop.permissions("ca/offline") == 0o700)
        #expect(try shop.permissions("ca/offline/root-key.pem") == 0o600)
        #expect(try shop.permissions("ca/intermediate-key.pem") == 0o600)
        #expect(try shop.permissions("ca/root.pem") == 0o644)
        for name in try shop.names(in: "ca") where name.hasSuffix(".pem") {
            #expect(try shop.text("ca/\(name)").hasSuffix("-----\n"))
        }
        #expect(try shop.names() == ["ca"] + shop.names(in: "ca").map { "ca/\($0)" })
    }

    @Test("it is never overwritten")
    func refusal() async throws {
        try await create()
        let before = try shop.names(in: "ca").filter { $0.hasSuffix(".pem") }.map { try shop.text("ca/\($0)") }
        #expect(await code { try await create() } == .wouldOverwrite)
        #expect(try shop.names(in: "ca").filter { $0.hasSuffix(".pem") }.map { try shop.text("ca/\($0)") } == before)
        #expect(try shop.names().filter { $0.contains("weft-") }.isEmpty)
    }

    @Test("a directory with anything in it is not taken, an empty one is")
    func occupied() async throws {
        try FileManager.default.createDirectory(atPath: shop("ca"), withIntermediateDirectories: false)
        try shop.write("mine", to: "ca/notes")
        #expect(await code { try await create() } == .wouldOverwrite)
        #expect(try shop.names(in: "ca") == ["notes"])
        try FileManager.default.removeItem(atPath: shop("ca/notes"))
        try await create()
        #expect(try shop.names(in: "ca").count == 5)
    }

    @Test("a parent that is missing is a clear error, also for the shortest lives")
    func noParent() async throws {
        let shortest = CertificateLifetime.authorityRange.lowerBound
        do throws(Problem) {
            _ = try await AuthorityDirectory(shop("no/such/place")).create(
                trustDomain: .example, rootLifetime: shortest, intermediateLifetime: shortest, now: .now())
            Issue.record("It was meant to fail.")
        } catch {
            #expect(error.code == .writeFailed)
            #expect(error.description.contains("No such file"))
        }
    }

    @Test("a trust domain that cannot be constrained to makes no authority", arguments: ["mesh.", ".mesh"])
    func unusableName(_ name: String) async throws {
        let trustDomain = try #require(TrustDomain(name))
        #expect(
            await code {
                _ = try await files.create(
                    trustDomain: trustDomain, rootLifetime: .seconds(86_400), intermediateLifetime: .seconds(3600),
                    now: .now())
            } == .badIdentity)
        #expect(try shop.names().isEmpty)
    }

    @Test("it issues without the root's key")
    func rootAway() async throws {
        try await create()
        try FileManager.default.moveItem(atPath: shop("ca/offline"), toPath: shop("safe"))
        let authority = try files.issuingAuthority()
        _ = try authority.issue(SigningKey().publicKey, identity: .example("/ns/default/sa/web"), now: .now())
        #expect(authority.trustDomain == .example)
    }

    struct Damage: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let file: String
        /// Nil removes the file.
        let text: String?
        let code: ErrorCode
    }

    @Test(
        "damage is named with its file",
        arguments: [
            Damage(testDescription: "no root", file: "root.pem", text: nil, code: .authorityUnreadable),
            Damage(testDescription: "an empty root", file: "root.pem", text: "", code: .authorityMalformed),
            Damage(testDescription: "no key", file: "intermediate-key.pem", text: nil, code: .authorityUnreadable),
            Damage(
                testDescription: "another key", file: "intermediate-key.pem", text: SigningKey().pem,
                code: .authorityMalformed),
            Damage(testDescription: "text", file: "intermediate.pem", text: "hello", code: .authorityMalformed),
        ])
    func damage(_ damage: Damage) async throws {
        try await create()
        try FileManager.default.removeItem(atPath: shop("ca/\(damage.file)"))
        if let text = damage.text { try shop.write(text, to: "ca/\(damage.file)") }
        #expect(await code { _ = try files.issuingAuthority() } == damage.code)
    }

    @Test("a renewed intermediate has the same key and later dates; what it issued stays good")
    func renewal() async throws {
        let start = WallTime(seconds: WallTime.now().seconds - 300 * 86_400)
        try await create(now: start)
        let old = try files.issuingAuthority()
        let issued = try old.issue(
            SigningKey().publicKey, identity: .example("/ns/default/sa/web"), lifetime: .seconds(86_400), now: .now())
        try FileManager.default.moveItem(atPath: shop("ca/offline"), toPath: shop("safe"))
        #expect(
            await code {
                _ = try files.renewIntermediate(rootKeyPath: nil, lifetime: .seconds(3600), now: .now())
            } == .authorityUnreadable)
        let renewed = try files.renewIntermediate(
            rootKeyPath: shop("safe/root-key.pem"), lifetime: CertificateLifetime.unattendedIntermediate, now: .now())
        #expect(renewed.certificate.publicKey == old.certificate.publicKey)
        #expect(renewed.certificate.validity.notAfter > old.certificate.validity.notAfter)
        #expect(try files.issuingAuthority().certificate == renewed.certificate)
        let verifier = SVIDVerifier(TrustBundles([.example: renewed.roots]))
        _ = try await verifier.verify(issued.chain.map(\.der), now: .now())
        _ = try await verifier.verify([issued.leaf.der, renewed.certificate.der], now: .now())
    }

    @Test("a key that is not the root's renews nothing")
    func wrongRootKey() async throws {
        try await create()
        let before = try shop.text("ca/intermediate.pem")
        try shop.write(SigningKey().pem, to: "other.pem")
        #expect(
            await code {
                _ = try files.renewIntermediate(
                    rootKeyPath: shop("other.pem"), lifetime: .seconds(3600), now: .now())
            } == .authorityMalformed)
        #expect(try shop.text("ca/intermediate.pem") == before)
    }

    @Test("warnings begin in the middle of an authority's life")
    func warnings() async throws {
        try await create()
        let facts = CertificateFacts(try files.issuingAuthority().certificate)
        #expect(facts.warning(at: .now()) == nil)
        #expect(facts.warning(at: .now() + .seconds(180 * 86_400)) == nil)
        let late = try #require(facts.warning(at: .now() + .seconds(200 * 86_400)))
        #expect(late.code == .authorityEnding)
        #expect(late.description.contains("weft ca renew"))
        #expect(facts.warning(at: .now() + .seconds(366 * 86_400))?.code == .authorityExpired)
    }
}
