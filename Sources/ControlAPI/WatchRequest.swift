// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import Bytes
package import MeshModel

/// The body of `POST /v1/watch`: who watches, and what it has already.
package struct WatchRequest: ControlMessage {
    /// What a proxy that was restarted holds from its snapshot.
    package struct Holdings: Hashable, Sendable {
        package var revision: UInt64
        package var digests: [String: ResourceDigest]

        package init(revision: UInt64, digests: [String: ResourceDigest]) {
            self.revision = revision
            self.digests = digests
        }
    }

    package var protocolVersion: Int
    package var version: String
    package var workload: ResourceReference
    /// Sixteen hexadecimal digits, drawn when the process starts: tells two processes of one name apart.
    package var instance: String
    package var addresses: [IPAddress]
    /// Ports of the workload that its redirect rules leave alone, and which are therefore not meshed for its peers.
    package var unmeshedPorts: [Port]
    package var locality: String?
    /// Nil: nothing.
    package var have: Holdings?
    package var wants: Wants
    /// It ends soon: nobody is to be sent to its workload any more.
    package var isLeaving = false

    package init(
        protocolVersion: Int = ControlProtocol.version, version: String = WeftVersion.text,
        workload: ResourceReference, instance: String, addresses: [IPAddress], unmeshedPorts: [Port] = [],
        locality: String? = nil, have: Holdings? = nil, wants: Wants = Wants()
    ) {
        self.protocolVersion = protocolVersion
        self.version = version
        self.workload = workload
        self.instance = instance
        self.addresses = addresses
        self.unmeshedPorts = unmeshedPorts
        self.locality = locality
        self.have = have
        self.wants = wants
    }

    package func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("protocol", protocolVersion)
            writer.field("version", version)
            writer.field("name", workload.name.text)
            writer.field("namespace", workload.namespace.text)
            writer.field("instance", instance)
            writer.list("addresses", addresses.map(\.description))
            writer.key("unmeshedPorts")
            writer.array(unmeshedPorts) { $0.number($1.number) }
            writer.field("locality", ifPresent: locality)
            writer.key("have")
            writer.object { writer in
                guard let have else { return }
                writer.field("revision", have.revision)
                writer.digests(have.digests)
            }
            writer.key("wants")
            wants.write(into: &writer)
            if isLeaving { writer.field("leaving", true) }
        }
    }

    package init(_ reader: MessageReader) throws(Problem) {
        protocolVersion = Int(clamping: try reader.number("protocol", atMost: UInt64(UInt16.max)))
        version = try reader.text("version", atMost: 64)
        workload = ResourceReference(
            namespace: try reader.resourceName("namespace"), name: try reader.resourceName("name"))
        instance = try reader.value("instance", "sixteen lower-case hexadecimal digits") {
            $0.utf8.count == 16 && $0.isLowerCaseHexadecimal ? $0 : nil
        }
        addresses = try reader.list("addresses", "an IP address", atMost: ControlProtocol.ownAddresses) {
            IPAddress($0)
        }
        unmeshedPorts = try reader.numbers("unmeshedPorts", atMost: 65_535, upTo: 65_535).compactMap { Port($0) }
        locality = try reader.optionalText("locality", atMost: 255)
        if let have = try reader.optionalObject("have"), have.contains("revision") {
            self.have = Holdings(revision: try have.number("revision"), digests: try have.digests())
        }
        wants = try reader.optionalObject("wants").map { wants throws(Problem) in try Wants(wants) } ?? Wants()
        isLeaving = try reader.truth("leaving", default: false)
    }
}
