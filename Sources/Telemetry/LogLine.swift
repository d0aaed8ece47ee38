// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
package import MeshModel

/// A message of the process: constant text and fields, so that it can be searched for and counted.
package struct LogLine: Sendable {
    package let level: LogSettings.Level
    package let message: String
    package let fields: [(name: String, value: String)]

    package init(_ level: LogSettings.Level, _ message: String, _ fields: [(name: String, value: String)] = []) {
        self.level = level
        self.message = message
        self.fields = fields
    }

    /// A problem with its code.
    package init(_ level: LogSettings.Level, _ message: String, _ problem: Problem) {
        self.init(level, message, [("code", problem.code.label), ("problem", problem.description)])
    }

    package func bytes(_ format: LogSettings.Format, time: WallTime) -> [UInt8] {
        switch format {
        case .json:
            var writer = JSONWriter()
            writer.object { writer in
                writer.field("time", time.description)
                writer.field("level", level.rawValue)
                writer.field("message", message)
                for (name, value) in fields { writer.field(name, value) }
            }
            writer.newline()
            return writer.bytes
        case .text:
            let rest = fields.map { " \($0.name)=\(Self.quoted($0.value))" }.joined()
            return Array("\(time) \(level.rawValue) \(message)\(rest)\n".utf8)
        }
    }

    /// Quoted where it would not be one word; control characters never reach a terminal.
    private static func quoted(_ value: String) -> String {
        let isWord = !value.isEmpty && value.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\"") }
        guard !isWord else { return value }
        var writer = JSONWriter()
        writer.string(value)
        return writer.text
    }
}
