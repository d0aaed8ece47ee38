// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import Identity
import LinuxSystem
import MeshModel
import MeshTesting
import TLSSession
import Testing

@Suite("The key of a renewal")
struct PendingKeyTests {
    private let workshop: IdentityWorkshop
    private let pending: PendingKey

    init() throws {
        workshop = try IdentityWorkshop()
        pending = PendingKey(in: workshop.directory)
    }

    private var path: String { workshop("renewal.pem") }

    private func leaf() throws -> Certificate {
        let material = try workshop.mesh.leaf(nil, by: nil) { _ in }
        return try #require(Certificate(der: material.der))
    }

    @Test("a certificate has one, kept until the answer is stored, readable by nobody else")
    func kept() throws {
        let leaf = try leaf()
        let first = try pending.key(for: leaf).pem()
        #expect(try pending.key(for: leaf).pem() == first)
        #expect(try PendingKey(in: workshop.directory).key(for: leaf).pem() == first)
        #expect(try Files.facts(path).permissions & 0o777 == 0o600)
        pending.discard()
        #expect(!Files.exists(path))
        #expect(try pending.key(for: leaf).pem() != first)
    }

    @Test("another certificate has another")
    func another() throws {
        let (one, two) = (try leaf(), try leaf())
        let first = try pending.key(for: one).pem()
        let second = try pending.key(for: two).pem()
        #expect(first != second)
        #expect(try pending.key(for: two).pem() == second)
    }

    @Test("what is not a key is not used", arguments: ["", "certificate 00\n", "nonsense"])
    func broken(_ text: String) throws {
        let leaf = try leaf()
        try workshop.write(text, to: "renewal.pem")
        let key = try pending.key(for: leaf).pem()
        #expect(try pending.key(for: leaf).pem() == key)
    }

    @Test("an expired set can still be read, for its renewal alone")
    func expired() throws {
        let end = WallTime(seconds: workshop.now.seconds - 60)
        try workshop.install { recipe in
            recipe.notBefore = WallTime(seconds: workshop.now.seconds - 7200)
            recipe.notAfter = end
        }
        let loader = workshop.loader()
        #expect(throws: Problem.self) { try loader.load(continuing: nil, now: workshop.now) }
        let expired = try #require(try loader.loadExpired(now: workshop.now))
        #expect(expired.chain.first?.notAfter == end)
        #expect(try loader.loadExpired(now: WallTime(seconds: end.seconds - 1)) == nil)
    }

    @Test("a signature of a key is one by its certificate")
    func signature() throws {
        let issued = try workshop.install()
        let material = try workshop.loader().load(continuing: nil, now: workshop.now)
        let text = Array("nonce and request".utf8)
        let signature = try material.key.signature(over: text)
        let leaf = try #require(Certificate(der: issued.der))
        #expect(leaf.verifies(signature, over: text))
        #expect(!leaf.verifies(signature, over: text + [0]))
    }
}
