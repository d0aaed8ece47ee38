// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ControlAPI
package import ControlPlane
internal import Hummingbird
internal import HummingbirdCore
internal import LinuxSystem
package import Logging
package import MeshModel
internal import NIOCore
internal import NIOPosix
internal import ServiceLifecycle
internal import UnixSignals

/// A replica of the control plane with its listeners:
///
/// | port | who | credential |
/// |---|---|---|
/// | socket, 0600 | the local administrator | the file |
/// | 15010, loopback | operators | token or client certificate |
/// | 15012 | proxies | client certificate |
/// | 15013 | machines that join | a token, or the key of an expired certificate |
/// | 15014 | whoever scrapes metrics | none |
package struct ControlServer: Sendable {
    package struct Ports: Sendable {
        package var api: Port?
        package var proxies: Port?
        package var join: Port?
        package var metrics: Port?
        /// Where the API listens; loopback unless somebody asks for more.
        package var apiAddress = "127.0.0.1"
        /// Where proxies and machines that join are listened for.
        package var address = "0.0.0.0"

        package init() {}
    }

    private let plane: ControlPlane
    private let ports: Ports
    private let logger: Logger

    /// Chosen by us: a mesh of thousands on one replica, and a bound on what strangers can hold open.
    private static let proxyConnections = 16_384
    private static let otherConnections = 512
    /// Of these, those that come from one address: machines behind one translated address are many, and an attacker has few.
    private static let shareOfAddress = 2
    static let headerBytes = 16 << 10
    static let headerCount = 64
    /// Every proxy of a replica that restarts comes at once. The kernel has its own bound, `net.core.somaxconn`.
    private static let backlog = 4096

    package init(_ plane: ControlPlane, _ ports: Ports, logger: Logger) {
        self.plane = plane
        self.ports = ports
        self.logger = logger
    }

    /// Runs until SIGTERM or SIGINT. Proxies are told to go elsewhere first.
    package func run() async throws {
        let secured = [
            ServingTLS(plane.authority, .optional), ServingTLS(plane.authority, .required),
            ServingTLS(plane.authority, .none),
        ]
        // A replica that waits for its intermediate has nothing to show yet.
        for tls in secured { try? await tls.refresh() }
        let gate = ReadyGate()
        var services: [any ServiceLifecycle.Service] = [
            RenewalService(secured: secured), HeapService(plane: plane),
            listener(
                .unixDomainSocket(path: plane.settings.directory.socketPath), nil,
                APIListener(plane: plane, isLocal: true).router(), Self.otherConnections, gate, name: "administrator"),
        ]
        if let port = ports.api {
            services.append(
                listener(
                    .hostname(ports.apiAddress, port: Int(port.number)), secured[0],
                    APIListener(plane: plane, isLocal: false).router(), Self.otherConnections, gate, name: "api"))
        }
        if let port = ports.proxies {
            services.append(
                listener(
                    .hostname(ports.address, port: Int(port.number)), secured[1],
                    ProxyListener(plane: plane).router(), Self.proxyConnections, gate, name: "proxies", hasWatches: true
                ))
        }
        if let port = ports.join {
            services.append(
                listener(
                    .hostname(ports.address, port: Int(port.number)), secured[2], JoinListener(plane: plane).router(),
                    Self.otherConnections, gate, name: "join"))
        }
        if let port = ports.metrics {
            services.append(
                listener(
                    .hostname(ports.address, port: Int(port.number)), nil,
                    MetricsListener(plane: plane, isReady: { secured.allSatisfy(\.isReady) }).router(),
                    Self.otherConnections, gate, name: "metrics"))
        }
        // What is last here ends first: a listener ends with its last connection, and proxies hang up when they are told to.
        services.append(PlaneService(plane: plane, gate: gate))
        var configuration = ServiceGroupConfiguration(
            services: services.map { .init(service: $0, successTerminationBehavior: .gracefullyShutdownGroup) },
            gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        // Who does not hang up by then is cut off.
        configuration.maximumGracefulShutdownDuration = .seconds(5)
        try await ServiceGroup(configuration: configuration).run()
        await plane.close()
    }

    private func listener(
        _ address: BindAddress, _ tls: ServingTLS?, _ router: Router<CallContext>, _ connections: Int,
        _ gate: ReadyGate,
        name: String, hasWatches: Bool = false
    ) -> any ServiceLifecycle.Service {
        let configuration = HTTP1Channel.Configuration(
            additionalChannelHandlers: [Patience()], idleTimeout: Patience.nextHead,
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: Self.headerBytes, maxHeaderListSize: Self.headerBytes,
                maxHeaderFieldCount: Self.headerCount))
        let callers = Callers(atMost: connections / Self.shareOfAddress)
        let builder = HTTPServerBuilder { responder -> any ServerChildChannel in
            let http = HTTP1Channel(responder: responder, configuration: configuration)
            return hasWatches
                ? GuardedChannel(tls: tls, callers: callers, base: WatchChannel(plane: plane, http: http))
                : GuardedChannel(tls: tls, callers: callers, base: http)
        }
        var logger = logger
        logger.logLevel = .warning
        let isSocket = address == .unixDomainSocket(path: plane.settings.directory.socketPath)
        let application = Application(
            responder: router.buildResponder(), server: builder,
            configuration: ApplicationConfiguration(
                address: address, backlog: Self.backlog,
                availableConnectionsDelegate: MaximumAvailableConnections(connections)),
            onServerRunning: { channel in
                // The socket's file is a key: only who runs the control plane may open it.
                if isSocket, let path = channel.localAddress?.pathname { try? Files.setPermissions(path, 0o600) }
            }, logger: logger)
        return Gated(service: application, gate: gate)
    }
}

/// Opens once, when the control plane has taken over what the store has.
actor ReadyGate {
    private var isOpen = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    func open() {
        isOpen = true
        for continuation in waiting { continuation.resume() }
        waiting = []
    }

    func wait() async {
        if isOpen { return }
        await withCheckedContinuation { waiting.append($0) }
    }
}

/// A listener that is not bound before there is something to say.
private struct Gated: ServiceLifecycle.Service {
    let service: any ServiceLifecycle.Service
    let gate: ReadyGate

    func run() async throws {
        await gate.wait()
        try await service.run()
    }
}

private struct PlaneService: ServiceLifecycle.Service {
    let plane: ControlPlane
    let gate: ReadyGate

    func run() async throws {
        try await cancelWhenGracefulShutdown {
            try await plane.run { Task { await gate.open() } }
        }
    }
}

/// Gives memory back that connections have left: the allocator keeps what lies below anything that is still in use.
private struct HeapService: ServiceLifecycle.Service {
    let plane: ControlPlane

    /// Often enough to be back to what is needed before half a minute is over.
    private static let interval: Duration = .seconds(10)

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                try? await Task.sleep(for: Self.interval)
                await plane.releaseMemory()
                ThisProcess.trimHeap()
            }
        }
    }
}

/// Puts renewed certificates in force.
private struct RenewalService: ServiceLifecycle.Service {
    let secured: [ServingTLS]

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                // A replica that has just been given its intermediate is waited for.
                try? await Task.sleep(for: .milliseconds(secured.allSatisfy(\.isReady) ? 1000 : 50))
                for tls in secured { try? await tls.refresh() }
            }
        }
    }
}
