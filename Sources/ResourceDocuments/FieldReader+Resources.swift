// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// The resources of the mesh. Each function has asked for every field of its kind when it returns.
extension FieldReader {
    /// `metadata` of any kind; nil where it is missing or wrong, which has been complained of unless it is optional.
    mutating func metadata(required: Bool = true) -> (
        reference: ResourceReference, uid: String?, createdAt: WallTime?
    )? {
        func read(_ value: Value) -> (ResourceReference, String?, WallTime?)? {
            value.mapping { fields in
                let namespace = fields.read("namespace") { $0.resourceName }
                let uid = fields.read("uid") { $0.text }
                let createdAt = fields.read("creationTimestamp") { $0.timestamp }
                for name in ["labels", "annotations"] {
                    _ = fields.read(name) { value in value.words }
                }
                guard let name = fields.require("name", { $0.resourceName }) else { return nil }
                return (ResourceReference(namespace: namespace ?? .defaultNamespace, name: name), uid, createdAt)
            }
        }
        return required ? require("metadata", read) : self.read("metadata", read)
    }

    mutating func mesh() -> MeshSettings? {
        _ = metadata(required: false)
        return require("spec") { value in
            value.mapping { fields in
                var mesh = MeshSettings()
                mesh.trustDomain = fields.read("trustDomain") { $0.trustDomain }
                fields.assign("ranges", to: &mesh.ranges) { $0.list { $0.addressRange } }
                mesh.virtualRanges = fields.read("vips") { $0.list { $0.addressRange } }
                fields.section("authorization") { fields in
                    fields.assign("default", to: &mesh.defaultEffect) { $0.choice(Policy.Effect.self) }
                }
                return mesh
            }
        }
    }

    mutating func trust() -> TrustSettings? {
        _ = metadata(required: false)
        return require("spec") { value in
            value.mapping { fields in
                let domain = fields.require("trustDomain") { $0.trustDomain }
                // For the control plane, which has no files of its proxies.
                if let certificates = fields.read("certificates", { $0.text }) {
                    if fields.contains("bundle") {
                        fields.complain(.conflict, "there are `bundle` and `certificates`", "keep one of them")
                    }
                    _ = fields.value("bundle")
                    return domain.map { TrustSettings(trustDomain: $0, certificates: certificates) }
                }
                let bundle = fields.require("bundle") { $0.filePath }
                guard let domain, let bundle else { return nil }
                return TrustSettings(trustDomain: domain, bundlePath: bundle)
            }
        }
    }

    mutating func workload() -> Workload? {
        let metadata = metadata()
        return require("spec") { value in
            value.mapping { fields in
                let addresses = fields.require("addresses") { $0.filledList { $0.hostAddress } }
                let identity = fields.read("spiffeID") { $0.spiffeID }
                let meshed = fields.read("meshed") { $0.truth } ?? (identity != nil)
                let ports = fields.read("ports") { $0.list { $0.workloadPort } } ?? []
                let locality = fields.read("locality") { $0.locality }
                if meshed, identity == nil {
                    fields.complain(
                        .missingField, "a meshed workload needs its `spiffeID`", "add it, or say `meshed: false`")
                }
                fields.complainOfTwins(ports.map(\.port), in: "ports")
                guard let metadata, let addresses else { return nil }
                return Workload(
                    reference: metadata.reference, uid: metadata.uid, addresses: addresses, identity: identity,
                    isMeshed: meshed, ports: ports, locality: locality)
            }
        }
    }

    func complainOfTwins(_ ports: [Port], in list: String) {
        var seen: Set<Port> = []
        for port in ports where !seen.insert(port).inserted {
            complain(.duplicateField, "`\(list)` has the port \(port) twice", "keep one entry for it")
        }
    }
}

/// Scalars and small mappings of the resources.
extension Value {
    var resourceName: ResourceName? {
        scalar("a name: lower-case letters, digits and dashes, in labels of at most 63 joined by dots") {
            ResourceName($0)
        }
    }

    var trustDomain: TrustDomain? {
        scalar("a trust domain: lower-case letters, digits, dots, dashes and underscores, no IPv4 address") {
            TrustDomain($0)
        }
    }

    var locality: Locality? {
        scalar("a zone such as zone-a, or a region and a zone such as eu-west/a: letters, digits, dashes, dots") {
            Locality($0)
        }
    }

    var spiffeID: SPIFFEID? { scalar("a SPIFFE ID such as spiffe://mesh.example/ns/default/sa/web") { SPIFFEID($0) } }

    var port: Port? { scalar("a port, 1 to 65535") { Port($0) } }

    var addressRange: AddressRange? { scalar("an address range such as 10.0.0.0/8 or fd00::/8") { AddressRange($0) } }

    var filePath: String? {
        scalar("a path") { $0.isEmpty || $0.utf8.contains(0) ? nil : $0 }
    }

    /// An address that something in the mesh can have: not loopback, link-local, multicast or unspecified, since those
    /// are never captured.
    var hostAddress: IPAddress? {
        guard let address = scalar("an IPv4 or IPv6 address", { IPAddress($0) }) else { return nil }
        guard !address.isLoopback, !address.isLinkLocal, !address.isMulticast, !address.isUnspecified else {
            complain(
                .badValue, "\(address) is a loopback, link-local, multicast or unspecified address",
                "such traffic is never captured")
            return nil
        }
        return address
    }

    /// A mapping of words to words, as labels are.
    var words: [String: String]? {
        guard case .mapping(let fields) = node.content else {
            complain(.wrongType, "\(node.shape) stands where a mapping of words belongs")
            return nil
        }
        var words: [String: String] = [:]
        for field in fields {
            words[field.name] = Value(node: field.value, path: "\(path).\(field.name)", findings: findings).text
        }
        return words
    }

    fileprivate var workloadPort: Workload.PortSettings? {
        mapping { fields in
            let port = fields.require("port") { $0.port }
            let meshed = fields.read("meshed") { $0.truth } ?? true
            let hint = fields.read("protocol") { $0.choice(ProtocolHint.self) } ?? .detect
            return port.map { Workload.PortSettings(port: $0, isMeshed: meshed, hint: hint) }
        }
    }

    /// `name` or `namespace/name`.
    var workloadReference: ResourceReference? {
        scalar("the name of a workload, `name` or `namespace/name`") { text in
            let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { ResourceName($0) }
            switch parts.count {
            case 1: return parts[0].map { ResourceReference(name: $0) }
            case 2:
                guard let namespace = parts[0], let name = parts[1] else { return nil }
                return ResourceReference(namespace: namespace, name: name)
            default: return nil
            }
        }
    }
}
