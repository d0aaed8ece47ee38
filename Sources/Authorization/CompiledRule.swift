// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// One rule of a policy that holds for the workload, with the ports on which it does.
struct CompiledRule: Sendable {
    /// `default/api-callers`.
    let policy: String
    /// `default/api-callers[0] (readers)`.
    let label: String
    let patterns: [CompiledPattern]

    private let isDeny: Bool
    private let callers: [Policy.Caller]
    /// Empty: all.
    private let ports: [PortRange]
    /// Behind the service that the policy is for; nil: all.
    private let servicePorts: [Port]?
    private let trustDomain: TrustDomain?

    init(
        _ rule: Policy.Rule, at index: Int, of policy: ResourceReference, servicePorts: [Port]?,
        trustDomain: TrustDomain?
    ) {
        self.policy = policy.description
        label = "\(policy)[\(index)]" + (rule.name.map { " (\($0))" } ?? "")
        patterns = rule.requests.map { CompiledPattern($0, effect: rule.effect) }
        isDeny = rule.effect == .deny
        callers = rule.callers
        ports = PortRange.merged(rule.ports)
        self.servicePorts = servicePorts
        self.trustDomain = trustDomain
    }

    var needsRequest: Bool { !patterns.isEmpty }

    func holds(for number: UInt16) -> Bool {
        if ports.isEmpty, servicePorts == nil { return true }
        guard let port = Port(number) else { return false }
        return (servicePorts?.contains(port) ?? true) && (ports.isEmpty || ports.contains { $0.contains(port) })
    }

    func isFor(_ connection: ConnectionFacts) -> Bool {
        holds(for: connection.port) && (callers.isEmpty || callers.contains { matches($0, connection) })
    }

    func matches(_ request: RequestFacts) -> Bool {
        patterns.isEmpty || patterns.contains { $0.matches(request) }
    }

    private func matches(_ caller: Policy.Caller, _ connection: ConnectionFacts) -> Bool {
        switch caller {
        case .identity(let identity): connection.peer == identity
        case .namespace(let namespace): connection.peer.map { isIn(namespace, $0) } ?? false
        case .trustDomain(let domain): connection.peer?.trustDomain == domain
        case .authenticated: connection.peer != nil
        case .unauthenticated: connection.peer == nil
        case .range(let range): range.contains(connection.source)
        }
    }

    private func isIn(_ namespace: ResourceName, _ peer: SPIFFEID) -> Bool {
        // Where the own trust domain is not known yet, nobody is let in for it, and nobody gets past a rule that denies.
        guard trustDomain.map({ $0 == peer.trustDomain }) ?? isDeny else { return false }
        return peer.path.utf8.starts(with: "/ns/\(namespace)/".utf8)
    }
}
