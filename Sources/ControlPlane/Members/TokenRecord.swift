// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import Bytes
package import ControlAPI
package import MeshModel

/// A join token as the store has it.
package struct TokenRecord: ControlMessage {
    package var id: String
    /// SHA-256 of the secret, in hexadecimal.
    package var secretHash: String
    /// What its holder becomes: the service account of this name.
    package var service: ResourceReference
    package var author: String
    package var createdAt: WallTime
    package var expiresAt: WallTime
    /// Who used it, and the SHA-256 of the key it was used for; nil while it is unused.
    package var usedBy: ResourceReference?
    package var keyHash: String?
    package var usedAt: WallTime?

    package init(
        id: String, secretHash: String, service: ResourceReference, author: String, createdAt: WallTime,
        expiresAt: WallTime
    ) {
        self.id = id
        self.secretHash = secretHash
        self.service = service
        self.author = author
        self.createdAt = createdAt
        self.expiresAt = expiresAt
    }

    package func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writeFields(into: &writer)
            writer.field("secretHash", secretHash)
            writer.field("keyHash", ifPresent: keyHash)
        }
    }

    /// What may be shown.
    package func writeFields(into writer: inout JSONWriter) {
        writer.field("id", id)
        writer.field("service", service.name.text)
        writer.field("namespace", service.namespace.text)
        writer.field("author", author)
        writer.field("createdAt", createdAt.description)
        writer.field("expiresAt", expiresAt.description)
        writer.field("usedBy", ifPresent: usedBy?.description)
        writer.field("usedAt", ifPresent: usedAt?.description)
    }

    package init(_ reader: MessageReader) throws(Problem) {
        id = try reader.text("id")
        secretHash = try reader.text("secretHash")
        service = ResourceReference(
            namespace: try reader.resourceName("namespace"), name: try reader.resourceName("service"))
        author = try reader.text("author")
        createdAt = try reader.moment("createdAt")
        expiresAt = try reader.moment("expiresAt")
        usedBy =
            reader.contains("usedBy")
            ? try reader.value("usedBy", "a workload") { ResourceReference($0) } : nil
        keyHash = try reader.optionalText("keyHash")
        usedAt = reader.contains("usedAt") ? try reader.moment("usedAt") : nil
    }
}

/// A workload that has joined: who it is, and its newest certificate, which alone can be renewed after its end.
package struct MemberRecord: ControlMessage {
    package var workload: ResourceReference
    package var identity: SPIFFEID
    /// Of the newest certificate, in hexadecimal.
    package var serial: String
    /// SHA-256 of its key.
    package var keyHash: String
    package var notAfter: WallTime
    package var joinedAt: WallTime
    /// The fingerprint of the root it comes from.
    package var root: String?
    /// When that certificate was issued.
    package var issuedAt: WallTime?
    /// When it was first seen in use: until then its answer may have been lost.
    package var shownAt: WallTime?
    /// Of the certificate before, whose holder may have missed the answer.
    package var renewedSerial: String?
    /// Two keys were renewed for one certificate: nothing is issued before an operator has decided.
    package var isFrozen: Bool

    package init(
        workload: ResourceReference, identity: SPIFFEID, serial: String, keyHash: String, notAfter: WallTime,
        joinedAt: WallTime, isFrozen: Bool = false
    ) {
        self.workload = workload
        self.identity = identity
        self.serial = serial
        self.keyHash = keyHash
        self.notAfter = notAfter
        self.joinedAt = joinedAt
        self.isFrozen = isFrozen
    }

    package func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("name", workload.name.text)
            writer.field("namespace", workload.namespace.text)
            writer.field("identity", identity.description)
            writer.field("serial", serial)
            writer.field("keyHash", keyHash)
            writer.field("notAfter", notAfter.description)
            writer.field("joinedAt", joinedAt.description)
            writer.field("root", ifPresent: root)
            writer.field("issuedAt", ifPresent: issuedAt?.description)
            writer.field("shownAt", ifPresent: shownAt?.description)
            writer.field("renewedSerial", ifPresent: renewedSerial)
            writer.field("frozen", isFrozen)
        }
    }

    package init(_ reader: MessageReader) throws(Problem) {
        workload = ResourceReference(
            namespace: try reader.resourceName("namespace"), name: try reader.resourceName("name"))
        identity = try reader.value("identity", "a SPIFFE ID", atMost: 2048) { SPIFFEID($0) }
        serial = try reader.text("serial")
        keyHash = try reader.text("keyHash")
        notAfter = try reader.moment("notAfter")
        joinedAt = try reader.moment("joinedAt")
        root = try reader.optionalText("root")
        issuedAt = reader.contains("issuedAt") ? try reader.moment("issuedAt") : nil
        shownAt = reader.contains("shownAt") ? try reader.moment("shownAt") : nil
        renewedSerial = try reader.optionalText("renewedSerial")
        isFrozen = try reader.truth("frozen", default: false)
    }
}
