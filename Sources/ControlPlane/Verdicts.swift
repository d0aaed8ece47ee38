// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Authorization
internal import ControlAPI
internal import MeshModel
internal import ResourceDocuments

extension IPAddress {
    /// Of a caller that is not connected; no range of a policy has it.
    static let unknownSource = IPAddress.v4(IPv4Address(bits: 0))
}

/// What holds between workloads and services in one state of the mesh.
struct Verdicts {
    let index: MeshIndex
    let trustDomain: TrustDomain
    let resources: MeshResources
    let callers: [ResourceReference]
    let services: [ResourceReference]
    let identities: [ResourceReference: SPIFFEID]

    init(_ index: MeshIndex, _ trustDomain: TrustDomain) {
        self.index = index
        self.trustDomain = trustDomain
        var resources = index.state.resources
        var identities: [ResourceReference: SPIFFEID] = [:]
        for workload in resources.workloads { identities[workload.reference] = workload.identity }
        for registration in index.membership.registrations.values {
            identities[registration.workload] = registration.identity
            if !resources.workloads.contains(where: { $0.reference == registration.workload }) {
                resources.workloads.append(
                    Workload(
                        reference: registration.workload, addresses: registration.addresses,
                        identity: registration.identity, isMeshed: true))
            }
        }
        resources.services = resources.services.map { service in
            let joined = index.endpoints(of: service.reference).map { Service.Member.workload($0) }
            let own = Set(service.members.map(\.place))
            return service.with(members: service.members + joined.filter { !own.contains($0.place) })
        }
        self.resources = resources
        self.identities = identities
        callers = identities.keys.sorted()
        services = resources.services.map(\.reference)
    }

    func words(_ caller: ResourceReference, _ service: ResourceReference) -> String {
        guard index.service(service) != nil else { return "no such service" }
        let routes = index.routes(of: service).filter {
            [service.namespace, caller.namespace].contains($0.reference.namespace)
        }
        let texts = routes.sorted().map { id in "\(id)@\(index.text(of: id)?.digest.text.prefix(8) ?? "")" }
        let verdict = verdict(caller, service)
        return texts.isEmpty ? verdict : "\(verdict), by \(texts.joined(separator: ", "))"
    }

    private func verdict(_ caller: ResourceReference, _ service: ResourceReference) -> String {
        guard let identity = identities[caller] else { return "unknown caller" }
        guard let target = resources.services.first(where: { $0.reference == service }) else {
            return "no such service"
        }
        var words: Set<String> = []
        for case .workload(let endpoint) in target.members.map(\.place) {
            let policies = PolicySet(resources, workload: endpoint, trustDomain: trustDomain)
            for port in target.ports {
                let number = port.targetPort.number
                if policies.needsRequests(port: number) {
                    words.insert("depends on the request")
                } else {
                    let source = index.registration(of: caller)?.addresses.first ?? .unknownSource
                    let decision = policies.judge(ConnectionFacts(peer: identity, source: source, port: number))
                    words.insert(decision.isAllowed ? "allowed" : "denied")
                }
            }
        }
        return words.isEmpty ? "no endpoint" : words.sorted().joined(separator: " or ")
    }
}
