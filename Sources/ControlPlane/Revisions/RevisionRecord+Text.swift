// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import Bytes
package import ControlAPI
package import MeshModel

/// How a revision stands in the store, and how the API tells of it.
extension RevisionRecord: ControlMessage {
    package func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("revision", number)
            writer.field("attempt", attempt)
            writer.field("author", author)
            writer.field("time", time.description)
            writer.field("message", ifPresent: message)
            writer.field("put", put)
            writer.field("deleted", deleted)
            if let rolledBackTo { writer.field("rolledBackTo", rolledBackTo) }
        }
    }

    package init(_ reader: MessageReader) throws(Problem) {
        number = try reader.number("revision")
        attempt = try reader.text("attempt")
        author = try reader.text("author")
        time = try reader.moment("time")
        message = try reader.optionalText("message", atMost: ControlProtocol.sentenceBytes)
        put = try reader.number("put")
        deleted = try reader.number("deleted")
        rolledBackTo = reader.contains("rolledBackTo") ? try reader.number("rolledBackTo") : nil
    }

    /// Nil for what is not one, as a later version might write it.
    init?(_ bytes: [UInt8]) {
        guard let record = try? RevisionRecord.decode(bytes) else { return nil }
        self = record
    }

    var headBytes: [UInt8] { Array(String(number).utf8) }

    static func number(ofHead bytes: [UInt8]) -> UInt64? { UInt64(String(decoding: bytes, as: UTF8.self)) }
}
