// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import Authorization
package import MeshModel
package import Routing

/// All that is known of the mesh at one moment, indexed for lookups by address. Immutable: built on the control thread,
/// handed over whole, swapped between two turns of a data thread's loop.
package final class DiscoverySnapshot: Sendable {
    /// Counts up with each snapshot of this process.
    package let generation: UInt64
    /// Without the names among the endpoints: what they stand for is in their place.
    package let resources: MeshResources
    private let registryOnly: Bool
    private let isAwaited: Bool
    private let metricsPort: UInt16?
    private let workloads: [IPAddress: Workload]
    private let services: [IPAddress: Service]
    private let destinations: [ServiceDestination.Key: ServiceDestination]
    let routes: [RoutedPort: RouteTable]
    private let connectionRoutes: [RoutedPort: ConnectionTable]
    /// What this proxy listens on for traffic from outside the mesh.
    package let gateways: GatewayPorts
    /// Services with a name among their endpoints that DNS has never had an address for.
    private let unresolved: Set<ResourceReference>
    /// Ports of the workload beside this proxy that are declared to be HTTP.
    private let requestPorts: Set<UInt16>
    /// What holds for whoever calls the workload beside this proxy.
    package let policies: PolicySet

    /// `metricsPort` is the one port that no sidecar captures, everywhere in the mesh: a workload that does not say
    /// otherwise of it is talked to in plaintext there, so that metrics can be scraped from inside the mesh too. `workload`
    /// is the one beside this proxy; policies hold for it, and routes for callers of its namespace. Nil: those of every
    /// namespace hold. `names` is what is known of the names among the endpoints. `isAwaited`: what is in the mesh has yet to
    /// be said, so that of an address that is not known nobody can say that it is outside. `locality` is where this proxy is;
    /// nil: where the Workload beside it says.
    package init(
        _ resources: MeshResources, registryOnly: Bool, metricsPort: Port? = nil, workload: ResourceReference? = nil,
        names: [DNSName: ResolvedName] = [:], isAwaited: Bool = false, locality: Locality? = nil,
        generation: UInt64
    ) {
        self.isAwaited = isAwaited
        unresolved = Set(
            resources.services.filter { service in service.names.contains { names[$0]?.isEmpty ?? true } }.map(
                \.reference))
        let resources = resources.resolving(names)
        self.resources = resources
        self.registryOnly = registryOnly
        self.metricsPort = metricsPort?.number
        self.generation = generation
        var workloads: [IPAddress: Workload] = [:]
        for workload in resources.workloads {
            for address in workload.addresses { workloads[address] = workload }
        }
        var services: [IPAddress: Service] = [:]
        for service in resources.services {
            for address in service.addresses { services[address] = service }
        }
        self.workloads = workloads
        self.services = services
        let here = locality ?? resources.workloads.first { $0.reference == workload }?.locality
        destinations = Self.destinations(
            resources, owners: workloads, metricsPort: metricsPort?.number, from: here)
        policies = workload.map { PolicySet(resources, workload: $0, trustDomain: resources.mesh.trustDomain) } ?? .none
        routes = Self.routes(resources, callers: workload?.namespace)
        connectionRoutes = Self.connectionRoutes(resources, callers: workload?.namespace)
        gateways = GatewayPorts(resources)
        requestPorts = workload.map { Self.requestPorts(resources, of: $0) } ?? []
    }

    /// True if what comes to a port of the workload beside this proxy has to be read as requests: a policy asks for it, or the
    /// port is declared to be HTTP, so that the application can rely on being told who calls.
    package func readsRequests(port: UInt16) -> Bool {
        policies.needsRequests(port: port) || requestPorts.contains(port)
    }

    private static func requestPorts(_ resources: MeshResources, of workload: ResourceReference) -> Set<UInt16> {
        func isHTTP(_ hint: ProtocolHint) -> Bool { hint == .http || hint == .http2 }
        let own = resources.workloads.filter { $0.reference == workload }.flatMap(\.ports)
        var ports = Set(own.filter { isHTTP($0.hint) }.map(\.port.number))
        for service in resources.services {
            for member in service.members where member.place == .workload(workload) {
                for mapping in service.ports where isHTTP(mapping.hint) {
                    ports.insert((member.port ?? mapping.targetPort).number)
                }
            }
        }
        // A port's own word is more precise than a service's.
        ports.subtract(own.filter { $0.hint == .opaque }.map(\.port.number))
        return ports
    }

    /// Where a connection to `address` leads.
    package func destination(of address: SocketAddress) -> Destination {
        if let workload = workloads[address.address] { return .endpoint(Self.endpoint(workload, address, metricsPort)) }
        if let service = services[address.address] { return destination(of: service, address) }
        if isAwaited || resources.mesh.ranges.contains(where: { $0.contains(address.address) }) {
            return .refused(.unknownDestination)
        }
        return registryOnly ? .refused(.notInRegistry) : .outside
    }

    /// The routes attached to a port of a service; nil where there are none, and its connections are not looked into.
    package func routes(of service: ResourceReference, port: UInt16) -> RouteTable? {
        routes.isEmpty ? nil : routes[RoutedPort(service: service, port: port)]
    }

    /// The TLSRoutes or TCPRoutes attached to a port of a service; nil where there are none, or where requests decide.
    package func connectionRoutes(of service: ResourceReference, port: UInt16) -> ConnectionTable? {
        connectionRoutes.isEmpty ? nil : connectionRoutes[RoutedPort(service: service, port: port)]
    }

    /// The endpoints of a route's backend, by their addresses of this family where they have one; nil where there are none.
    package func destination(
        of service: ResourceReference, port: Port, _ family: AddressFamily
    ) -> ServiceDestination? {
        let key = ServiceDestination.Key(service: service, port: port.number, family: family)
        return destinations[key].flatMap { $0.endpoints.isEmpty ? nil : $0 }
    }

    /// Why a service that has no endpoint has none.
    package func lack(of service: ResourceReference) -> ErrorCode {
        unresolved.contains(service) ? .nameNotResolved : .noEndpoint
    }

    /// Every port of every service, for whoever remembers something about their endpoints.
    package var serviceDestinations: some Collection<ServiceDestination> { destinations.values }

    /// True if the address still belongs to that workload, meshed and under that identity.
    package func stillHas(_ address: SocketAddress, _ identity: SPIFFEID, uid: String) -> Bool {
        guard let workload = workloads[address.address] else { return false }
        return workload.uid == uid && workload.identity == identity
            && Self.settings(workload, address.port, metricsPort).isMeshed
    }

    /// The workload that has an address.
    package func workload(at address: IPAddress) -> Workload? { workloads[address] }

    /// True if the workload at an address speaks `weft/1`.
    package func isMeshed(_ address: IPAddress) -> Bool { workloads[address]?.isMeshed ?? false }

    private func destination(of service: Service, _ address: SocketAddress) -> Destination {
        let key = ServiceDestination.Key(
            service: service.reference, port: address.port, family: address.address.family)
        guard service.mapping(for: address.port) != nil else { return .refused(.portNotServed) }
        // A service that has routes may stand for others and have no endpoint of its own.
        guard let destination = destinations[key],
            !destination.endpoints.isEmpty || isRouted(service.reference, port: address.port)
        else { return .refused(lack(of: service.reference)) }
        return .service(destination)
    }

    private func isRouted(_ service: ResourceReference, port: UInt16) -> Bool {
        routes(of: service, port: port) != nil || connectionRoutes(of: service, port: port) != nil
    }
}
