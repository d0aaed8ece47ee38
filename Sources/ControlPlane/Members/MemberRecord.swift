// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import Bytes
package import ControlAPI
package import MeshModel

/// A workload that has joined: who it is, and what can be renewed after its end: its newest certificate and, as an answer may
/// have been lost, the one before.
package struct MemberRecord: ControlMessage, Equatable {
    /// What there is to know of a certificate to tell its holder from somebody else. No replica needs the keys, or the
    /// intermediate, of the one that issued it.
    package struct Holding: Hashable, Sendable {
        package let serial: String
        package let keyHash: String
        package let notAfter: WallTime
    }

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
    /// The certificate before, whose holder may have missed the answer.
    package var renewed: Holding?
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

    package var newest: Holding { Holding(serial: serial, keyHash: keyHash, notAfter: notAfter) }

    /// What it has, or had before that, by this number.
    package func holding(_ serial: String) -> Holding? { holdings.first { $0.serial == serial } }

    package var holdings: [Holding] { [newest, renewed].compactMap(\.self) }

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
            if let renewed {
                writer.key("renewed")
                writer.object { writer in
                    writer.field("serial", renewed.serial)
                    writer.field("keyHash", renewed.keyHash)
                    writer.field("notAfter", renewed.notAfter.description)
                }
            }
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
        renewed = try reader.optionalObject("renewed").map { reader throws(Problem) in
            Holding(
                serial: try reader.text("serial"), keyHash: try reader.text("keyHash"),
                notAfter: try reader.moment("notAfter"))
        }
        isFrozen = try reader.truth("frozen", default: false)
    }
}
