// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// What a port speaks, said by the operator; it spares detection, it never changes which policy applies.
package enum ProtocolHint: String, Hashable, Sendable, CaseIterable {
    /// Found out from the first bytes.
    case detect
    /// Bytes, not looked into.
    case opaque
    /// HTTP/1.1 or 1.0.
    case http
    /// HTTP/2 with prior knowledge.
    case http2
}

/// One running instance with an identity: what the mesh knows of the far end of a connection.
package struct Workload: Hashable, Sendable {
    /// A port of a workload where something differs from the rest of it.
    package struct PortSettings: Hashable, Sendable {
        package let port: Port

        /// False where the workload's own redirect rules skip this port, so that nothing there speaks `weft/1`.
        package let isMeshed: Bool

        package let hint: ProtocolHint

        package init(port: Port, isMeshed: Bool, hint: ProtocolHint) {
            self.port = port
            self.isMeshed = isMeshed
            self.hint = hint
        }
    }

    package let reference: ResourceReference

    /// Tells apart two workloads that had one address or one name one after the other. Off a control plane: the reference.
    package let uid: String

    /// At least one; any number of either family.
    package let addresses: [IPAddress]

    /// The identity that must answer there; nil for a workload outside the mesh.
    package let identity: SPIFFEID?

    /// True if the workload has a sidecar. A meshed workload always has an identity.
    package let isMeshed: Bool

    package let ports: [PortSettings]

    /// Nil where nobody has said.
    package let locality: Locality?

    package init(
        reference: ResourceReference, uid: String? = nil, addresses: [IPAddress], identity: SPIFFEID?, isMeshed: Bool,
        ports: [PortSettings] = [], locality: Locality? = nil
    ) {
        self.reference = reference
        self.uid = uid ?? reference.description
        self.addresses = addresses
        self.identity = identity
        self.isMeshed = isMeshed
        self.ports = ports
        self.locality = locality
    }

    /// What holds for one port; ports that are not listed follow the workload.
    package func settings(for port: UInt16) -> (isMeshed: Bool, hint: ProtocolHint) {
        if let settings = ports.first(where: { $0.port.number == port }) {
            return (isMeshed && settings.isMeshed, settings.hint)
        }
        return (isMeshed, .detect)
    }
}
