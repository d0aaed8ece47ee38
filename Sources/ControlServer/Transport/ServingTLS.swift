// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CertificateAuthority
internal import ControlPlane
internal import Hummingbird
internal import HummingbirdCore
internal import LinuxSystem
internal import Logging
internal import MeshModel
internal import NIOCore
internal import NIOSSL
internal import Synchronization

/// TLS as this replica serves it: with the certificate that is newest when a connection comes, so that a renewal needs no new
/// listener, and with clients judged by our own rules against the roots of that moment.
final class ServingTLS: Sendable {
    enum Clients {
        /// Whoever cannot show a good certificate gets no further than the handshake.
        case required
        /// Who shows one is known by it; who shows none may have another way.
        case optional
        /// Nobody is asked.
        case none
    }

    private let authority: AuthorityKeeper
    private let clients: Clients
    private let context = Mutex<NIOSSLContext?>(nil)
    /// What the context was made of. Every connection keeps the context that it began with: as many as there are connections
    /// would be as many copies of the chain, the key and the roots.
    private let made = Mutex<[SignedCertificate]>([])

    init(_ authority: AuthorityKeeper, _ clients: Clients) {
        self.authority = authority
        self.clients = clients
    }

    /// Takes the newest certificate and roots.
    func refresh() async throws {
        let serving = try await authority.servingIdentity()
        let roots = await authority.rootCertificates
        // Proxies have the roots. Whoever has only a root's digest yet, of a join token or of `weft login`, needs the root too.
        let shown = clients == .required ? [] : serving.certificate.roots
        let parts = serving.certificate.chain + shown + roots
        guard made.withLock({ $0 != parts }) else { return }
        let chain = try (serving.certificate.chain + shown).prefix(ChainLimits.shown).map {
            NIOSSLCertificateSource.certificate(try NIOSSLCertificate(bytes: $0.der, format: .der))
        }
        let key = try NIOSSLPrivateKey(bytes: Array(serving.key.pem.utf8), format: .pem)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv13
        configuration.applicationProtocols = ["http/1.1"]
        configuration.certificateVerification =
            switch clients {
            case .required: .noHostnameVerification
            case .optional: .optionalVerification
            case .none: .none
            }
        // Our own verdict takes the place of the library's; the roots only tell clients which certificate is meant.
        configuration.trustRoots = .certificates(
            try roots.map { try NIOSSLCertificate(bytes: $0.der, format: .der) })
        let newest = try NIOSSLContext(configuration: configuration)
        context.withLock { $0 = newest }
        made.withLock { $0 = parts }
    }

    /// There is something to show to whoever comes.
    var isReady: Bool { context.withLock { $0 != nil } }

    /// Puts TLS under a connection.
    func add(to channel: any Channel) throws {
        guard let context = context.withLock({ $0 }) else { throw ChannelError.ioOnClosedChannel }
        let handler =
            clients == .none
            ? NIOSSLServerHandler(context: context)
            : NIOSSLServerHandler(
                context: context,
                customVerificationCallback: { certificates, promise in
                    promise.completeWithTask { await self.judge(certificates) }
                })
        try channel.pipeline.syncOperations.addHandlers([handler, PeerNote()])
    }

    private func judge(_ certificates: [NIOSSLCertificate]) async -> NIOSSLVerificationResult {
        // Those of this moment: a root that has just been trusted counts at once.
        let roots = await authority.rootCertificates
        let bundles = TrustBundles(roots.first?.trustDomain.map { [$0: roots] } ?? [:])
        guard let chain = try? certificates.map({ try $0.toDERBytes() }), !chain.isEmpty,
            (try? await SVIDVerifier(bundles).verify(chain, now: .now())) != nil
        else { return .failed }
        return .certificateVerified
    }
}

/// Who has proved what in the handshake of a connection.
struct ProvedPeer: Sendable {
    let identity: SPIFFEID
    /// Of the leaf, in hexadecimal.
    let serial: String
    /// When the certificate began.
    let begin: WallTime

    /// Nil where the connection has no client certificate. The handshake has verified it.
    static func of(_ channel: any Channel) async -> ProvedPeer? {
        try? await channel.eventLoop.submit {
            let pipeline = channel.pipeline.syncOperations
            let note = try pipeline.handler(type: PeerNote.self)
            if let known = note.peer { return known }
            guard let der = try pipeline.nioSSL_peerCertificate()?.toDERBytes(), let leaf = SignedCertificate(der: der),
                let identity = leaf.identity
            else { return nil }
            note.peer = ProvedPeer(
                identity: identity, serial: CertificateFacts(leaf).serialNumber, begin: leaf.validity.notBefore)
            return note.peer
        }.get()
    }
}

/// Keeps with a connection who its certificate names: reading it anew for every request costs more than the request.
private final class PeerNote: ChannelInboundHandler {
    typealias InboundIn = NIOAny

    /// Touched on the connection's event loop alone.
    var peer: ProvedPeer?
}
