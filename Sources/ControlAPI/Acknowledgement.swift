// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import Bytes
package import MeshModel

/// What came of an update: in force and stored, or rejected as a whole.
package struct Acknowledgement: ControlMessage {
    /// Why an update was not taken.
    package struct Rejection: ControlMessage {
        /// The id of the document; empty where it is the whole.
        package var resource: String
        /// `spec.rules[0]`; empty where there is none.
        package var path: String
        /// As ``ErrorCode/label`` writes it, since a later version may know more codes.
        package var code: String
        package var message: String

        package init(resource: String, path: String, code: String, message: String) {
            self.resource = resource
            self.path = path
            self.code = code
            self.message = message
        }

        package func write(into writer: inout JSONWriter) {
            writer.object { writer in
                writer.field("resource", resource)
                writer.field("path", path)
                writer.field("code", code)
                writer.field("message", message)
            }
        }

        package init(_ reader: MessageReader) throws(Problem) {
            resource = try reader.optionalText("resource") ?? ""
            path = try reader.optionalText("path") ?? ""
            code = try reader.text("code", atMost: 64)
            message = try reader.text("message", atMost: ControlProtocol.sentenceBytes)
        }
    }

    package var sequence: UInt64
    package var revision: UInt64
    /// Empty: it is in force.
    package var rejected: [Rejection]

    package init(sequence: UInt64, revision: UInt64, rejected: [Rejection] = []) {
        self.sequence = sequence
        self.revision = revision
        self.rejected = rejected
    }

    package func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("sequence", sequence)
            writer.field("revision", revision)
            guard !rejected.isEmpty else { return }
            writer.key("rejected")
            writer.array(rejected) { $1.write(into: &$0) }
        }
    }

    package init(_ reader: MessageReader) throws(Problem) {
        sequence = try reader.number("sequence")
        revision = try reader.number("revision")
        rejected = try reader.objects("rejected", atMost: ControlProtocol.rejections) { reader throws(Problem) in
            try Rejection(reader)
        }
    }
}

/// The body of every answer that is an error.
package struct ErrorAnswer: ControlMessage {
    package var code: String
    package var message: String
    package var remedy: String?

    package init(code: String, message: String, remedy: String? = nil) {
        self.code = code
        self.message = message
        self.remedy = remedy
    }

    package init(_ problem: Problem) {
        self.init(code: problem.code.label, message: problem.message, remedy: problem.remedy)
    }

    package func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("code", code)
            writer.field("message", message)
            writer.field("remedy", ifPresent: remedy)
        }
    }

    package init(_ reader: MessageReader) throws(Problem) {
        code = try reader.text("code", atMost: 64)
        message = try reader.text("message", atMost: ControlProtocol.sentenceBytes)
        remedy = try reader.optionalText("remedy", atMost: ControlProtocol.sentenceBytes)
    }
}
