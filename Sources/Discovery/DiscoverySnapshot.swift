// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import Authorization
package import MeshModel
package import Routing

/// One place a connection can be made to, and what must answer there.
package struct Endpoint: Hashable, Sendable {
    package let address: SocketAddress
    /// Tells one workload from the next that gets the same address.
    package let workloadUID: String
    package let security: EndpointSecurity
    package let hint: ProtocolHint

    package init(address: SocketAddress, workloadUID: String, security: EndpointSecurity, hint: ProtocolHint) {
        self.address = address
        self.workloadUID = workloadUID
        self.security = security
        self.hint = hint
    }
}

/// How an endpoint is talked to.
package enum EndpointSecurity: Hashable, Sendable {
    /// `weft/1`, and this identity must answer. Never downgraded.
    case mutualTLS(SPIFFEID)
    /// Plaintext, and why.
    case plaintext(PlaintextReason)
}

/// What discovery says of an address that somebody dialled.
package enum Destination: Hashable, Sendable {
    /// Exactly one place.
    case endpoint(Endpoint)
    /// A service; one of these is chosen for each connection.
    case service(ServiceDestination)
    /// Nothing is known and nothing has to be: it goes on as it came.
    case outside
    /// It is not to be reached.
    case refused(ErrorCode)
}

/// The endpoints of one port of a service, by their addresses of the dialled family where they have one.
package struct ServiceDestination: Hashable, Sendable {
    /// Names the balancer that remembers what was learned of the endpoints.
    package struct Key: Hashable, Sendable {
        package let service: ResourceReference
        package let port: UInt16
        package let family: AddressFamily
    }

    package let key: Key
    package let endpoints: [Endpoint]
    package let ejection: EjectionSettings
    package let balancing: BalancingSettings
    package let breaker: BreakerSettings
}

/// All that is known of the mesh at one moment, indexed for lookups by address. Immutable: built on the control thread,
/// handed over whole, swapped between two turns of a data thread's loop.
package final class DiscoverySnapshot: Sendable {
    /// Counts up with each snapshot of this process.
    package let generation: UInt64
    package let resources: MeshResources
    private let registryOnly: Bool
    private let metricsPort: UInt16?
    private let workloads: [IPAddress: Workload]
    private let services: [IPAddress: Service]
    private let destinations: [ServiceDestination.Key: ServiceDestination]
    let routes: [RoutedPort: RouteTable]
    private let connectionRoutes: [RoutedPort: ConnectionTable]
    /// What this proxy listens on for traffic from outside the mesh.
    package let gateways: GatewayPorts
    /// What holds for whoever calls the workload beside this proxy.
    package let policies: PolicySet

    /// `metricsPort` is the one port that no sidecar captures, everywhere in the mesh: a workload that does not say
    /// otherwise of it is talked to in plaintext there, so that metrics can be scraped from inside the mesh too. `workload`
    /// is the one beside this proxy; policies hold for it, and routes for callers of its namespace. Nil: those of every
    /// namespace hold.
    package init(
        _ resources: MeshResources, registryOnly: Bool, metricsPort: Port? = nil, workload: ResourceReference? = nil,
        generation: UInt64
    ) {
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
        destinations = Self.destinations(resources, owners: workloads, metricsPort: metricsPort?.number)
        policies = workload.map { PolicySet(resources, workload: $0, trustDomain: resources.mesh.trustDomain) } ?? .none
        routes = Self.routes(resources, callers: workload?.namespace)
        connectionRoutes = Self.connectionRoutes(resources, callers: workload?.namespace)
        gateways = GatewayPorts(resources)
    }

    /// Where a connection to `address` leads.
    package func destination(of address: SocketAddress) -> Destination {
        if let workload = workloads[address.address] { return .endpoint(Self.endpoint(workload, address, metricsPort)) }
        if let service = services[address.address] { return destination(of: service, address) }
        if resources.mesh.ranges.contains(where: { $0.contains(address.address) }) {
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
        else { return .refused(.noEndpoint) }
        return .service(destination)
    }

    private func isRouted(_ service: ResourceReference, port: UInt16) -> Bool {
        routes(of: service, port: port) != nil || connectionRoutes(of: service, port: port) != nil
    }

    private static func destinations(
        _ resources: MeshResources, owners: [IPAddress: Workload], metricsPort: UInt16?
    ) -> [ServiceDestination.Key: ServiceDestination] {
        let workloads = Dictionary(resources.workloads.map { ($0.reference, $0) }) { first, _ in first }
        var destinations: [ServiceDestination.Key: ServiceDestination] = [:]
        for service in resources.services {
            for mapping in service.ports {
                for family in AddressFamily.allCases {
                    let key = ServiceDestination.Key(
                        service: service.reference, port: mapping.port.number, family: family)
                    // Two members may lead to one place; counted twice, it would look less busy than it is.
                    var seen: Set<Endpoint> = []
                    let endpoints = service.members.compactMap { member in
                        endpoint(member, mapping, family, workloads, owners, metricsPort)
                    }.filter { seen.insert($0).inserted }
                    destinations[key] = ServiceDestination(
                        key: key, endpoints: endpoints, ejection: service.ejection, balancing: service.balancing,
                        breaker: service.breaker)
                }
            }
        }
        return destinations
    }

    private static func endpoint(
        _ member: Service.Member, _ mapping: Service.PortMapping, _ family: AddressFamily,
        _ workloads: [ResourceReference: Workload], _ owners: [IPAddress: Workload], _ metricsPort: UInt16?
    ) -> Endpoint? {
        switch member {
        case .workload(let reference):
            // The dialled family where the workload has it; else the other one, since it is we who dial.
            guard let workload = workloads[reference],
                let address = workload.addresses.first(where: { $0.family == family }) ?? workload.addresses.first
            else { return nil }
            return endpoint(workload, SocketAddress(address, mapping.targetPort), metricsPort, hint: mapping.hint)
        case .address(let address):
            let target = SocketAddress(address, mapping.targetPort)
            // A workload is a workload however it is named: writing its bare address must not make it plaintext.
            if let workload = owners[address] { return endpoint(workload, target, metricsPort, hint: mapping.hint) }
            return Endpoint(
                address: target, workloadUID: address.description,
                security: .plaintext(.notMeshed), hint: mapping.hint)
        }
    }

    private static func settings(
        _ workload: Workload, _ port: UInt16, _ metricsPort: UInt16?
    ) -> (isMeshed: Bool, hint: ProtocolHint) {
        let isListed = workload.ports.contains { $0.port.number == port }
        return port == metricsPort && !isListed ? (false, .detect) : workload.settings(for: port)
    }

    /// A port's own hint is more precise than a service's.
    private static func endpoint(
        _ workload: Workload, _ address: SocketAddress, _ metricsPort: UInt16?, hint serviceHint: ProtocolHint = .detect
    ) -> Endpoint {
        let (isMeshed, hint) = settings(workload, address.port, metricsPort)
        let security: EndpointSecurity =
            if isMeshed, let identity = workload.identity {
                .mutualTLS(identity)
            } else {
                .plaintext(workload.isMeshed ? .portNotMeshed : .notMeshed)
            }
        return Endpoint(
            address: address, workloadUID: workload.uid, security: security, hint: hint == .detect ? serviceHint : hint)
    }
}
