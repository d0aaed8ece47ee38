// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import Bytes
package import MeshModel

/// One line of what a proxy says on the connection of its watch, once both have left HTTP there
/// (``ControlProtocol/conversation``). It is answered by ``WatchMessage/heard(_:)``; the next one waits for that.
package struct ProxyMessage: ControlMessage {
    package enum Content: Hashable, Sendable {
        case acknowledge(Acknowledgement)
        case wants(Wants)
        /// Of a later protocol; it is heard, and nothing is done for it.
        case unknown(type: String)
    }

    /// Counts 1, 2, 3 within the watch.
    package var number: UInt64
    package var content: Content

    package init(number: UInt64, _ content: Content) {
        self.number = number
        self.content = content
    }

    package func write(into writer: inout JSONWriter) {
        writer.object { writer in
            switch content {
            case .acknowledge(let acknowledgement):
                writer.field("type", "acknowledge")
                writer.field("number", number)
                writer.key("said")
                acknowledgement.write(into: &writer)
            case .wants(let wants):
                writer.field("type", "wants")
                writer.field("number", number)
                writer.key("said")
                wants.write(into: &writer)
            case .unknown(let type):
                writer.field("type", type)
                writer.field("number", number)
            }
        }
    }

    package init(_ reader: MessageReader) throws(Problem) {
        number = try reader.number("number")
        let type = try reader.text("type", atMost: 64)
        content =
            switch type {
            case "acknowledge": .acknowledge(try Acknowledgement(try reader.object("said")))
            case "wants": .wants(try Wants(try reader.object("said")))
            default: .unknown(type: type)
            }
    }

    /// The message with its line end.
    package func line() -> [UInt8] { encode() + [UInt8(ascii: "\n")] }
}
