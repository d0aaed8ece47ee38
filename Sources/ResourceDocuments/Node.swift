// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// A place in a text, counted from 1 as editors do.
package struct Mark: Hashable, Sendable, CustomStringConvertible {
    package let line: Int
    package let column: Int

    package var description: String { "\(line):\(column)" }
}

/// One YAML value with its place, as the reader of events builds it. JSON is read by the same reader: it is YAML.
package struct Node: Sendable {
    package enum Content: Sendable {
        /// The text, and whether it was written without quotes, which is when it may be a number, a truth or null.
        case scalar(String, isPlain: Bool)
        case sequence([Node])
        /// In the order written; a key stands once.
        case mapping([Field])
    }

    package struct Field: Sendable {
        package let name: String
        package let mark: Mark
        package let value: Node
    }

    package let content: Content
    package let mark: Mark

    package init(content: Content, mark: Mark) {
        self.content = content
        self.mark = mark
    }

    /// The YAML 1.2 core schema's null, or nothing written at all.
    package var isNull: Bool {
        guard case .scalar(let text, isPlain: true) = content else { return false }
        return text.isEmpty || text == "null" || text == "~" || text == "Null" || text == "NULL"
    }

    /// For messages: what somebody wrote, in a word.
    package var shape: String {
        switch content {
        case .scalar(let text, _): isNull ? "nothing" : "`\(text.prefix(60))`"
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    }
}
