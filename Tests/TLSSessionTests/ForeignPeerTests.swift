// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import COpenSSL
import MeshModel
import MeshTesting
import PeerProtocol
import TLSSession
import Testing

@Suite("Peers that are no sidecars")
struct ForeignPeerTests {
    private let now = CertificateTable.moment
    private let mesh: TestMesh
    private let chain: [MintedCertificate]

    init() throws {
        mesh = try TestMesh(now: now)
        chain = [try mesh.leaf(), mesh.intermediate]
    }

    private func acceptor() throws -> WeftEnd { try WeftEnd(mesh.context("web"), .acceptor, now: now) }

    private func connected() throws -> (peer: ForeignEnd, acceptor: WeftEnd) {
        let (peer, acceptor) = (try ForeignEnd(chain: chain), try acceptor())
        join(peer, acceptor)
        try #require(acceptor.peer != nil && peer.isDone)
        return (peer, acceptor)
    }

    @Test("a peer with everything right is taken, and gets nothing to resume with")
    func good() throws {
        let (peer, acceptor) = (try ForeignEnd(chain: chain), try acceptor())
        let (_, back) = join(peer, acceptor)
        #expect(acceptor.peer?.identity == SPIFFEID(mesh.identity))
        #expect(!peer.hasResumableSession)
        // One flight and no more: a ticket would come after it.
        #expect(acceptor.feed([]).isEmpty && !back.isEmpty)
        #expect(acceptor.feed(peer.send([1])).isEmpty)
        #expect(acceptor.received == [1])
    }

    @Test("a peer without a certificate is refused")
    func noCertificate() throws {
        let (peer, acceptor) = (try ForeignEnd(), try acceptor())
        join(peer, acceptor)
        #expect(acceptor.peer == nil && acceptor.failure != nil)
        #expect(peer.failure?.contains("certificate required") == true)
    }

    @Test("TLS 1.2 is refused")
    func oldVersion() throws {
        let (peer, acceptor) = (try ForeignEnd(chain: chain, version: .tls12), try acceptor())
        join(peer, acceptor)
        #expect(acceptor.peer == nil)
        #expect(acceptor.failure.map { if case .protocolError = $0 { true } else { false } } == true)
        #expect(peer.failure?.contains("protocol version") == true)
    }

    @Test("a peer that does not offer weft/1 is refused", arguments: [[], ["http/1.1"], ["weft/2", "h2"], ["weft/"]])
    func otherProtocol(alpn: [String]) throws {
        let (peer, acceptor) = (try ForeignEnd(chain: chain, alpn: alpn), try acceptor())
        join(peer, acceptor)
        #expect(acceptor.peer == nil || acceptor.failure != nil)
        #expect(acceptor.failure == .noCommonProtocol)
    }

    @Test("weft/1 is found among others")
    func amongOthers() throws {
        let (peer, acceptor) = (try ForeignEnd(chain: chain, alpn: ["h2", "weft/1", "http/1.1"]), try acceptor())
        join(peer, acceptor)
        #expect(acceptor.peer != nil && acceptor.failure == nil)
    }

    @Test("more KeyUpdates than the limit without data between them end the session")
    func keyUpdateFlood() throws {
        let (peer, acceptor) = try connected()
        for _ in 0..<WeftOne.keyUpdatesWithoutDataMax { _ = acceptor.feed(peer.updateKey()) }
        #expect(acceptor.failure == nil)
        _ = acceptor.feed(peer.updateKey())
        #expect(acceptor.failure == .protocolError(ProtocolViolation.keyUpdateFlood.sentence))
    }

    @Test("KeyUpdates with data between them are no flood, and one that asks is answered")
    func keyUpdates() throws {
        let (peer, acceptor) = try connected()
        for _ in 0..<3 * WeftOne.keyUpdatesWithoutDataMax { _ = acceptor.feed(peer.updateKey(hasData: true)) }
        #expect(acceptor.failure == nil)
        #expect(acceptor.received.count == 3 * WeftOne.keyUpdatesWithoutDataMax)
        _ = acceptor.feed(peer.updateKey(asking: true))
        _ = peer.feed(acceptor.send([1, 2, 3]))
        #expect(peer.received == [1, 2, 3] && peer.failure == nil)
    }

    @Test("a flood of certificates is refused before it is collected")
    func oversizedCertificates() throws {
        let ballast = try (0..<100).map { try mesh.authority("ballast \($0)", by: nil) }
        let (peer, acceptor) = (try ForeignEnd(chain: chain + ballast), try acceptor())
        join(peer, acceptor)
        #expect(acceptor.peer == nil)
        #expect(acceptor.failure.map { if case .protocolError = $0 { true } else { false } } == true)
    }

    @Test("a handshake message that never ends is refused by the length it claims")
    func endlessMessage() throws {
        let acceptor = try acceptor()
        // A ClientHello of 16 MiB, begun in a record of 16 KiB.
        let record = [22, 3, 1, 0x40, 0] + [1, 0xff, 0xff, 0xff] + [UInt8](repeating: 3, count: 0x4000 - 4)
        _ = acceptor.feed(record)
        #expect(acceptor.failure.map { if case .protocolError = $0 { true } else { false } } == true)
    }

    @Test(
        "bytes that are no TLS are refused at once",
        arguments: ["GET / HTTP/1.1\r\n\r\n", "SSH-2.0-x\r\n", "\0\0\0\0\0"])
    func noTLS(text: String) throws {
        let acceptor = try acceptor()
        _ = acceptor.feed(Array(text.utf8))
        #expect(acceptor.failure.map { if case .protocolError = $0 { true } else { false } } == true)
    }

    private func dialler() throws -> WeftEnd {
        try WeftEnd(mesh.context("client"), .dialler, expecting: SPIFFEID(mesh.identity), now: now)
    }

    @Test("a server with the right certificate that does not speak weft/1 is refused")
    func serverWithoutProtocol() throws {
        let (dialler, server) = (try dialler(), try ForeignEnd(chain: chain, isAcceptor: true))
        join(dialler, server)
        #expect(dialler.failure == .noCommonProtocol && dialler.peer == nil)
    }

    @Test("a server that speaks no more than TLS 1.2 is refused")
    func oldServer() throws {
        let (dialler, server) = (try dialler(), try ForeignEnd(chain: chain, version: .tls12, isAcceptor: true))
        join(dialler, server)
        #expect(dialler.failure == .alert("protocol version") && dialler.peer == nil)
    }
}
