// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import MeshTesting
import PeerProtocol
import TLSSession
import Testing

/// A chain that was found good is remembered, so that the next connection of the same peer costs no signatures. What is
/// remembered may never say more than looking again would.
@Suite("Chains that are remembered")
struct VerificationMemoryTests {
    private let now = CertificateTable.moment
    private let mesh: TestMesh

    init() throws { mesh = try TestMesh(now: now) }

    /// What a server says to a client at a moment.
    private func verdict(_ server: TLSContext, _ client: TLSContext, at moment: WallTime) throws -> TLSFailure? {
        let acceptor = try WeftEnd(server, .acceptor, now: moment)
        join(try WeftEnd(client, .dialler, now: now), acceptor)
        #expect((acceptor.peer == nil) == (acceptor.failure != nil))
        return acceptor.failure
    }

    private func code(_ failure: TLSFailure?) -> ErrorCode? {
        if case .certificate(let rejection) = failure { rejection.code } else { nil }
    }

    @Test("the second handshake with one chain spares the verification")
    func hit() throws {
        let (server, client) = (try mesh.context("web"), try mesh.context("client"))
        for _ in 0..<3 { #expect(try verdict(server, client, at: now) == nil) }
        #expect(server.verifications == 1 && server.rememberedHits == 2)
        #expect(try verdict(server, mesh.context("client"), at: now) == nil)
        #expect(server.verifications == 2)
    }

    @Test("a chain that expires while it is remembered is refused from that second on")
    func expiry() throws {
        let server = try mesh.context("web")
        let end = WallTime(seconds: now.seconds + 3600)
        let client = try mesh.context("client") { $0.notAfter = end }
        #expect(try verdict(server, client, at: now) == nil)
        #expect(try verdict(server, client, at: end) == nil)
        #expect(code(try verdict(server, client, at: WallTime(seconds: end.seconds + 1))) == .expired)
        #expect(code(try verdict(server, client, at: WallTime(seconds: end.seconds + 86_400))) == .expired)
    }

    @Test("so is one whose intermediate expires")
    func intermediateExpiry() throws {
        let end = WallTime(seconds: now.seconds + 3600)
        let mesh = try TestMesh(now: now, intermediate: { $0.notAfter = end })
        let (server, client) = (try mesh.context("web"), try mesh.context("client"))
        #expect(try verdict(server, client, at: now) == nil)
        #expect(code(try verdict(server, client, at: WallTime(seconds: end.seconds + 1))) == .expired)
    }

    @Test("a clock that goes back to before a chain began refuses it though it is remembered")
    func clockBack() throws {
        let server = try mesh.context("web")
        let begin = WallTime(seconds: now.seconds - 10)
        let client = try mesh.context("client") { $0.notBefore = begin }
        #expect(try verdict(server, client, at: now) == nil)
        #expect(try verdict(server, client, at: WallTime(seconds: begin.seconds - 60)) == nil)
        #expect(code(try verdict(server, client, at: WallTime(seconds: begin.seconds - 61))) == .notYetValid)
    }

    @Test("a chain that was refused is looked at again, and taken once it holds")
    func refusedThenGood() throws {
        let server = try mesh.context("web")
        let client = try mesh.context("client") { $0.notBefore = now + .seconds(600) }
        for _ in 0..<2 { #expect(code(try verdict(server, client, at: now)) == .notYetValid) }
        #expect(server.rememberedHits == 0 && server.verifications == 2)
        #expect(try verdict(server, client, at: now + .seconds(600)) == nil)
    }

    @Test("the identity that is expected is compared each time, remembered or not")
    func expectedIdentity() throws {
        let (server, client) = (try mesh.context("web"), try mesh.context("client"))
        func dial(_ name: String) throws -> WeftEnd {
            let dialler = try WeftEnd(client, .dialler, expecting: mesh.workload(name), now: now)
            join(dialler, try WeftEnd(server, .acceptor, now: now))
            return dialler
        }
        #expect(try dial("web").peer != nil)
        let refused = try dial("store")
        #expect(code(refused.failure) == .wrongIdentity && refused.peer == nil)
        #expect(client.rememberedHits == 1)
        #expect(try dial("web").peer != nil)
    }

    @Test("another bundle is another memory: a root that is gone takes its peers along")
    func bundleChange() throws {
        let successor = try TestMesh(now: now)
        let client = try mesh.context("client")
        let before = try mesh.context("web")
        #expect(try verdict(before, client, at: now) == nil)
        let material = before.material
        func bundle(_ roots: [MintedCertificate], _ generation: UInt64) throws -> TLSContext {
            let roots = roots.compactMap { Certificate(der: $0.der) }
            return try TLSContext(
                IdentityMaterial(
                    identity: material.identity, chain: material.chain, key: material.key,
                    bundles: TrustBundles([mesh.trustDomain: roots], generation: generation), generation: 1),
                staging: before.staging)
        }
        #expect(try verdict(bundle([mesh.root, successor.root], 2), client, at: now) == nil)
        let after = try bundle([successor.root], 3)
        #expect(code(try verdict(after, client, at: now)) == .unknownRoot)
        let chain = client.material.chain
        #expect(throws: CertificateRejection.self) { try after.judgeAgain(chain, now: now) }
        #expect(try before.judgeAgain(chain, now: now).identity == mesh.workload("client"))
    }

    @Test("a root that was retired vouches for who is connected, and lets nobody in")
    func retired() throws {
        let successor = try TestMesh(now: now)
        let client = try mesh.context("client")
        let material = try mesh.context("web").material
        func context(_ denied: DeniedPeers = DeniedPeers()) throws -> TLSContext {
            let (new, old) = (Certificate(der: successor.root.der), Certificate(der: mesh.root.der))
            let bundles = TrustBundles(
                [mesh.trustDomain: [try #require(new)]], retired: [mesh.trustDomain: [try #require(old)]],
                denied: denied, generation: 2)
            return try TLSContext(
                IdentityMaterial(
                    identity: material.identity, chain: material.chain, key: material.key, bundles: bundles,
                    generation: 1), staging: TLSStaging())
        }
        let server = try context()
        let chain = client.material.chain
        // In between, since a chain that was judged once is remembered.
        for _ in 0..<2 {
            #expect(code(try verdict(server, client, at: now)) == .unknownRoot)
            #expect(try server.judgeAgain(chain, now: now).identity == mesh.workload("client"))
        }
        let later = WallTime(seconds: now.seconds + 86_401)
        #expect(throws: CertificateRejection.self) { try server.judgeAgain(chain, now: later) }
        let denying = try context(DeniedPeers(identities: [mesh.workload("client")]))
        #expect(throws: CertificateRejection.self) { try denying.judgeAgain(chain, now: now) }
    }

    @Test("a remembered leaf does not vouch for another chain that it stands in")
    func otherChain() throws {
        let server = try mesh.context("web")
        let client = try mesh.context("client")
        #expect(try verdict(server, client, at: now) == nil)
        let alone = IdentityMaterial(
            identity: client.material.identity, chain: Array(client.material.chain.prefix(1)),
            key: client.material.key, bundles: client.material.bundles, generation: 1)
        #expect(code(try verdict(server, TLSContext(alone, staging: TLSStaging()), at: now)) == .unknownRoot)
    }

    @Test("connections that are judged again after a bundle change cost one verification for each chain")
    func judgedAgain() throws {
        let context = try mesh.context("web")
        let chain = try mesh.context("client").material.chain
        for _ in 0..<3 { #expect(try context.judgeAgain(chain, now: now).identity == mesh.workload("client")) }
        #expect(context.verifications == 1 && context.rememberedHits == 2)
        let later = WallTime(seconds: now.seconds + 86_401)
        #expect(throws: CertificateRejection.self) { try context.judgeAgain(chain, now: later) }
    }
}
