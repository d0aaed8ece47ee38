// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// The policies that hold for one workload, compiled; `docs/policy.md` tells users the same.
///
/// For one connection or request on one port, in this order:
///
/// 1. A deny rule matches: denied.
/// 2. An allow rule matches: allowed.
/// 3. An allow rule holds on this port, whoever it is for: denied, as none has matched.
/// 4. No rule holds on this port, and the mesh denies by default: denied.
/// 5. Allowed.
///
/// A rule holds on a port if its policy is for the workload (for a service: if the port is one behind it) and its `ports`
/// are empty or name it. So a rule with `ports: [8080]` closes 8080 to everybody else and says nothing of 9090.
///
/// Immutable, and shared by every thread. The cost is that of the rules that hold for the workload, one after the other.
package struct PolicySet: Sendable {
    /// Of policies of one mode.
    private struct Rules: Sendable {
        var deny: [CompiledRule] = []
        var allow: [CompiledRule] = []

        var isEmpty: Bool { deny.isEmpty && allow.isEmpty }

        func needRequests(_ port: UInt16) -> Bool {
            deny.contains { $0.needsRequest && $0.holds(for: port) }
                || allow.contains { $0.needsRequest && $0.holds(for: port) }
        }
    }

    private var enforced = Rules()
    private var audited = Rules()
    /// Of a port that no enforced rule holds for.
    private var defaultEffect = Policy.Effect.allow

    private init() {}

    /// `workload`: whose proxy this is; `services`/`workloads` from resources say which services it belongs to (with the
    /// target ports behind them). `trustDomain`: the own one, for callers by namespace; nil where it is not known yet.
    package init(_ resources: MeshResources, workload: ResourceReference, trustDomain: TrustDomain?) {
        defaultEffect = resources.mesh.defaultEffect
        let addresses = resources.workloads.filter { $0.reference == workload }.flatMap(\.addresses)
        for policy in resources.policies {
            let servicePorts: [Port]?
            switch policy.target {
            case .namespace:
                guard policy.reference.namespace == workload.namespace else { continue }
                servicePorts = nil
            case .workload(let target):
                guard target == workload else { continue }
                servicePorts = nil
            case .service(let target):
                let services = resources.services.filter { service in
                    service.reference == target && service.has(workload, at: addresses)
                }
                guard !services.isEmpty else { continue }
                servicePorts = services.flatMap { $0.servedPorts(by: workload, at: addresses) }
            }
            for (index, rule) in policy.rules.enumerated() {
                let compiled = CompiledRule(
                    rule, at: index, of: policy.reference, servicePorts: servicePorts, trustDomain: trustDomain)
                add(compiled, rule.effect, policy.mode)
            }
        }
    }

    /// No policies: everything is allowed.
    package static let none = PolicySet()

    private mutating func add(_ rule: CompiledRule, _ effect: Policy.Effect, _ mode: Policy.Mode) {
        switch (mode, effect) {
        case (.enforce, .deny): enforced.deny.append(rule)
        case (.enforce, .allow): enforced.allow.append(rule)
        case (.audit, .deny): audited.deny.append(rule)
        case (.audit, .allow): audited.allow.append(rule)
        }
    }

    /// True if a decision on this port may need HTTP facts (some enforced rule with requests could match on it): the
    /// connection must be read as HTTP, and refused if it is something else, as nobody could judge it.
    package func needsRequests(port: UInt16) -> Bool { enforced.needRequests(port) }

    /// True if an audit policy would like HTTP facts on this port: the connection should be read as HTTP if it is, but audit
    /// policies decide nothing, so one that is not HTTP goes on.
    package func auditsRequests(port: UInt16) -> Bool { audited.needRequests(port) }

    /// Whether a connection may be made at all, before any request is known. A rule with request patterns counts as
    /// "perhaps" for allow, and never for deny.
    package func judge(_ connection: ConnectionFacts) -> AuthorizationDecision {
        judge(connection, request: nil)
    }

    /// Whether a request may be made on a connection.
    ///
    /// The facts are made only where a rule asks for them.
    package func judge(
        _ connection: ConnectionFacts, _ request: @autoclosure () -> RequestFacts
    ) -> AuthorizationDecision {
        let isAsked = needsRequests(port: connection.port) || auditsRequests(port: connection.port)
        return judge(connection, request: isAsked ? request() : nil)
    }

    private func judge(_ connection: ConnectionFacts, request: RequestFacts?) -> AuthorizationDecision {
        let denying = Self.denying(enforced.deny, connection, request)
        let allowing = Self.allowing(enforced.allow, connection, request)
        let audit = audited.isEmpty ? nil : audit(connection, request, isAllowedByRule: allowing != nil)
        if let denying {
            return AuthorizationDecision(isAllowed: false, reason: "deny \(denying.label)", auditReason: audit)
        }
        if let allowing {
            let word = allowing.needsRequest && request == nil ? "perhaps" : "allow"
            return AuthorizationDecision(isAllowed: true, reason: "\(word) \(allowing.label)", auditReason: audit)
        }
        if let reason = Self.unmatched(enforced.allow, connection.port) {
            return AuthorizationDecision(isAllowed: false, reason: reason, auditReason: audit)
        }
        let holds = enforced.deny.contains { $0.holds(for: connection.port) }
        if !holds, defaultEffect == .deny {
            return AuthorizationDecision(
                isAllowed: false, reason: "no policy, and the mesh denies by default", auditReason: audit)
        }
        let reason = holds ? "no deny rule matched" : AuthorizationDecision.noPolicy
        return AuthorizationDecision(isAllowed: true, reason: reason, auditReason: audit)
    }

    /// What would be denied if the audit policies were enforced beside the others.
    private func audit(
        _ connection: ConnectionFacts, _ request: RequestFacts?, isAllowedByRule: Bool
    ) -> String? {
        if let rule = Self.denying(audited.deny, connection, request) { return "deny \(rule.label)" }
        guard !isAllowedByRule, Self.allowing(audited.allow, connection, request) == nil else { return nil }
        return Self.unmatched(audited.allow, connection.port)
    }

    private static func denying(
        _ rules: [CompiledRule], _ connection: ConnectionFacts, _ request: RequestFacts?
    ) -> CompiledRule? {
        rules.first { rule in
            guard rule.isFor(connection) else { return false }
            guard let request else { return !rule.needsRequest }
            return rule.matches(request)
        }
    }

    /// A rule that is sure of it before one that may be.
    private static func allowing(
        _ rules: [CompiledRule], _ connection: ConnectionFacts, _ request: RequestFacts?
    ) -> CompiledRule? {
        guard let request else {
            return rules.first { !$0.needsRequest && $0.isFor(connection) } ?? rules.first { $0.isFor(connection) }
        }
        return rules.first { $0.isFor(connection) && $0.matches(request) }
    }

    /// The policies whose allow rules hold on this port, for the case that none of them matched; nil if there are none.
    private static func unmatched(_ rules: [CompiledRule], _ port: UInt16) -> String? {
        var policies: [String] = []
        for rule in rules where rule.holds(for: port) && !policies.contains(rule.policy) {
            policies.append(rule.policy)
        }
        guard !policies.isEmpty else { return nil }
        // A record has one line; three names are enough to know where to look.
        let more = policies.count > 3 ? " and \(policies.count - 3) more" : ""
        return "no allow rule of \(policies.prefix(3).joined(separator: ", "))\(more) matched"
    }
}

extension Service {
    fileprivate func has(_ workload: ResourceReference, at addresses: [IPAddress]) -> Bool {
        members.contains { $0.leads(to: workload, at: addresses) }
    }

    /// The ports at which the workload serves it: its own, where a member says one, else the target ports.
    fileprivate func servedPorts(by workload: ResourceReference, at addresses: [IPAddress]) -> [Port] {
        members.filter { $0.leads(to: workload, at: addresses) }.flatMap { member in
            member.port.map { [$0] } ?? ports.map(\.targetPort)
        }
    }
}

extension Service.Member {
    fileprivate func leads(to workload: ResourceReference, at addresses: [IPAddress]) -> Bool {
        switch place {
        case .workload(let reference): reference == workload
        case .address(let address): addresses.contains(address)
        // What a name has been found to be stands here as an address.
        case .name: false
        }
    }
}
