// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
package import MeshModel

/// One document as it stands in a configuration file, in JSON, with the id it is put and taken out by. The id is opaque:
/// `Service/default/api` is what the control plane writes.
package struct ResourceText: Hashable, Sendable {
    package var id: String
    package var digest: ResourceDigest
    package var text: String

    package init(id: String, digest: ResourceDigest, text: String) {
        self.id = id
        self.digest = digest
        self.text = text
    }
}

/// What has changed for a proxy.
package struct Update: Hashable, Sendable {
    /// Counts 1, 2, 3 within the watch.
    package var sequence: UInt64
    /// Of the mesh's configuration. It need not change: registrations do not change it.
    package var revision: UInt64
    /// True if this replaces everything that the proxy has from the control plane.
    package var isWhole: Bool
    package var resources: [ResourceText]
    package var removed: [String]
    /// Of what was wanted, what nobody has; holds until a later update brings it.
    package var unknown: Wants
    /// Nil, as with the next two: as before.
    package var namespaces: [ResourceName]?
    package var trust: TrustTexts?
    /// Roots that let nobody in any more, and vouch for connections that were made while they did. Told with `trust`.
    package var retired: TrustTexts?
    package var denied: DeniedPeers?
    package var checkpoint: Checkpoint?

    package init(
        sequence: UInt64, revision: UInt64, isWhole: Bool, resources: [ResourceText] = [], removed: [String] = [],
        unknown: Wants = Wants(), namespaces: [ResourceName]? = nil, trust: TrustTexts? = nil,
        retired: TrustTexts? = nil, denied: DeniedPeers? = nil, checkpoint: Checkpoint? = nil
    ) {
        self.sequence = sequence
        self.revision = revision
        self.isWhole = isWhole
        self.resources = resources
        self.removed = removed
        self.unknown = unknown
        self.namespaces = namespaces
        self.trust = trust
        self.retired = retired
        self.denied = denied
        self.checkpoint = checkpoint
    }

    func writeFields(into writer: inout JSONWriter) {
        writer.field("sequence", sequence)
        writer.field("revision", revision)
        writer.field("whole", isWhole)
        writer.resources(resources)
        writer.list("removed", removed)
        writer.list("unknown", unknown.addresses.map(\.description) + unknown.names.map(\.text))
        if let namespaces { writer.list("namespaces", namespaces.map(\.text)) }
        if let trust { writer.trust(trust) }
        if let retired { writer.trust(retired, as: "retired") }
        if let denied { writer.denied(denied) }
        if let checkpoint {
            writer.key("checkpoint")
            checkpoint.write(into: &writer)
        }
    }

    init(_ reader: MessageReader) throws(Problem) {
        sequence = try reader.number("sequence")
        revision = try reader.number("revision")
        isWhole = try reader.truth("whole", default: false)
        resources = try reader.resources()
        removed = try reader.list("removed", "an id", atMost: ControlProtocol.resourceCount) { $0 }
        unknown = Wants()
        let most = ControlProtocol.wantedAddresses + ControlProtocol.wantedNames
        for text in try reader.list("unknown", "an address or a name", atMost: most, { $0 }) {
            if let address = IPAddress(text) {
                unknown.addresses.append(address)
            } else if let name = ServiceName(text) {
                unknown.names.append(name)
            }
        }
        if reader.contains("namespaces") {
            namespaces = try reader.list("namespaces", "a name", atMost: ControlProtocol.resourceCount) {
                ResourceName($0)
            }
        }
        trust = reader.contains("trust") ? try reader.trust() : nil
        retired = reader.contains("retired") ? try reader.trust("retired") : nil
        denied = try reader.denied()
        checkpoint = try reader.optionalObject("checkpoint").map { reader throws(Problem) in try Checkpoint(reader) }
    }
}

extension JSONWriter {
    mutating func resources(_ resources: [ResourceText]) {
        key("resources")
        array(resources) { writer, resource in
            writer.object { writer in
                writer.field("id", resource.id)
                writer.field("digest", resource.digest.text)
                writer.field("text", resource.text)
            }
        }
    }

    mutating func denied(_ denied: DeniedPeers) {
        key("denied")
        object { writer in
            writer.list("serials", denied.serials.sorted())
            writer.list("identities", denied.identities.map(\.description).sorted())
        }
    }
}

extension MessageReader {
    func resources() throws(Problem) -> [ResourceText] {
        try objects("resources", atMost: ControlProtocol.resourceCount) { reader throws(Problem) in
            ResourceText(
                id: try reader.text("id"),
                digest: try reader.value("digest", "a SHA-256") { ResourceDigest($0) },
                text: try reader.text("text", atMost: ControlProtocol.lineBytes))
        }
    }

    func denied() throws(Problem) -> DeniedPeers? {
        guard let denied = try optionalObject("denied") else { return nil }
        return DeniedPeers(
            serials: Set(
                try denied.list("serials", "a serial number in hexadecimal", atMost: ControlProtocol.deniedCount) {
                    $0.isLowerCaseHexadecimal ? $0 : nil
                }),
            identities: Set(
                try denied.list("identities", "a SPIFFE ID", atMost: ControlProtocol.deniedCount) { SPIFFEID($0) }))
    }
}
