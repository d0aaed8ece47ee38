// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import Bytes
package import MeshModel

/// What the control plane signs, so that a snapshot on a proxy's disk can be believed after a restart.
package struct Checkpoint: ControlMessage {
    /// The text that is signed; ``contents()`` reads it.
    package var body: String
    /// Base64 of ECDSA with SHA-256 over `body`, in DER.
    package var signature: String
    /// PEM, leaf first: the certificate that the control plane serves with.
    package var chain: String

    package init(body: String, signature: String, chain: String) {
        self.body = body
        self.signature = signature
        self.chain = chain
    }

    /// What was signed, or is to be.
    package struct Contents: ControlMessage {
        package var proxy: ResourceReference
        package var revision: UInt64
        package var time: WallTime
        /// Of every document that the proxy has from the control plane.
        package var digests: [String: ResourceDigest]

        package init(
            proxy: ResourceReference, revision: UInt64, time: WallTime, digests: [String: ResourceDigest]
        ) {
            self.proxy = proxy
            self.revision = revision
            self.time = time
            self.digests = digests
        }

        package func write(into writer: inout JSONWriter) {
            writer.object { writer in
                writer.field("proxy", proxy.description)
                writer.field("revision", revision)
                writer.field("time", time.description)
                writer.digests(digests)
            }
        }

        package init(_ reader: MessageReader) throws(Problem) {
            proxy = try reader.value("proxy", "a namespace and a name") { text in
                let parts = text.split(separator: "/", omittingEmptySubsequences: false)
                guard parts.count == 2, let namespace = ResourceName(parts[0]), let name = ResourceName(parts[1])
                else { return nil }
                return ResourceReference(namespace: namespace, name: name)
            }
            revision = try reader.number("revision")
            time = try reader.moment("time")
            digests = try reader.digests()
        }
    }

    package func contents() throws(Problem) -> Contents { try Contents.decode(Array(body.utf8)) }

    /// The bytes of the signature; nil where it is not Base64.
    package var signatureBytes: [UInt8]? { Base64.bytes(of: signature) }

    package func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("body", body)
            writer.field("signature", signature)
            writer.field("chain", chain)
        }
    }

    package init(_ reader: MessageReader) throws(Problem) {
        body = try reader.text("body", atMost: ControlProtocol.lineBytes)
        signature = try reader.text("signature")
        chain = try reader.pem("chain")
    }
}
