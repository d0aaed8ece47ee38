// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import Identity
import LinuxSystem
import MeshModel
import MeshTesting
import TLSSession
import Testing

@Suite("Loading an identity")
struct IdentityLoaderTests {
    private let workshop: IdentityWorkshop

    init() throws { workshop = try IdentityWorkshop() }

    @Test("a good set is loaded as a whole")
    func good() throws {
        let leaf = try workshop.install()
        let material = try workshop.loader().load(continuing: nil, now: workshop.now)
        #expect(material.identity == SPIFFEID(workshop.mesh.identity))
        #expect(material.chain.map(\.der) == [leaf.der, workshop.mesh.intermediate.der])
        #expect(material.bundles.roots.keys.map(\.name) == ["mesh.example"])
        #expect(material.generation == 1 && material.bundles.generation == 1)
    }

    @Test("the modes a key may have", arguments: [0o400, 0o440, 0o600, 0o640] as [UInt16])
    func goodModes(mode: UInt16) throws {
        try workshop.install()
        try workshop.setMode(mode, of: "key.pem")
        #expect(workshop.problem() == nil)
    }

    @Test(
        "every other mode of a key is refused, with the command that mends it",
        arguments: [0o444, 0o604, 0o606, 0o620, 0o644, 0o660, 0o664, 0o666, 0o700, 0o750, 0o755, 0o777] as [UInt16])
    func badModes(mode: UInt16) throws {
        try workshop.install()
        try workshop.setMode(mode, of: "key.pem")
        let problem = try #require(workshop.problem())
        #expect(problem.code == .identityPermissions)
        #expect(problem.message.contains("has mode \(String(mode, radix: 8))"))
        #expect(problem.remedy?.contains("chmod 600 \(workshop("key.pem"))") == true)
    }

    @Test("a key of another user is refused", .enabled(if: ThisProcess.effectiveUser == 0))
    func otherOwner() throws {
        try workshop.install()
        #expect(chown(workshop("key.pem"), 12_345, 0) == 0)
        let problem = try #require(workshop.problem())
        #expect(problem.code == .identityPermissions && problem.message.contains("12345"))
        #expect(chown(workshop("key.pem"), 0, 12_345) == 0)
        #expect(workshop.problem() == nil)
    }

    @Test("what is missing is named", arguments: ["chain.pem", "key.pem", "bundle.pem"])
    func missing(name: String) throws {
        try workshop.install()
        try FileManager.default.removeItem(atPath: workshop(name))
        let problem = try #require(workshop.problem())
        #expect(problem.code == .identityFileUnreadable && problem.place == workshop(name))
    }

    @Test("what is empty, cut or of another kind is malformed", arguments: ["chain.pem", "key.pem", "bundle.pem"])
    func malformed(name: String) throws {
        try workshop.install()
        let good = try String(contentsOfFile: workshop(name), encoding: .utf8)
        let key = try String(contentsOfFile: workshop("key.pem"), encoding: .utf8)
        let certificate = workshop.pem(workshop.mesh.root)
        let mode: UInt16 = name == "key.pem" ? 0o600 : 0o644
        for text in ["", "\n", "nonsense", String(good.prefix(good.count / 2)), name == "key.pem" ? certificate : key] {
            try workshop.write(text, to: name, mode: mode)
            let problem = try #require(workshop.problem(), "\(text.count) characters were taken")
            #expect(problem.code == .identityMalformed && problem.place == workshop(name), "\(problem)")
        }
    }

    @Test("a good certificate before a broken one does not make a good file", arguments: ["chain.pem", "bundle.pem"])
    func halfBroken(name: String) throws {
        try workshop.install()
        let good = try String(contentsOfFile: workshop(name), encoding: .utf8)
        try workshop.write(good + good.replacingOccurrences(of: "MII", with: "MIA"), to: name)
        #expect(workshop.problem()?.code == .identityMalformed)
        try workshop.write(good + good.prefix(100), to: name)
        #expect(workshop.problem()?.code == .identityMalformed)
    }

    @Test("a file that is too large to be what it should be is not read")
    func tooLarge() throws {
        try workshop.install()
        try workshop.write(String(repeating: "#", count: 2 << 20), to: "bundle.pem")
        #expect(workshop.problem()?.code == .identityFileUnreadable)
    }

