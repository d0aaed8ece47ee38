// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Authorization
internal import ControlAPI
package import MeshModel
internal import ResourceDocuments

/// What a change would mean to those who call and are called, before it is made.
extension ControlPlane {
    /// A caller and a service between whom something would be otherwise.
    package struct Effect: Hashable, Sendable {
        package let caller: String
        package let service: String
        package let before: String
        package let after: String
    }

    /// The pairs of workload and service for which documents would change the verdict on a connection, or the routes. Of
    /// verdicts that depend on the request it is said that they do.
    package func effects(of text: [UInt8], _ options: ApplyOptions) async throws(Problems) -> [Effect] {
        let index = await keeper.index
        let reading: ResourceReading
        do throws(Problem) { reading = try ResourceReading(text, name: "input") } catch { throw Problems(error) }
        guard reading.problems.isEmpty else { throw Problems(reading.problems) }
        let target = index.state.applying(reading.documents.map { .put($0) }, as: index.state.revision + 1)
        let later = MeshIndex(target, index.membership, trustDomain: trustDomain)
        let (before, after) = (Verdicts(index, trustDomain), Verdicts(later, trustDomain))
        var effects: [Effect] = []
        let callers = Set(before.callers).union(after.callers).sorted()
        let services = Set(before.services).union(after.services).sorted()
        for service in services {
            for caller in callers {
                let (old, new) = (before.words(caller, service), after.words(caller, service))
                guard old != new else { continue }
                effects.append(
                    Effect(caller: caller.description, service: service.description, before: old, after: new))
            }
        }
        return effects
    }
}

extension IPAddress {
    /// Of a caller that is not connected; no range of a policy has it.
    fileprivate static let unknownSource = IPAddress.v4(IPv4Address(bits: 0))
}

/// What holds between workloads and services in one state of the mesh.
private struct Verdicts {
    private let index: MeshIndex
    private let trustDomain: TrustDomain
    private let resources: MeshResources
    let callers: [ResourceReference]
    let services: [ResourceReference]
    private let identities: [ResourceReference: SPIFFEID]

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
