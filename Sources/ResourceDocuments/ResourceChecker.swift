// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// Checks that hold between resources: names that lead somewhere, addresses that belong to one only.
final class ResourceChecker {
    private var places: [ResourceID: Value] = [:]

    /// The document of a resource that was not read just now, for whoever has to complain of it.
    private let earlier: (ResourceID) -> Value?

    init(earlier: @escaping (ResourceID) -> Value? = { _ in nil }) { self.earlier = earlier }

    func seen(_ resource: Resource, _ document: Value) {
        let id = resource.id
        // Of those that there is one of, a file and the control plane may each have their own.
        guard id.kind.isNamespaced else { return }
        if let first = places.updateValue(document, forKey: id) {
            document.complain(
                .conflict, "\(id.words) is there twice, the first time on line \(first.node.mark.line)",
                "keep one of them")
        }
    }

    /// The document of a resource.
    func place(_ kind: ResourceKind, _ reference: ResourceReference) -> Value? {
        let id = ResourceID(kind, reference)
        if let known = places[id] { return known }
        let document = earlier(id)
        places[id] = document
        return document
    }

    /// `proxy`: nil where there is none that could be read.
    /// `registered`: workloads that are known by another way than by a document.
    func check(
        _ resources: MeshResources, _ proxy: ProxySettings?, registered: Set<ResourceReference> = [],
        _ findings: Findings
    ) {
        checkAddresses(resources)
        let workloads = registered.union(resources.workloads.map(\.reference))
        for service in resources.services {
            for member in service.members {
                guard case .workload(let reference) = member.place, !workloads.contains(reference) else { continue }
                let nearest = reference.nearest(among: workloads)
                place(.service, service.reference)?.complain(
                    .danglingReference,
                    "Service \(service.reference) has the endpoint `workload: \(reference)`, which does not exist",
                    nearest.map { "did you mean `\($0)`?" } ?? "add a `kind: Workload` of that name")
            }
        }
        checkRoutes(resources)
        checkGateways(resources, proxy)
        checkPolicies(resources, workloads)
        var domains: Set<TrustDomain> = []
        for trust in resources.trust where !domains.insert(trust.trustDomain).inserted {
            findings.add(
                .conflict, "", Mark(line: 1, column: 1), "two Trust resources are for `\(trust.trustDomain)`",
                "keep one of them")
        }
    }

    /// A policy for a name that nobody has would protect nobody.
    private func checkPolicies(_ resources: MeshResources, _ workloads: Set<ResourceReference>) {
        let services = Set(resources.services.map(\.reference))
        for policy in resources.policies {
            let (kind, target, names): (String, ResourceReference, Set<ResourceReference>)
            switch policy.target {
            case .namespace: continue
            case .workload(let reference):
                (kind, target, names) = ("Workload", reference, workloads)
            case .service(let reference):
                (kind, target, names) = ("Service", reference, services)
            }
            guard !names.contains(target) else { continue }
            let nearest = target.nearest(among: names)
            place(.policy, policy.reference)?.complain(
                .danglingReference,
                "Policy \(policy.reference) has the target `\(kind.lowercased()): \(target)`, which does not exist",
                nearest.map { "did you mean `\($0)`?" } ?? "add a `kind: \(kind)` of that name")
        }
    }

    /// One address leads to one workload or one service; anything else would make the expected identity a guess.
    private func checkAddresses(_ resources: MeshResources) {
        var owners: [IPAddress: ResourceID] = [:]
        func claim(_ address: IPAddress, _ owner: ResourceID) {
            guard let earlier = owners.updateValue(owner, forKey: address), earlier != owner else { return }
            place(owner.kind, owner.reference)?.complain(
                .conflict, "\(owner.words) has the address \(address), which \(earlier.words) has too",
                "an address belongs to one resource")
        }
        for workload in resources.workloads {
            for address in workload.addresses { claim(address, ResourceID(.workload, workload.reference)) }
        }
        for service in resources.services {
            for address in service.addresses { claim(address, ResourceID(.service, service.reference)) }
        }
    }
}

extension ResourceReference {
    /// What somebody probably meant: a name that is nearly the same in the same namespace, or the same one in another. The
    /// namespaces are not compared, since they make short names look alike.
    package func nearest(among known: some Sequence<ResourceReference>) -> ResourceReference? {
        let known = known.sorted()
        let own = known.filter { $0.namespace == namespace }
        let word = Spelling.nearest(to: name.text, among: own.map(\.name.text))
        return own.first { $0.name.text == word } ?? known.first { $0.name == name }
    }
}

extension ResourceID {
    /// As messages name it.
    var words: String { "\(kind.rawValue) \(reference)" }
}
