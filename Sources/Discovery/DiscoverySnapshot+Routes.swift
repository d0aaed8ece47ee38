// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel
internal import Routing

/// A port of a service that routes are attached to.
struct RoutedPort: Hashable {
    let service: ResourceReference
    let port: UInt16
}

extension DiscoverySnapshot {
    /// Routes that stand back behind an older one of another kind, and where: for whoever wonders why they do nothing.
    package var displacedRoutes: [String] {
        let ofServices = routes.flatMap { port, table in
            table.displaced.map { "\($0) at Service \(port.service), port \(port.port)" }
        }
        let ofGateways = gateways.listeners.flatMap { listener in
            (listener.routes?.displaced ?? []).map { "\($0) at listener \(listener.label)" }
        }
        return Set(ofServices + ofGateways).sorted()
    }

    /// Routes of requests, by the ports they are attached to.
    static func routes(_ resources: MeshResources, callers: ResourceName?) -> [RoutedPort: RouteTable] {
        guard !resources.routes.isEmpty else { return [:] }
        var tables: [RoutedPort: RouteTable] = [:]
        for (port, mapping) in routedPorts(resources) where mapping.hint != .opaque {
            tables[port] = RouteTable(
                resources.routes, service: port.service, port: mapping.port, callers: callers,
                filters: resources.filters)
        }
        return tables
    }

    /// Routes of connections. What looks at requests goes before what looks at the server name, and that before what looks
    /// at nothing.
    static func connectionRoutes(_ resources: MeshResources, callers: ResourceName?) -> [RoutedPort: ConnectionTable] {
        guard !resources.connectionRoutes.isEmpty else { return [:] }
        let ofBytes = resources.connectionRoutes.filter { $0.kind == .tcp }
        var tables: [RoutedPort: ConnectionTable] = [:]
        for (port, mapping) in routedPorts(resources) {
            let isRead = mapping.hint != .opaque
            let ofRequests = resources.routes.attached(to: port.service, mapping.port, callers: callers)
            guard !isRead || ofRequests.isEmpty else { continue }
            // What is declared to be bytes is not read.
            tables[port] = ConnectionTable(
                isRead ? resources.connectionRoutes : ofBytes, service: port.service, port: mapping.port,
                callers: callers)
        }
        return tables
    }

    private static func routedPorts(_ resources: MeshResources) -> [(RoutedPort, Service.PortMapping)] {
        resources.services.flatMap { service in
            service.ports.map { (RoutedPort(service: service.reference, port: $0.port.number), $0) }
        }
    }
}
