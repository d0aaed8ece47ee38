// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import MeshTesting
import PeerProtocol
import TLSSession
import Testing

@Suite("Handshakes between sidecars")
struct HandshakeTests {
    private let now = CertificateTable.moment
    private let mesh: TestMesh

    init() throws { mesh = try TestMesh(now: now) }

    private func pair(
        _ client: TLSContext, _ server: TLSContext, expecting identity: SPIFFEID? = nil
    ) throws -> (dialler: WeftEnd, acceptor: WeftEnd) {
        (
            try WeftEnd(client, .dialler, expecting: identity ?? mesh.workload("web"), now: now),
            try WeftEnd(server, .acceptor, now: now)
        )
    }

    @Test("each side learns who the other is, whatever pieces the bytes come in", arguments: [Int.max, 1000, 7, 1])
    func identities(piece: Int) throws {
        let (dialler, acceptor) = try pair(mesh.context("client"), mesh.context("web"))
        join(dialler, acceptor, piece: piece)
        #expect(dialler.peer?.identity == (try mesh.workload("web")))
        #expect(acceptor.peer?.identity == (try mesh.workload("client")))
        #expect(dialler.peerChain.count == 2)
        #expect(dialler.peerChain.map(\.der) == acceptor.context.material.chain.map(\.der))
        #expect(acceptor.peerChain.map(\.der) == dialler.context.material.chain.map(\.der))
        let leafEnd = WallTime(seconds: now.seconds + 86_400)
        #expect(dialler.peer?.expiry == leafEnd)
        let greeting = Array("hello".utf8)
        for byte in dialler.send(greeting) { #expect(acceptor.feed([byte]).isEmpty) }
        #expect(acceptor.received == greeting)
        #expect(dialler.feed(acceptor.send([1, 2])).isEmpty)
        #expect(dialler.received == [1, 2])
    }

    @Test("a peer that is somebody else than expected is refused, though his certificate is good")
    func otherIdentity() throws {
        let (dialler, acceptor) = try pair(mesh.context("client"), mesh.context("thief"))
        join(dialler, acceptor)
        guard case .certificate(let rejection) = dialler.failure else { throw Unexpected(what: "it was accepted") }
        #expect(rejection.code == .wrongIdentity)
        #expect(rejection.detail.contains("sa/web") && rejection.detail.contains("sa/thief"))
        #expect(acceptor.peer == nil)
        #expect(acceptor.failure.map { if case .alert = $0 { true } else { false } } == true)
    }

    @Test("a dialler of an unknown trust domain is refused; it learns of it after its own handshake is done")
    func unknownTrustDomain() throws {
        let other = try TestMesh("other.example", now: now)
        let (dialler, acceptor) = try pair(other.context("client", trusting: mesh), mesh.context("web"))
        join(dialler, acceptor)
        guard case .certificate(let rejection) = acceptor.failure else { throw Unexpected(what: "it was accepted") }
        #expect(rejection.code == .unknownTrustDomain)
        #expect(acceptor.peer == nil)
        // TLS 1.3: the client is done before the server has looked. The first frame is what tells it (weft/1, HELLO).
        #expect(dialler.peer != nil)
        #expect(dialler.failure == .alert("unknown CA"))
    }

    @Test("an acceptor under a root that the dialler does not have is refused")
    func unknownRoot() throws {
        let (dialler, acceptor) = try pair(mesh.context("client"), TestMesh(now: now).context("web", trusting: mesh))
        join(dialler, acceptor)
        guard case .certificate(let rejection) = dialler.failure else { throw Unexpected(what: "it was accepted") }
        #expect(rejection.code == .unknownRoot)
    }

    @Test("every chain of the shared table meets the verdict of its row in a handshake too")
    func table() throws {
        let server = try mesh.context("web")
        for row in try CertificateTable.cases(now: now) {
            guard let pem = row.keyPEM, let key = PrivateKey.read(pem: Array(pem.utf8)) else { continue }
            let chain = row.chain.compactMap { Certificate(der: $0) }
            // What OpenSSL itself would not send; the verifier's own test has these rows.
            guard chain.count == row.chain.count, let leaf = chain.first, key.fits(leaf) else { continue }
            let shown = IdentityMaterial(
                identity: try mesh.workload("client"), chain: chain, key: key, bundles: server.material.bundles,
                generation: 1)
            guard let client = try? TLSContext(shown, staging: TLSStaging()) else { continue }
            let judge = IdentityMaterial(
                identity: server.material.identity, chain: server.material.chain, key: server.material.key,
                bundles: row.trustBundles, generation: 1)
            let acceptor = try WeftEnd(TLSContext(judge, staging: TLSStaging()), .acceptor, now: row.now)
            join(try WeftEnd(client, .dialler, now: now), acceptor)
            switch (row.expectation, acceptor.failure) {
            case (.accepted(let identity), nil): #expect(acceptor.peer?.identity == identity, "\(row)")
            case (.rejected(let code), .certificate(let rejection)): #expect(rejection.code == code, "\(row)")
            // OpenSSL refuses keys that are too weak, and what it cannot decode, before it asks the verifier.
            case (.rejected(.weakSignature), .protocolError), (.rejected(.certificateInvalid), .protocolError): break
            default: Issue.record("\(row): \(String(describing: acceptor.failure))")
            }
        }
    }

    @Test("sidecars on two sides of a rotation understand each other while both roots are trusted")
    func rotation() throws {
        let successor = try TestMesh(now: now)
        func context(_ name: String, _ signer: TestMesh) throws -> TLSContext {
            let leaf = try signer.leaf("spiffe://mesh.example/ns/default/sa/\(name)")
            return try TLSContext(
                IdentityMaterial(
                    [leaf, signer.intermediate], trusting: [mesh.root, successor.root], in: mesh.trustDomain),
                staging: TLSStaging())
        }
        for (old, new) in [(mesh, successor), (successor, mesh)] {
            let (dialler, acceptor) = try pair(context("client", old), context("web", new))
            join(dialler, acceptor)
            #expect(dialler.peer?.identity == (try mesh.workload("web")))
            #expect(acceptor.peer?.identity == (try mesh.workload("client")))
        }
        let (late, ahead) = try pair(mesh.context("client"), context("web", successor))
        join(late, ahead)
        #expect(
            late.failure.map { if case .certificate(let it) = $0 { it.code == .unknownRoot } else { false } } == true)
    }

