// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import Bytes
package import MeshModel

/// The answer of the API where something is wrong: what an ``ErrorAnswer`` has, of the first problem, and all of them.
package struct ProblemsAnswer: ControlMessage {
    package struct Item: ControlMessage {
        package var code: String
        package var place: String?
        package var message: String
        package var remedy: String?

        package init(_ problem: Problem) {
            code = problem.code.label
            place = problem.place
            message = problem.message
            remedy = problem.remedy
        }

        package func write(into writer: inout JSONWriter) {
            writer.object { writeFields(into: &$0) }
        }

        fileprivate func writeFields(into writer: inout JSONWriter) {
            writer.field("code", code)
            writer.field("place", ifPresent: place)
            writer.field("message", message)
            writer.field("remedy", ifPresent: remedy)
        }

        package init(_ reader: MessageReader) throws(Problem) {
            code = try reader.text("code", atMost: 64)
            place = try reader.optionalText("place", atMost: ControlProtocol.sentenceBytes)
            message = try reader.text("message", atMost: ControlProtocol.lineBytes)
            remedy = try reader.optionalText("remedy", atMost: ControlProtocol.sentenceBytes)
        }
    }

    /// At least one.
    package var all: [Item]

    package init(_ problems: Problems) { all = problems.all.map { Item($0) } }

    package func write(into writer: inout JSONWriter) {
        writer.object { writer in
            all.first?.writeFields(into: &writer)
            writer.key("problems")
            writer.array(all) { $1.write(into: &$0) }
        }
    }

    package init(_ reader: MessageReader) throws(Problem) {
        let first = try Item(reader)
        let all = try reader.objects("problems", atMost: ControlProtocol.resourceCount) { reader throws(Problem) in
            try Item(reader)
        }
        self.all = all.isEmpty ? [first] : all
    }
}
