// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import CertificateAuthority
import LinuxSystem
import MeshModel
import NIOCore
import NIOPosix
import NIOSSL

/// Looks at the certificates that a server shows, and lets it go again: what is told to a control plane is told only after
/// this, and only to who proves it by the same root.
enum ServerProof {
    /// What the operator, or a join token, knows of the right control plane.
    enum Pin {
        case roots([SignedCertificate])
        /// SHA-256 of a root's DER, in hexadecimal. The server shows the root itself.
        case digest(String)
    }

    /// What a server has proved.
    struct Proved {
        let trustDomain: TrustDomain
        let roots: [SignedCertificate]
    }

    private static let timeout: TimeAmount = .seconds(10)

    /// Throws where the server is not the control plane of the mesh that `pin` is of.
    static func prove(host: String, port: Int, by pin: Pin) async throws(Problem) -> Proved {
        let place = ControlPlace.server(host: host, port: port).description
        let chain = try await shownChain(host, port, place)
        let roots = try roots(among: chain, pin, place)
        guard let trustDomain = roots.first?.trustDomain else {
            throw Problem(.malformedIdentity, at: place, "the root names no trust domain")
        }
        let rest = chain.filter { der in !roots.contains { $0.der == der } }
        do throws(Problem) {
            let proved = try await SVIDVerifier(TrustBundles([trustDomain: roots])).verifyControl(rest, now: .now())
            return Proved(trustDomain: proved, roots: roots)
        } catch {
            let remedy = "it is not the control plane that is meant, or its root has been replaced"
            throw Problem(error.code, at: place, error.message, remedy: error.remedy ?? remedy)
        }
    }

    private static func roots(
        among chain: [[UInt8]], _ pin: Pin, _ place: String
    ) throws(Problem) -> [SignedCertificate] {
        switch pin {
        case .roots(let roots): return roots
        case .digest(let digest):
            let found = chain.compactMap { SignedCertificate(der: $0) }.first {
                $0.isAuthority && $0.isSigned(by: $0) && CertificateFacts($0).fingerprint == digest
            }
            guard let found else {
                throw Problem(
                    .unknownRoot, at: place, "it shows no root with the SHA-256 \(digest)",
                    remedy: "it is not the control plane that is meant, or its root has been replaced")
            }
            return [found]
        }
    }

    /// The certificates as they were sent, leaf first. Nothing but a handshake happens, and nothing is believed yet.
    private static func shownChain(_ host: String, _ port: Int, _ place: String) async throws(Problem) -> [[UInt8]] {
        do {
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.minimumTLSVersion = .tlsv13
            configuration.certificateVerification = .noHostnameVerification
            // Not those of the system: they prove nothing here, and an image without any would be an error.
            configuration.trustRoots = .certificates([])
            configuration.applicationProtocols = ["http/1.1"]
            let context = try NIOSSLContext(configuration: configuration)
            let group = MultiThreadedEventLoopGroup.singleton
            let shown = group.next().makePromise(of: [[UInt8]].self)
            let timer = group.next().scheduleTask(in: timeout) { shown.fail(ChannelError.connectTimeout(timeout)) }
            defer { timer.cancel() }
            let channel: any Channel
            do {
                channel = try await ClientBootstrap(group: group).connectTimeout(timeout)
                    .channelInitializer { channel in
                        channel.eventLoop.makeCompletedFuture {
                            let handler = try NIOSSLClientHandler(context: context, serverHostname: nil) {
                                certificates, promise in
                                shown.succeed(certificates.compactMap { try? $0.toDERBytes() })
                                // It has been seen; there is nothing to be said to it.
                                promise.succeed(NIOSSLVerificationResult.failed)
                            }
                            try channel.pipeline.syncOperations.addHandlers(handler, Farewell(shown: shown))
                        }
                    }
                    .connect(host: host, port: port).get()
            } catch {
                shown.fail(error)
                throw error
            }
            let chain = try await shown.futureResult.get()
            channel.close(promise: nil)
            return chain
        } catch {
            throw Problem(
                .apiUnreachable, at: place, "shows no certificate: \(TransportWords.of(error))",
                remedy: "look whether `weft-control` runs there and the port can be reached")
        }
    }
}

/// Ends the wait where the connection ends first.
private final class Farewell: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let shown: EventLoopPromise<[[UInt8]]>

    init(shown: EventLoopPromise<[[UInt8]]>) { self.shown = shown }

    func channelInactive(context: ChannelHandlerContext) { shown.fail(ChannelError.eof) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        shown.fail(error)
        context.close(promise: nil)
    }
}
