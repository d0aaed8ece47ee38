// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// How the members of services become endpoints.
extension DiscoverySnapshot {
    static func destinations(
        _ resources: MeshResources, owners: [IPAddress: Workload], metricsPort: UInt16?, from here: Locality?
    ) -> [ServiceDestination.Key: ServiceDestination] {
        let workloads = Dictionary(resources.workloads.map { ($0.reference, $0) }) { first, _ in first }
        let origin = Origin(workloads: workloads, owners: owners, metricsPort: metricsPort, here: here)
        var destinations: [ServiceDestination.Key: ServiceDestination] = [:]
        for service in resources.services {
            for mapping in service.ports {
                for family in AddressFamily.allCases {
                    let key = ServiceDestination.Key(
                        service: service.reference, port: mapping.port.number, family: family)
                    // Two members may lead to one place; counted twice, it would look less busy than it is.
                    var seen: Set<Endpoint> = []
                    let endpoints = service.members.compactMap { origin.endpoint($0, mapping, family) }
                        .filter { seen.insert($0).inserted }
                    destinations[key] = ServiceDestination(
                        key: key, endpoints: endpoints, ejection: service.ejection, balancing: service.balancing,
                        breaker: service.breaker, connectTimeout: service.connectTimeout, health: service.health)
                }
            }
        }
        return destinations
    }

    static func settings(
        _ workload: Workload, _ port: UInt16, _ metricsPort: UInt16?
    ) -> (isMeshed: Bool, hint: ProtocolHint) {
        let isListed = workload.ports.contains { $0.port.number == port }
        return port == metricsPort && !isListed ? (false, .detect) : workload.settings(for: port)
    }

    /// A port's own hint is more precise than a service's.
    static func endpoint(
        _ workload: Workload, _ address: SocketAddress, _ metricsPort: UInt16?,
        hint serviceHint: ProtocolHint = .detect, weight: Int = 1, from here: Locality? = nil
    ) -> Endpoint {
        let (isMeshed, hint) = settings(workload, address.port, metricsPort)
        let security: EndpointSecurity =
            if isMeshed, let identity = workload.identity {
                .mutualTLS(identity)
            } else {
                .plaintext(workload.isMeshed ? .portNotMeshed : .notMeshed)
            }
        return Endpoint(
            address: address, workloadUID: workload.uid, security: security, hint: hint == .detect ? serviceHint : hint,
            weight: weight, distance: here?.distance(to: workload.locality) ?? .elsewhere)
    }

    /// What is known of whom members lead to.
    private struct Origin {
        let workloads: [ResourceReference: Workload]
        let owners: [IPAddress: Workload]
        let metricsPort: UInt16?
        let here: Locality?

        func endpoint(
            _ member: Service.Member, _ mapping: Service.PortMapping, _ family: AddressFamily
        ) -> Endpoint? {
            guard member.weight > 0 else { return nil }
            let port = member.port ?? mapping.targetPort
            switch member.place {
            case .workload(let reference):
                // The dialled family where the workload has it; else the other one, since it is we who dial.
                guard let workload = workloads[reference],
                    let address = workload.addresses.first(where: { $0.family == family }) ?? workload.addresses.first
                else { return nil }
                return DiscoverySnapshot.endpoint(
                    workload, SocketAddress(address, port), metricsPort, hint: mapping.hint, weight: member.weight,
                    from: here)
            case .address(let address):
                let target = SocketAddress(address, port)
                // A workload is a workload however it is named: writing its bare address must not make it plaintext.
                if let workload = owners[address] {
                    return DiscoverySnapshot.endpoint(
                        workload, target, metricsPort, hint: mapping.hint, weight: member.weight, from: here)
                }
                return Endpoint(
                    address: target, workloadUID: address.description, security: .plaintext(.notMeshed),
                    hint: mapping.hint, weight: member.weight)
            case .name: return nil
            }
        }
    }
}

extension MeshResources {
    /// The same with addresses for names, as far as they are known.
    ///
    /// An address in the mesh's ranges that no workload has is left out, as it is refused where an application dials it:
    /// what DNS says of a workload that has just gone must not lead anybody there in plaintext.
    func resolving(_ names: [DNSName: ResolvedName]) -> MeshResources {
        guard services.contains(where: { !$0.names.isEmpty }) else { return self }
        let known = Set(workloads.flatMap(\.addresses))
        var resolved = self
        resolved.services = services.map { service in
            guard !service.names.isEmpty else { return service }
            return service.with(
                members: service.members.flatMap { member -> [Service.Member] in
                    guard case .name(let name) = member.place else { return [member] }
                    let addresses = names[name]?.addresses(service.resolution) ?? []
                    return addresses.filter { address in
                        known.contains(address) || !mesh.ranges.contains { $0.contains(address) }
                    }.map { Service.Member(.address($0), port: member.port, weight: member.weight) }
                })
        }
        return resolved
    }
}