    @Test("nothing of the dialler's first message leads back to an earlier session or names the server")
    func firstMessage() throws {
        let dialler = try WeftEnd(mesh.context("client"), .dialler, expecting: mesh.workload("web"), now: now)
        let message = try HelloExtensions(dialler.feed([]))
        // server_name, session_ticket, pre_shared_key, early_data, psk_key_exchange_modes would allow a ticket
        for unwanted in [0, 35, 41, 42] { #expect(!message.kinds.contains(unwanted), "extension \(unwanted)") }
        #expect(message.kinds.contains(16) && message.kinds.contains(43))
    }
}

/// The kinds of extension in a ClientHello that fills one record (RFC 8446 section 4.1.2).
struct HelloExtensions {
    let kinds: [Int]

    init(_ record: [UInt8]) throws {
        func number(_ index: Int) -> Int { Int(record[index]) << 8 | Int(record[index + 1]) }
        guard record.count > 80, record[0] == 22, record[5] == 1 else { throw Unexpected(what: "no ClientHello") }
        var index = 43
        index += 1 + Int(record[index])
        index += 2 + number(index)
        index += 1 + Int(record[index])
        index += 2
        var kinds: [Int] = []
        while index + 4 <= record.count {
            kinds.append(number(index))
            index += 4 + number(index + 2)
        }
        self.kinds = kinds
    }
}
