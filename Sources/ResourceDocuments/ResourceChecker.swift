// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// Checks that hold between resources: names that lead somewhere, addresses that belong to one only.
final class ResourceChecker {
    private var places: [String: Value] = [:]

    func seen(_ workload: Workload, _ document: Value) { see("Workload \(workload.reference)", document) }
    func seen(_ service: Service, _ document: Value) { see("Service \(service.reference)", document) }
    func seen(_ policy: Policy, _ document: Value) { see("Policy \(policy.reference)", document) }

    func seen(_ route: some AttachableRoute, _ document: Value) {
        see("\(route.kindName) \(route.reference)", document)
    }
    func seen(_ gateway: Gateway, _ document: Value) { see("Gateway \(gateway.reference)", document) }
    func seen(_ filter: FilterResource, _ document: Value) { see("Filter \(filter.reference)", document) }

    /// The document of a resource.
    func place(_ name: String) -> Value? { places[name] }

    private func see(_ name: String, _ document: Value) {
        if let earlier = places.updateValue(document, forKey: name) {
            document.complain(
                .conflict, "\(name) is there twice, the first time on line \(earlier.node.mark.line)",
                "keep one of them")
        }
    }

    /// `proxy`: nil where there is none that could be read.
    func check(_ resources: MeshResources, _ proxy: ProxySettings?, _ findings: Findings) {
        checkAddresses(resources)
        let workloads = Set(resources.workloads.map(\.reference))
        for service in resources.services {
            for member in service.members {
                guard case .workload(let reference) = member.place, !workloads.contains(reference) else { continue }
                let nearest = Spelling.nearest(to: reference.description, among: workloads.map(\.description))
                places["Service \(service.reference)"]?.complain(
                    .danglingReference,
                    "Service \(service.reference) has the endpoint `workload: \(reference)`, which does not exist",
                    nearest.map { "did you mean `\($0)`?" } ?? "add a `kind: Workload` of that name")
            }
        }
        checkRoutes(resources)
        checkGateways(resources, proxy)
        checkPolicies(resources)
        var domains: Set<TrustDomain> = []
        for trust in resources.trust where !domains.insert(trust.trustDomain).inserted {
            findings.add(
                .conflict, "", Mark(line: 1, column: 1), "two Trust resources are for `\(trust.trustDomain)`",
                "keep one of them")
        }
    }

    /// A policy for a name that nobody has would protect nobody.
    private func checkPolicies(_ resources: MeshResources) {
        for policy in resources.policies {
            let (kind, target, names): (String, ResourceReference, [ResourceReference])
            switch policy.target {
            case .namespace: continue
            case .workload(let reference):
                (kind, target, names) = ("Workload", reference, resources.workloads.map(\.reference))
            case .service(let reference):
                (kind, target, names) = ("Service", reference, resources.services.map(\.reference))
            }
            guard !names.contains(target) else { continue }
            let nearest = Spelling.nearest(to: target.description, among: names.map(\.description))
            places["Policy \(policy.reference)"]?.complain(
                .danglingReference,
                "Policy \(policy.reference) has the target `\(kind.lowercased()): \(target)`, which does not exist",
                nearest.map { "did you mean `\($0)`?" } ?? "add a `kind: \(kind)` of that name")
        }
    }

    /// One address leads to one workload or one service; anything else would make the expected identity a guess.
    private func checkAddresses(_ resources: MeshResources) {
        var owners: [IPAddress: String] = [:]
        func claim(_ address: IPAddress, _ owner: String) {
            guard let earlier = owners.updateValue(owner, forKey: address), earlier != owner else { return }
            places[owner]?.complain(
                .conflict, "\(owner) has the address \(address), which \(earlier) has too",
                "an address belongs to one resource")
        }
        for workload in resources.workloads {
            for address in workload.addresses { claim(address, "Workload \(workload.reference)") }
        }
        for service in resources.services {
            for address in service.addresses { claim(address, "Service \(service.reference)") }
        }
    }
}
