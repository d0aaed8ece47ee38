// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ControlAPI
package import MeshModel
internal import ResourceDocuments
internal import Synchronization

/// The mesh as proxies are told of it, at one moment: the configuration, with those who registered themselves and the
/// addresses that services were given put in. Immutable, indexed for what proxies ask.
package struct MeshIndex: Sendable {
    package let state: MeshState
    package let membership: Membership
    private let registered: [ResourceReference: Registration]
    /// By service, those who are endpoints of it by their identity.
    private let members: [ResourceReference: [ResourceReference]]
    /// By workload, the services whose documents name it.
    private let naming: [ResourceReference: [ResourceReference]]
    private let services: [IPAddress: ResourceReference]
    private let workloads: [IPAddress: ResourceReference]
    /// By service, the routes attached to it.
    private let routes: [ResourceReference: [ResourceID]]
    private let gatewayRoutes: [ResourceReference: [ResourceID]]
    /// By the workload or service that they are for; those of a whole namespace by that.
    private let policies: [Policy.Target: [ResourceID]]
    private let namespacePolicies: [ResourceName: [ResourceID]]
    package let namespaces: [ResourceName]
    private let mesh: ResourceText?
    private let trustDomain: TrustDomain
    private let made = MadeTexts()

    package init(_ state: MeshState, _ membership: Membership, trustDomain: TrustDomain) {
        self.state = state
        self.membership = membership
        self.trustDomain = trustDomain
        registered = membership.newest
        var members: [ResourceReference: [ResourceReference]] = [:]
        var naming: [ResourceReference: [ResourceReference]] = [:]
        var services: [IPAddress: ResourceReference] = [:]
        var workloads: [IPAddress: ResourceReference] = [:]
        var routes: [ResourceReference: [ResourceID]] = [:]
        var gatewayRoutes: [ResourceReference: [ResourceID]] = [:]
        var policies: [Policy.Target: [ResourceID]] = [:]
        var namespacePolicies: [ResourceName: [ResourceID]] = [:]
        var namespaces: Set<ResourceName> = []
        func attach(_ route: some AttachableRoute, _ id: ResourceID) {
            for parent in route.parents {
                switch parent.target {
                case .service(let service): routes[service, default: []].append(id)
                case .gateway(let gateway, _): gatewayRoutes[gateway, default: []].append(id)
                }
            }
        }
        for (workload, registration) in registered.sorted(by: { $0.key < $1.key }) {
            if let service = registration.service { members[service, default: []].append(workload) }
            for address in registration.addresses { workloads[address] = workload }
            namespaces.insert(workload.namespace)
        }
        for (id, document) in state.documents {
            if id.kind.isNamespaced { namespaces.insert(id.reference.namespace) }
            switch document.resource {
            case .service(let service):
                for case .workload(let workload) in service.members.map(\.place) {
                    naming[workload, default: []].append(id.reference)
                }
                for address in service.addresses + (membership.virtualAddresses[id.reference] ?? []) {
                    services[address] = id.reference
                }
            case .workload(let workload):
                for address in workload.addresses { workloads[address] = id.reference }
            case .route(let route): attach(route, id)
            case .connectionRoute(let route): attach(route, id)
            case .policy(let policy):
                if policy.target == .namespace {
                    namespacePolicies[id.reference.namespace, default: []].append(id)
                } else {
                    policies[policy.target, default: []].append(id)
                }
            case .mesh, .trust, .gateway, .filter: break
            }
        }
        self.members = members
        self.naming = naming
        self.services = services
        self.workloads = workloads
        self.routes = routes
        self.gatewayRoutes = gatewayRoutes
        self.policies = policies
        self.namespacePolicies = namespacePolicies
        self.namespaces = namespaces.sorted()
        mesh = MeshIndex.meshText(state, trustDomain)
    }

    /// The same members with other documents.
    func with(_ state: MeshState) -> MeshIndex { MeshIndex(state, membership, trustDomain: trustDomain) }

    // MARK: Lookups

    package func service(at address: IPAddress) -> ResourceReference? { services[address] }
    package func workload(at address: IPAddress) -> ResourceReference? { workloads[address] }

    package func service(_ reference: ResourceReference) -> Service? {
        if case .service(let service) = state.documents[ResourceID(.service, reference)]?.resource {
            service
        } else {
            nil
        }
    }

    package func addresses(of service: ResourceReference) -> [IPAddress] {
        (self.service(service)?.addresses ?? []) + (membership.virtualAddresses[service] ?? [])
    }

    package func registration(of workload: ResourceReference) -> Registration? { registered[workload] }

    /// The workloads behind a service: those that it names, and those that registered for it.
    package func endpoints(of reference: ResourceReference) -> [ResourceReference] {
        let named = (service(reference)?.members ?? []).compactMap { member in
            if case .workload(let workload) = member.place { workload } else { nil }
        }
        return named + (members[reference] ?? []).filter { !named.contains($0) }
    }

    func routes(of service: ResourceReference) -> [ResourceID] { routes[service] ?? [] }
    func routes(ofGateway gateway: ResourceReference) -> [ResourceID] { gatewayRoutes[gateway] ?? [] }

    /// The services that a workload is an endpoint of, by registration or by name.
    func services(behind workload: ResourceReference) -> [ResourceReference] {
        var all = Set(naming[workload] ?? [])
        if let service = registered[workload]?.service, self.service(service) != nil { all.insert(service) }
        return all.sorted()
    }

    func policies(for workload: ResourceReference, _ services: [ResourceReference]) -> [ResourceID] {
        (namespacePolicies[workload.namespace] ?? []) + (policies[.workload(workload)] ?? [])
            + services.flatMap { policies[.service($0)] ?? [] }
    }

    // MARK: Texts

    var meshText: ResourceText? { mesh }

    /// Those who registered for a service.
    func registeredEndpoints(of service: ResourceReference) -> [ResourceReference] { members[service] ?? [] }

    /// The document of a resource as a proxy gets it; nil where there is none. `registeredEndpoints`: of a service only these of
    /// the workloads that registered for it; nil: all of them.
    func text(of id: ResourceID, registeredEndpoints: [ResourceReference]? = nil) -> ResourceText? {
        guard registeredEndpoints == nil else { return makeText(of: id, registeredEndpoints) }
        return made.text(of: id) { makeText(of: id, nil) }
    }

    private func makeText(of id: ResourceID, _ registeredEndpoints: [ResourceReference]?) -> ResourceText? {
        switch id.kind {
        case .mesh: mesh
        case .service: serviceText(id, registeredEndpoints ?? members[id.reference] ?? [])
        case .workload: state.documents[id].map { ResourceText(id, $0.text) } ?? registeredText(id)
        default: state.documents[id].map { ResourceText(id, $0.text) }
        }
    }

    private func serviceText(_ id: ResourceID, _ endpoints: [ResourceReference]) -> ResourceText? {
        guard let document = state.documents[id], case .service(let service) = document.resource else { return nil }
        let virtual = membership.virtualAddresses[id.reference] ?? []
        let named = Set(service.members.map(\.place))
        let joined = endpoints.filter { !named.contains(.workload($0)) }
        guard !virtual.isEmpty || !joined.isEmpty else { return ResourceText(id, document.text) }
        return ResourceText(id, document.text(addingAddresses: virtual, endpoints: joined))
    }

    private func registeredText(_ id: ResourceID) -> ResourceText? {
        guard let registration = registered[id.reference] else { return nil }
        return ResourceText(id, registration.documentText)
    }

    private static func meshText(_ state: MeshState, _ trustDomain: TrustDomain) -> ResourceText? {
        let text = state.documents[.mesh]?.text ?? #"{"kind":"Mesh","spec":{}}"#
        return ResourceText(
            .mesh,
            ResourceDocument.meshText(text, trustDomain: trustDomain, ranges: state.mesh.virtualAddressRanges))
    }
}

/// Texts that have been made for one index: what a thousand proxies get is put together, and its digest worked out, once.
private final class MadeTexts: Sendable {
    private let texts = Mutex<[ResourceID: ResourceText]>([:])

    func text(of id: ResourceID, _ make: () -> ResourceText?) -> ResourceText? {
        if let known = texts.withLock({ $0[id] }) { return known }
        guard let text = make() else { return nil }
        texts.withLock { $0[id] = text }
        return text
    }
}
