// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// `kind: Policy`: who may do what to a workload. Deny rules decide before allow rules; a workload that has any allow rule
/// denies what none of them matches; one that has no policy allows.
package struct Policy: Hashable, Sendable {
    package enum Mode: String, Hashable, Sendable, CaseIterable {
        case enforce
        /// Decides nothing; what it would have denied is counted and told.
        case audit
    }

    package enum Target: Hashable, Sendable {
        /// Every workload of the policy's namespace.
        case namespace
        case workload(ResourceReference)
        /// Every workload that is an endpoint of the service, on the ports behind it.
        case service(ResourceReference)
    }

    package enum Effect: String, Hashable, Sendable, CaseIterable {
        case allow
        case deny
    }

    /// All parts that are there must match.
    package struct Rule: Hashable, Sendable {
        package var name: String?
        package var effect = Effect.allow
        /// Who calls: any of these; empty: anybody.
        package var callers: [Caller] = []
        /// Ports of the workload; empty: all.
        package var ports: [PortRange] = []
        /// What is asked for: any of these; empty: anything, and then no HTTP is needed to decide.
        package var requests: [RequestPattern] = []

        package init() {}
    }

    package enum Caller: Hashable, Sendable {
        case identity(SPIFFEID)
        /// Every identity of the own trust domain in this namespace (`/ns/<namespace>/`).
        case namespace(ResourceName)
        /// Every authenticated identity of this trust domain.
        case trustDomain(TrustDomain)
        /// Anybody who is authenticated.
        case authenticated
        /// Anybody who is not: plaintext on a permissive port.
        case unauthenticated
        /// A range of source addresses, as the kernel sees them.
        case range(AddressRange)
    }

    package struct RequestPattern: Hashable, Sendable {
        /// Upper case; empty: all.
        package var methods: [String] = []
        /// On the normalised path; empty: all.
        package var paths: [RouteMatch.Path] = []
        package var hosts: [HostPattern] = []
        package var headers: [ValueMatch] = []

        package init() {}
    }

    package let reference: ResourceReference
    package let target: Target
    package let mode: Mode
    package let rules: [Rule]

    package init(reference: ResourceReference, target: Target, mode: Mode, rules: [Rule]) {
        self.reference = reference
        self.target = target
        self.mode = mode
        self.rules = rules
    }
}

extension Policy.RequestPattern {
    /// Fields that are never among a request's when it is judged: they frame it or belong to one hop, or, as `host`, stand
    /// elsewhere. A pattern that asks for one could not match, so that a deny rule would deny nobody.
    package static let unseenHeaders: Set<String> = [
        "connection", "content-length", "host", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade",
    ]
}
