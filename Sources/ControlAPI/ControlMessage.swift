// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import Bytes
package import MeshModel
internal import ResourceDocuments

/// One JSON value that goes between a proxy and the control plane. Whoever reads one ignores fields that it does not know,
/// and refuses what is of the wrong form, too long, or too much.
package protocol ControlMessage: Hashable, Sendable {
    /// Writes the value, an object.
    func write(into writer: inout JSONWriter)

    init(_ reader: MessageReader) throws(Problem)
}

extension ControlMessage {
    /// The text, without a line end. No character in it is split in two escapes.
    package func encode() -> [UInt8] {
        var writer = JSONWriter()
        write(into: &writer)
        return writer.bytes
    }

    /// Reads one message out of a body or a line. The caller has limited its length.
    package static func decode(_ bytes: [UInt8]) throws(Problem) -> Self { try Self(MessageReader(bytes)) }
}
