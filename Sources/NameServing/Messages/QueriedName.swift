// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes

/// The name that a question asks for: its labels as they came, without the root.
///
/// Names of the mesh are compared without regard to case (RFC 4343). What is answered repeats the question byte for byte, so
/// that a client which mixes cases at random finds its own again.
package struct QueriedName: Hashable, Sendable {
    /// RFC 1035 section 2.3.4, with all length bytes.
    package static let byteCountMax = 255
    package static let labelByteCountMax = 63

    /// Each of 1 to 63 bytes, any of them.
    package let labels: [[UInt8]]

    init(labels: [[UInt8]]) { self.labels = labels }

    /// The labels in lower case joined by dots; nil for a name that no resource can have, which is also the only one that
    /// could be mistaken in this form (a dot inside a label).
    package var text: String? {
        guard !labels.isEmpty else { return nil }
        var bytes: [UInt8] = []
        for label in labels {
            if !bytes.isEmpty { bytes.append(UInt8(ascii: ".")) }
            for byte in label {
                guard let letter = Self.lowered(byte) else { return nil }
                bytes.append(letter)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// How a name ends that can only be one of the mesh, as it stands in a message.
    static let meshZone: [UInt8] = [4] + "mesh".utf8 + [0]

    /// True of `mesh` and whatever ends in `.mesh`.
    package var isInMeshZone: Bool {
        labels.last.map { $0.compactMap(Self.lowered) == Array("mesh".utf8) && $0.count == 4 } ?? false
    }

    /// Whether the mesh is asked for it at all: longer names than `<service>.<namespace>` say that they are of the mesh.
    package var mayBeOfMesh: Bool { isInMeshZone || (1...2).contains(labels.count) }

    /// What the names of resources are made of.
    private static func lowered(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): byte
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte | 0x20
        default: nil
        }
    }

    /// Reads a name that is written out. A pointer to an earlier name is refused: in a question, the first name of its
    /// message, there is none to point to.
    static func read(_ cursor: inout ByteCursor) throws(ByteCursorError) -> QueriedName? {
        var labels: [[UInt8]] = []
        var byteCount = 1
        while true {
            let count = Int(try cursor.u8())
            if count == 0 { return QueriedName(labels: labels) }
            // The two upper bits mark a pointer, or a kind of label that was never used (RFC 6891 section 5).
            guard count <= labelByteCountMax else { return nil }
            byteCount += 1 + count
            guard byteCount <= byteCountMax else { return nil }
            labels.append(try cursor.take(count).array)
        }
    }
}
