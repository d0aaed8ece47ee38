// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// The kinds of resource, as they are written.
package enum ResourceKind: String, Hashable, Sendable, CaseIterable, Comparable {
    case mesh = "Mesh"
    case workload = "Workload"
    case service = "Service"
    case trust = "Trust"
    case httpRoute = "HTTPRoute"
    case grpcRoute = "GRPCRoute"
    case tlsRoute = "TLSRoute"
    case tcpRoute = "TCPRoute"
    case gateway = "Gateway"
    case filter = "Filter"
    case policy = "Policy"

    package static func < (left: ResourceKind, right: ResourceKind) -> Bool { left.rawValue < right.rawValue }

    /// The kinds that a file of a proxy or a gateway may hold.
    package static let ofFiles = ["Proxy"] + allCases.map(\.rawValue)

    /// False for what there is one of in the whole mesh, or one of for a trust domain.
    package var isNamespaced: Bool { self != .mesh && self != .trust }
}

/// What tells resources apart, `Service/default/api`.
package struct ResourceID: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let kind: ResourceKind
    /// Of a kind without namespaces it is the default one.
    package let reference: ResourceReference

    package init(_ kind: ResourceKind, _ reference: ResourceReference) {
        self.kind = kind
        self.reference = kind.isNamespaced ? reference : ResourceReference(name: reference.name)
    }

    /// There is one for the whole mesh.
    package static let mesh = ResourceID(.mesh, named: "mesh")

    /// There is one for a trust domain, whose name may have an underscore where a resource's has none.
    package static func trust(_ trustDomain: TrustDomain) -> ResourceID {
        ResourceID(.trust, named: String(trustDomain.name.map { $0 == "_" ? "-" : $0 }))
    }

    private init(_ kind: ResourceKind, named text: String) {
        self.init(kind, ResourceReference(name: ResourceName(text) ?? .defaultNamespace))
    }

    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, let kind = ResourceKind(rawValue: String(parts[0])),
            let namespace = ResourceName(parts[1]), let name = ResourceName(parts[2])
        else { return nil }
        self.init(kind, ResourceReference(namespace: namespace, name: name))
    }

    package static func < (left: ResourceID, right: ResourceID) -> Bool {
        (left.kind, left.reference) < (right.kind, right.reference)
    }

    package var description: String { "\(kind.rawValue)/\(reference)" }
}

/// A resource of the mesh of any kind.
package enum Resource: Hashable, Sendable {
    case mesh(MeshSettings)
    case workload(Workload)
    case service(Service)
    case trust(TrustSettings)
    case route(Route)
    case connectionRoute(ConnectionRoute)
    case gateway(Gateway)
    case filter(FilterResource)
    case policy(Policy)

    package var id: ResourceID {
        switch self {
        case .mesh: .mesh
        case .trust(let settings): .trust(settings.trustDomain)
        case .workload(let workload): ResourceID(.workload, workload.reference)
        case .service(let service): ResourceID(.service, service.reference)
        case .route(let route): ResourceID(route.resourceKind, route.reference)
        case .connectionRoute(let route): ResourceID(route.resourceKind, route.reference)
        case .gateway(let gateway): ResourceID(.gateway, gateway.reference)
        case .filter(let filter): ResourceID(.filter, filter.reference)
        case .policy(let policy): ResourceID(.policy, policy.reference)
        }
    }
}

extension MeshResources {
    package mutating func add(_ resource: Resource) {
        switch resource {
        case .mesh(let settings): mesh = settings
        case .workload(let workload): workloads.append(workload)
        case .service(let service): services.append(service)
        case .trust(let settings): trust.append(settings)
        case .route(let route): routes.append(route)
        case .connectionRoute(let route): connectionRoutes.append(route)
        case .gateway(let gateway): gateways.append(gateway)
        case .filter(let filter): filters.append(filter)
        case .policy(let policy): policies.append(policy)
        }
    }
}
