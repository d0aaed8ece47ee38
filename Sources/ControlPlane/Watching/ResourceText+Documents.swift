// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
internal import ControlAPI
internal import Crypto
internal import MeshModel

extension ResourceText {
    init(_ id: ResourceID, _ text: String) {
        self.init(
            id: id.description, digest: ResourceDigest(hash: Array(SHA256.hash(data: Array(text.utf8)))), text: text)
    }
}

extension Registration {
    /// The Workload that others see.
    var documentText: String {
        var json = JSONWriter()
        json.object { json in
            json.field("kind", ResourceKind.workload.rawValue)
            json.key("metadata")
            json.object { json in
                json.field("name", workload.name.text)
                json.field("namespace", workload.namespace.text)
                json.field("uid", instance)
            }
            json.key("spec")
            json.object { json in
                json.key("addresses")
                json.array(addresses) { $0.string($1.description) }
                json.field("spiffeID", identity.description)
                // What a proxy of another version says must not keep its peers from reading the rest.
                json.field("locality", ifPresent: locality.flatMap { Locality($0) }?.description)
                guard !unmeshedPorts.isEmpty else { return }
                json.key("ports")
                json.array(unmeshedPorts) { json, port in
                    json.object { json in
                        json.field("port", port.number)
                        json.field("meshed", false)
                    }
                }
            }
        }
        return json.text
    }
}
