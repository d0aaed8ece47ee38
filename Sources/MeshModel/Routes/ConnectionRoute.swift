// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// A TLSRoute or TCPRoute of the Gateway API: where whole connections go, whatever they carry.
package struct ConnectionRoute: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        /// By the server name in the client's first message; the TLS itself is not ended here.
        case tls = "TLSRoute"
        case tcp = "TCPRoute"
    }

    package let kind: Kind
    package let reference: ResourceReference
    /// As a ``Route`` has it.
    package let createdAt: WallTime?
    package let parents: [RouteParent]
    /// Server names of a TLSRoute. Empty: every one, and none at all.
    package let hostnames: [HostPattern]
    /// The rule's; there is one.
    package let ruleName: String?
    /// At least one; without filters.
    package let backends: [RouteBackend]

    package init(
        kind: Kind, reference: ResourceReference, createdAt: WallTime? = nil, parents: [RouteParent],
        hostnames: [HostPattern] = [], ruleName: String? = nil, backends: [RouteBackend]
    ) {
        self.kind = kind
        self.reference = reference
        self.createdAt = createdAt
        self.parents = parents
        self.hostnames = hostnames
        self.ruleName = ruleName
        self.backends = backends
    }
}
