// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ControlAPI
internal import MeshModel
internal import ResourceDocuments

/// What one proxy gets of the mesh: its own workload, what holds for who calls that, and the services and workloads that it
/// has asked for, with everything that these lead to. It grows with what a workload talks to, not with the mesh.
///
/// A proxy checks what it gets as a file is checked. So whatever a document here names is here too, and a route names only
/// those of its parents that are.
struct Selection {
    private(set) var texts: [ResourceID: ResourceText] = [:]
    /// Of what was asked for, what nobody has.
    private(set) var unknown = Wants()

    private let index: MeshIndex
    private let workload: ResourceReference
    /// Services whose endpoints are here.
    private var reachable: Set<ResourceReference> = []
    private var routed: Set<ResourceReference> = []

    /// The proxy's own registration, which others may not know yet, or not any more.
    private let own: Registration?

    init(_ index: MeshIndex, for workload: ResourceReference, _ wants: Wants, own: Registration? = nil) {
        self.index = index
        self.workload = workload
        self.own = index.registration(of: workload) == nil ? own : nil
        add(index.meshText, .mesh)
        for address in wants.addresses { addWanted(address) }
        for name in wants.names { addWanted(name) }
        addGateway()
        addOwn()
    }

    // MARK: What is asked for

    private mutating func addWanted(_ address: IPAddress) {
        if let service = index.service(at: address) {
            addCalled(service)
        } else if let workload = index.workload(at: address) {
            add(workload: workload)
        } else {
            unknown.addresses.append(address)
        }
    }

    private mutating func addWanted(_ name: ServiceName) {
        let reference = ResourceReference(namespace: name.namespace ?? workload.namespace, name: name.service)
        guard index.service(reference) != nil else { return unknown.names.append(name) }
        addCalled(reference)
    }

    /// A service that the workload calls: with the routes of its callers.
    private mutating func addCalled(_ service: ResourceReference) {
        addReachable(service)
        guard routed.insert(service).inserted else { return }
        for id in index.routes(of: service) {
            // A route in another namespace than the service's is for callers from there (GEP-1294).
            guard [service.namespace, workload.namespace].contains(id.reference.namespace) else { continue }
            addRoute(id)
        }
    }

    /// A service with everything behind it.
    private mutating func addReachable(_ service: ResourceReference) {
        guard reachable.insert(service).inserted else { return }
        let id = ResourceID(.service, service)
        guard let text = index.text(of: id) else { return }
        texts[id] = text
        for endpoint in index.endpoints(of: service) { add(workload: endpoint) }
    }

    private mutating func add(workload: ResourceReference) {
        let id = ResourceID(.workload, workload)
        if texts[id] == nil { add(index.text(of: id), id) }
    }

    // MARK: Routes

    private mutating func addRoute(_ id: ResourceID) {
        guard let document = index.state.documents[id] else { return }
        let (backends, filters, parents): ([ResourceReference], [ResourceReference], [RouteParent])
        switch document.resource {
        case .route(let route): (backends, filters, parents) = (route.services, route.filters, route.parents)
        case .connectionRoute(let route):
            (backends, filters, parents) = (route.backends.map(\.service), [], route.parents)
        default: return
        }
        for backend in backends { addReachable(backend) }
        for filter in filters {
            let id = ResourceID(.filter, filter)
            add(index.text(of: id), id)
        }
        let kept = parents.indices.filter { position in
            switch parents[position].target {
            case .service(let service): routed.contains(service)
            case .gateway(let gateway, _): gateway == workload
            }
        }
        texts[id] = ResourceText(id, kept.count == parents.count ? document.text : document.text(keepingParents: kept))
    }

    // MARK: What is its own

    /// A proxy that has the name of a Gateway is that gateway.
    private mutating func addGateway() {
        let id = ResourceID(.gateway, workload)
        guard index.state.documents[id] != nil else { return }
        add(index.text(of: id), id)
        for route in index.routes(ofGateway: workload) { addRoute(route) }
    }

    /// What holds for those who call the workload: its services say which ports are HTTP, its policies who may.
    private mutating func addOwn() {
        add(workload: workload)
        var services = index.services(behind: workload)
        if let own {
            let id = ResourceID(.workload, workload)
            if texts[id] == nil { texts[id] = ResourceText(id, own.documentText) }
            if let service = own.service, index.service(service) != nil, !services.contains(service) {
                services.append(service)
            }
        }
        for service in services where own != nil || !reachable.contains(service) {
            let id = ResourceID(.service, service)
            // The other endpoints are of no use to it, and may be thousands.
            let others = reachable.contains(service) ? index.registeredEndpoints(of: service) : []
            add(index.text(of: id, registeredEndpoints: others + [workload]), id)
            let members = index.service(service)?.members ?? []
            for case .workload(let member) in members.map(\.place) { add(workload: member) }
        }
        for id in index.policies(for: workload, services) { add(index.text(of: id), id) }
    }

    private mutating func add(_ text: ResourceText?, _ id: ResourceID) {
        if let text { texts[id] = text }
    }
}

extension Route {
    /// Every service that it leads to.
    fileprivate var services: [ResourceReference] {
        rules.flatMap { rule in
            rule.backends.map(\.service)
                + (rule.filters + rule.backends.flatMap(\.filters)).compactMap { filter in
                    if case .mirror(let mirror) = filter { mirror.backend.service } else { nil }
                }
        }
    }

    fileprivate var filters: [ResourceReference] {
        rules.flatMap { rule in
            (rule.filters + rule.backends.flatMap(\.filters)).compactMap { filter in
                if case .resource(let reference) = filter { reference } else { nil }
            }
        }
    }
}
