// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel
package import Routing

/// A listener of a gateway with what is attached to it.
package final class GatewayListener: Sendable {
    package let gateway: ResourceReference
    package let listener: Gateway.Listener
    /// Of HTTP and HTTPS: nil where no route is attached, and every request is answered with 404.
    package let routes: RouteTable?
    /// Of TLS and TCP: nil where no route is attached, and every connection is reset.
    package let connectionRoutes: ConnectionTable?

    /// For logs: `default/edge/web`.
    package let label: String

    init(_ gateway: Gateway, _ listener: Gateway.Listener, _ resources: MeshResources) {
        self.gateway = gateway.reference
        self.listener = listener
        label = gateway.label(of: listener)
        routes = RouteTable(
            resources.routes, gateway: gateway.reference, listener: listener, filters: resources.filters)
        connectionRoutes = ConnectionTable(
            resources.connectionRoutes, gateway: gateway.reference, listener: listener)
    }
}

/// The listeners of one address and port.
package struct GatewayPort: Sendable {
    /// What comes first there.
    package enum Opening: Sendable {
        /// A request; its host chooses the listener.
        case request
        /// A ClientHello; its server name chooses the listener, which ends the TLS (HTTPS) or passes it on (TLS).
        case clientHello
        /// Anything; there is one listener.
        case bytes
    }

    package let opening: Opening
    private var listeners = HostTable<GatewayListener>()

    fileprivate init(_ transport: Gateway.TransportProtocol) {
        opening =
            switch transport {
            case .http: .request
            case .https, .tls: .clientHello
            case .tcp: .bytes
            }
    }

    fileprivate mutating func add(_ listener: GatewayListener) {
        listeners.update(listener.listener.hostname, default: listener) { _ in }
    }

    /// The listener that is most precisely for a host or server name, in lower case and without a port; nil: for none, or
    /// for a client that says none, the one without a `hostname`. Only its routes count.
    package func listener(for host: String?) -> GatewayListener? {
        host.map { listeners.best(for: $0) } ?? listeners.forAll
    }
}

/// All addresses and ports that the gateways of a configuration listen on.
package struct GatewayPorts: Sendable {
    private var ports: [SocketAddress: GatewayPort] = [:]

    init(_ resources: MeshResources) {
        for gateway in resources.gateways {
            for listener in gateway.listeners {
                let attached = GatewayListener(gateway, listener, resources)
                listeners.append(attached)
                for address in gateway.boundAddresses {
                    let socket = SocketAddress(address, listener.port)
                    ports[socket, default: GatewayPort(listener.transport)].add(attached)
                }
            }
        }
    }

    /// Every listener of every gateway.
    private(set) var listeners: [GatewayListener] = []

    package var isEmpty: Bool { ports.isEmpty }

    /// What has to be bound.
    package var addresses: Set<SocketAddress> { Set(ports.keys) }

    /// The listeners of a socket, by the address it is bound to.
    package subscript(_ bound: SocketAddress) -> GatewayPort? { ports[bound] }

    /// The listeners of a port, by an address that a client has dialled: a socket bound to it, or to every address.
    package func port(dialled address: SocketAddress) -> GatewayPort? {
        if ports.isEmpty { return nil }
        if let port = ports[address] { return port }
        let every = address.address.family == .ipv4 ? "0.0.0.0" : "::"
        return IPAddress(every).flatMap { ports[SocketAddress($0, address.port)] }
    }
}
