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
