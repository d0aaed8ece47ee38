// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// `kind: Gateway`: where traffic from outside the mesh comes in. A proxy serves all gateways of its configuration.
package struct Gateway: Hashable, Sendable {
    /// What a listener speaks.
    package enum TransportProtocol: String, Hashable, Sendable, CaseIterable {
        case http = "HTTP"
        /// HTTP inside TLS that ends here.
        case https = "HTTPS"
        /// TLS that is passed on as it is; the server name in its first message chooses the route.
        case tls = "TLS"
        case tcp = "TCP"

        /// True if the first message is a ClientHello, whose server name tells the listeners of a port apart.
        package var isSecure: Bool { self == .https || self == .tls }
    }

    /// A chain of certificates and its key, as PEM files.
    package struct Certificate: Hashable, Sendable {
        package let chain: String
        package let key: String

        package init(chain: String, key: String) {
            self.chain = chain
            self.key = key
        }
    }

    /// Of which namespaces routes may be attached.
    package enum RouteNamespaces: String, Hashable, Sendable, CaseIterable {
        case same = "Same"
        case all = "All"
    }

    package struct Listener: Hashable, Sendable {
        package let name: ResourceName
        package let port: Port
        package let transport: TransportProtocol
        /// The host or server name that it is for; nil: every one that no other listener of the port is for.
        package let hostname: HostPattern?
        /// What an HTTPS listener shows: the first whose names hold the server name, else the first. At least one there,
        /// none elsewhere.
        package let certificates: [Certificate]
        package let namespaces: RouteNamespaces
        /// The kinds of routes that it takes: all that its protocol has, unless it says less.
        package let kinds: Set<String>

        package init(
            name: ResourceName, port: Port, transport: TransportProtocol, hostname: HostPattern? = nil,
            certificates: [Certificate] = [], namespaces: RouteNamespaces = .same, kinds: Set<String>? = nil
        ) {
            self.name = name
            self.port = port
            self.transport = transport
            self.hostname = hostname
            self.certificates = certificates
            self.namespaces = namespaces
            self.kinds = kinds ?? transport.routeKinds
        }
    }

    package let reference: ResourceReference
    /// Where it listens; empty: on every address of both families.
    package let addresses: [IPAddress]
    package let listeners: [Listener]

    package init(reference: ResourceReference, addresses: [IPAddress] = [], listeners: [Listener]) {
        self.reference = reference
        self.addresses = addresses
        self.listeners = listeners
    }

    /// A listener's name for logs, unique in a configuration: `default/edge/web`.
    package func label(of listener: Listener) -> String { "\(reference)/\(listener.name)" }

    /// The addresses to bind.
    package var boundAddresses: [IPAddress] {
        addresses.isEmpty ? ["0.0.0.0", "::"].compactMap { IPAddress($0) } : addresses
    }
}

extension Gateway.TransportProtocol {
    /// The kinds of routes that may be attached to a listener of this protocol.
    package var routeKinds: Set<String> {
        switch self {
        case .http, .https: [Route.Kind.http.rawValue, Route.Kind.grpc.rawValue]
        case .tls: [ConnectionRoute.Kind.tls.rawValue]
        case .tcp: [ConnectionRoute.Kind.tcp.rawValue]
        }
    }
}

extension Gateway.Listener {
    /// Why a route whose parent names this listener is not attached to it.
    package enum Refusal: Hashable, Sendable {
        case kind
        case namespace
        case hostname
    }

    /// Why it does not take a route; nil if it does.
    package func refusal(of route: some AttachableRoute, _ gateway: ResourceReference) -> Refusal? {
        if !kinds.contains(route.kindName) { return .kind }
        if namespaces == .same, route.reference.namespace != gateway.namespace { return .namespace }
        return route.hostnames.isEmpty || !commonHosts(route.hostnames).isEmpty ? nil : .hostname
    }

    /// The hosts of a route that have something in common with the listener's.
    package func commonHosts(_ hostnames: [HostPattern]) -> [HostPattern] {
        guard let hostname else { return hostnames }
        return hostnames.filter { hostname.intersection($0) != nil }
    }
}
