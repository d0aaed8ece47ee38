// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Authorization
import HTTPCodec
import MeshModel
import Testing

/// Policies as tests write them: the name, the rules, and what differs from an enforced one for the whole namespace.
func policy(
    _ name: String, _ rules: Policy.Rule..., target: Policy.Target = .namespace, mode: Policy.Mode = .enforce
) -> Policy {
    Policy(reference: reference(name), target: target, mode: mode, rules: rules)
}

func allow(
    _ callers: Policy.Caller..., ports: [String] = [], http: Policy.RequestPattern...
) -> Policy.Rule { rule(.allow, callers, ports, http) }

func deny(
    _ callers: Policy.Caller..., ports: [String] = [], http: Policy.RequestPattern...
) -> Policy.Rule { rule(.deny, callers, ports, http) }

private func rule(
    _ effect: Policy.Effect, _ callers: [Policy.Caller], _ ports: [String], _ http: [Policy.RequestPattern]
) -> Policy.Rule {
    var rule = Policy.Rule()
    rule.effect = effect
    rule.callers = callers
    rule.ports = ports.compactMap { PortRange($0) }
    rule.requests = http
    return rule
}

func request(
    _ methods: String..., paths: [RouteMatch.Path] = [], hosts: [String] = [], headers: [ValueMatch] = []
) -> Policy.RequestPattern {
    var pattern = Policy.RequestPattern()
    pattern.methods = methods
    pattern.paths = paths
    pattern.hosts = hosts.compactMap { HostPattern($0) }
    pattern.headers = headers
    return pattern
}

/// `name` or `namespace/name`.
func reference(_ text: String) -> ResourceReference {
    let names = text.split(separator: "/").compactMap { ResourceName($0) }
    guard let name = names.last else { preconditionFailure("\(text) is no reference.") }
    return ResourceReference(namespace: names.count == 2 ? names[0] : .defaultNamespace, name: name)
}

func identity(_ path: String, in domain: String = "mesh.example") -> SPIFFEID {
    guard let identity = SPIFFEID("spiffe://\(domain)\(path)") else { preconditionFailure("\(path) is no path.") }
    return identity
}

func range(_ text: String) -> Policy.Caller {
    guard let range = AddressRange(text) else { preconditionFailure("\(text) is no range.") }
    return .range(range)
}

func namespace(_ text: String) -> Policy.Caller { .namespace(reference(text).name) }

let web = identity("/ns/default/sa/web")

func connection(_ peer: SPIFFEID? = web, from source: String = "10.0.0.1", port: UInt16 = 8080) -> ConnectionFacts {
    guard let address = IPAddress(source) else { preconditionFailure("\(source) is no address.") }
    return ConnectionFacts(peer: peer, source: address, port: port)
}

/// The policies for `default/api-1` of `mesh.example`, which is at 10.0.0.2.
func policies(_ all: [Policy], services: [Service] = [], trustDomain: String? = "mesh.example") -> PolicySet {
    var resources = MeshResources()
    resources.policies = all
    resources.services = services
    if let address = IPAddress("10.0.0.2") {
        resources.workloads = [
            Workload(
                reference: reference("api-1"), addresses: [address], identity: identity("/ns/default/sa/api"),
                isMeshed: true)
        ]
    }
    return PolicySet(resources, workload: reference("api-1"), trustDomain: trustDomain.flatMap { TrustDomain($0) })
}
