// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// A place in a text, counted from 1 as editors do.
struct Mark: Hashable, Sendable, CustomStringConvertible {
    let line: Int
    let column: Int

    var description: String { "\(line):\(column)" }
}

/// One YAML value with its place, as the reader of events builds it. JSON is read by the same reader: it is YAML.
struct Node: Sendable {
    enum Content: Sendable {
        /// The text, and whether it was written without quotes, which is when it may be a number, a truth or null.
        case scalar(String, isPlain: Bool)
        case sequence([Node])
        /// In the order written; a key stands once.
        case mapping([Field])
    }

    struct Field: Sendable {
        let name: String
        let mark: Mark
        let value: Node
    }

    let content: Content
    let mark: Mark

    /// The YAML 1.2 core schema's null, or nothing written at all.
    var isNull: Bool {
        guard case .scalar(let text, isPlain: true) = content else { return false }
        return text.isEmpty || text == "null" || text == "~" || text == "Null" || text == "NULL"
    }

    /// For messages: what somebody wrote, in a word.
    var shape: String {
        switch content {
        case .scalar(let text, _): isNull ? "nothing" : "`\(text.prefix(60))`"
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    }
}
