// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import Bytes
package import ControlAPI
package import MeshModel

/// A proxy that is connected, as the store has it: bound to the session of the replica that it is connected to, so that it
/// goes when either goes. The workload beside it is an endpoint of the service that its identity names.
package struct Registration: ControlMessage {
    package var workload: ResourceReference
    /// Of this process; the workload's uid, which no other ever has.
    package var instance: String
    package var identity: SPIFFEID
    package var addresses: [IPAddress]
    package var unmeshedPorts: [Port]
    package var locality: String?
    package var version: String
    package var replica: ResourceName
    package var since: WallTime
    /// Of the replica's process.
    package var session: String?

    package init(
        _ request: WatchRequest, identity: SPIFFEID, replica: ResourceName, since: WallTime, session: String? = nil
    ) {
        workload = request.workload
        instance = request.instance
        self.identity = identity
        addresses = request.addresses
        unmeshedPorts = request.unmeshedPorts
        locality = request.locality
        version = request.version
        self.replica = replica
        self.since = since
        self.session = session
    }

    /// The service that the workload is an endpoint of: its identity's namespace and service account. Nil for an identity
    /// of another shape.
    package var service: ResourceReference? { identity.serviceAccount }

    package func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("name", workload.name.text)
            writer.field("namespace", workload.namespace.text)
            writer.field("instance", instance)
            writer.field("identity", identity.description)
            writer.key("addresses")
            writer.array(addresses) { $0.string($1.description) }
            writer.key("unmeshedPorts")
            writer.array(unmeshedPorts) { $0.number($1.number) }
            writer.field("locality", ifPresent: locality)
            writer.field("version", version)
            writer.field("replica", replica.text)
            writer.field("since", since.description)
            writer.field("session", ifPresent: session)
        }
    }

    package init(_ reader: MessageReader) throws(Problem) {
        workload = ResourceReference(
            namespace: try reader.resourceName("namespace"), name: try reader.resourceName("name"))
        instance = try reader.text("instance")
        identity = try reader.value("identity", "a SPIFFE ID", atMost: 2048) { SPIFFEID($0) }
        addresses = try reader.list("addresses", "an IP address", atMost: ControlProtocol.ownAddresses) {
            IPAddress($0)
        }
        unmeshedPorts = try reader.numbers("unmeshedPorts", atMost: 65_535, upTo: 65_535).compactMap { Port($0) }
        locality = try reader.optionalText("locality")
        version = try reader.text("version")
        replica = try reader.resourceName("replica")
        since = try reader.moment("since")
        session = try reader.optionalText("session")
    }
}

extension SPIFFEID {
    /// Of `/ns/<namespace>/sa/<service account>`; nil for another path.
    package var serviceAccount: ResourceReference? {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 5, parts[0].isEmpty, parts[1] == "ns", parts[3] == "sa",
            let namespace = ResourceName(parts[2]), let name = ResourceName(parts[4])
        else { return nil }
        return ResourceReference(namespace: namespace, name: name)
    }
}