    @Test("a key that is not that of the leaf is refused")
    func keyMismatch() throws {
        try workshop.install()
        try workshop.write(TestKey.p256().pem, to: "key.pem", mode: 0o600)
        let problem = try #require(workshop.problem())
        #expect(problem.code == .keyMismatch && problem.place == workshop("key.pem"))
    }

    @Test("a key that is not on P-256 is refused, whatever peers might say")
    func otherKey() throws {
        try workshop.install { $0.key = .p384() }
        #expect(workshop.problem()?.code == .weakKey)
    }

    @Test("the leaf has to come first")
    func chainOrder() throws {
        let leaf = try workshop.install()
        try workshop.write(workshop.pem(workshop.mesh.intermediate, leaf), to: "chain.pem")
        #expect(workshop.problem()?.code == .keyMismatch)
    }

    @Test("a set that no peer would accept is not loaded, and the reason is a peer's")
    func unacceptable() throws {
        let leaf = try workshop.install()
        try workshop.write(workshop.pem(leaf), to: "chain.pem")
        #expect(workshop.problem()?.code == .unknownRoot)
        try workshop.install { $0.notAfter = WallTime(seconds: self.workshop.now.seconds - 5) }
        let expired = try #require(workshop.problem())
        #expect(expired.code == .expired && expired.message.contains("expired 5s ago"))
        try workshop.install(roots: [try TestMesh(now: workshop.now).root])
        #expect(workshop.problem()?.code == .unknownRoot)
        try workshop.install { $0.remove(.keyUsage) }
        #expect(workshop.problem()?.code == .leafKeyUsage)
        try workshop.install { $0.remove(.subjectAlternativeName) }
        #expect(workshop.problem()?.code == .noIdentity)
    }

    @Test("an identity that is not what the configuration says is refused")
    func unexpected() throws {
        try workshop.install()
        let other = try #require(SPIFFEID("spiffe://mesh.example/ns/default/sa/other"))
        #expect(workshop.problem(workshop.loader(expecting: other))?.code == .identityUnexpected)
        let domain = try #require(TrustDomain("other.example"))
        #expect(workshop.problem(workshop.loader(trustDomain: domain))?.code == .identityUnexpected)
        #expect(workshop.problem(workshop.loader(expecting: SPIFFEID(workshop.mesh.identity))) == nil)
    }

    @Test("bundles of other trust domains stand beside ours, and one of them for ours changes nothing")
    func federation() throws {
        try workshop.install()
        let other = try TestMesh("other.example", now: workshop.now)
        try workshop.write(workshop.pem(other.root), to: "other.pem")
        let trust = [
            TrustSettings(trustDomain: other.trustDomain, bundlePath: workshop("other.pem")),
            TrustSettings(trustDomain: workshop.mesh.trustDomain, bundlePath: workshop("other.pem")),
        ]
        let material = try workshop.loader(trust: trust).load(continuing: nil, now: workshop.now)
        #expect(material.bundles.roots[other.trustDomain]?.map(\.der) == [other.root.der])
        #expect(material.bundles.roots[workshop.mesh.trustDomain]?.map(\.der) == [workshop.mesh.root.der])
    }

    @Test("generations go up with what has changed, and with nothing else")
    func generations() throws {
        try workshop.install()
        let loader = workshop.loader()
        let first = try loader.load(continuing: nil, now: workshop.now)
        let same = try loader.load(continuing: first, now: workshop.now)
        #expect(same.generation == 1 && same.bundles.generation == 1)
        let successor = try TestMesh(now: workshop.now)
        try workshop.write(workshop.pem(successor.root, workshop.mesh.root), to: "bundle.pem")
        let wider = try loader.load(continuing: same, now: workshop.now)
        #expect(wider.generation == 1 && wider.bundles.generation == 2)
        try workshop.write(workshop.pem(workshop.mesh.root, successor.root), to: "bundle.pem")
        let reordered = try loader.load(continuing: wider, now: workshop.now)
        #expect(reordered.bundles.generation == 2)
        try workshop.install(roots: [workshop.mesh.root, successor.root])
        let renewed = try loader.load(continuing: reordered, now: workshop.now)
        #expect(renewed.generation == 2 && renewed.bundles.generation == 2)
    }
}
