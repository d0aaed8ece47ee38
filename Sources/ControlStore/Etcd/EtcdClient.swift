// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import AsyncHTTPClient
internal import Foundation
internal import MeshModel
internal import NIOCore
internal import NIOHTTP1
internal import NIOSSL
internal import Synchronization

/// Calls to one of several endpoints. The one that answered last is asked first.
final class EtcdClient: Sendable {
    let settings: EtcdSettings
    /// Calls have a deadline each; a watch has none, and a limit to its silence.
    private let calls: HTTPClient
    private let watches: HTTPClient
    private let state = Mutex(State())

    private struct State {
        var preferred = 0
        var token: String?
        var isClosed = false
    }

    init(_ settings: EtcdSettings) throws(StoreError) {
        do throws(Problem) {
            try settings.check()
            var configuration = try Self.configuration(settings)
            calls = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
            configuration.timeout.read = TimeAmount(settings.watchRenewal)
            watches = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        } catch {
            throw .broken(error)
        }
        self.settings = settings
    }

    deinit {
        guard !state.withLock({ $0.isClosed }) else { return }
        Task { [calls, watches] in
            try? await calls.shutdown()
            try? await watches.shutdown()
        }
    }

    func close() async {
        let wasClosed = state.withLock { state in
            defer { state.isClosed = true }
            return state.isClosed
        }
        guard !wasClosed else { return }
        try? await calls.shutdown()
        try? await watches.shutdown()
    }

    var isClosed: Bool { state.withLock { $0.isClosed } }

    private static func configuration(_ settings: EtcdSettings) throws(Problem) -> HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration()
        configuration.httpVersion = .http1Only
        configuration.redirectConfiguration = .disallow
        configuration.timeout.connect = TimeAmount(settings.connectTimeout)
        // The next endpoint is a better second try.
        configuration.connectionPool.retryConnectionEstablishment = false
        // Each watch keeps one; none must wait for another to end.
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 1_024
        if let tls = settings.tls { configuration.tlsConfiguration = try Self.configuration(tls) }
        return configuration
    }

    private static func configuration(_ tls: EtcdSettings.TLS) throws(Problem) -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        do {
            // Read here, so that a file that is not good is told of now and by name.
            if let path = tls.authorities {
                configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(path))
            }
            if let certificate = tls.certificate, let key = tls.key {
                configuration.certificateChain = try NIOSSLCertificate.fromPEMFile(certificate).map { .certificate($0) }
                configuration.privateKey = .privateKey(try NIOSSLPrivateKey(file: key, format: .pem))
            }
        } catch {
            let files = [tls.authorities, tls.certificate, tls.key].compactMap(\.self).joined(separator: ", ")
            throw Problem(.storeSettings, at: files, "\(error)", remedy: "these have to be files in PEM")
        }
        return configuration
    }

    // MARK: Endpoints

    /// The endpoint to try, by its place in the list.
    var preferred: Int { state.withLock { $0.preferred } }

    /// The next try goes to another one.
    func leave(_ endpoint: Int) {
        state.withLock { state in
            if state.preferred == endpoint { state.preferred = (endpoint + 1) % settings.endpoints.count }
        }
    }

    // MARK: Tokens

    var token: String? { state.withLock { $0.token } }

    /// The next call asks for a new one.
    func keep(token: String?) { state.withLock { $0.token = token } }

    /// Sends a message; the answer's body is still to come. Without a deadline it is a watch.
    func post(
        _ endpoint: Int, _ path: String, _ body: ByteBuffer, token: String?, deadline: ContinuousClock.Instant?
    ) async throws(EtcdFailure) -> HTTPClientResponse {
        var request = HTTPClientRequest(url: settings.endpoints[endpoint] + path)
        request.method = .POST
        request.headers.add(name: "content-type", value: "application/json")
        if let token { request.headers.add(name: "authorization", value: token) }
        // A member that has lost its leader ends the watches that ask for one, instead of leaving them in silence.
        request.headers.add(name: "grpc-metadata-hasleader", value: "true")
        request.body = .bytes(body)
        do {
            guard let deadline else { return try await watches.execute(request, deadline: .distantFuture) }
            return try await calls.execute(request, deadline: .now() + TimeAmount(deadline - .now))
        } catch {
            throw EtcdFailure(error)
        }
    }
}
