// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Bytes
import ResourceDocuments

/// Values as YAML that people like to read and that our own reader reads again as the same.
enum YAMLText {
    /// Documents behind one another, each after a line `---`.
    static func stream(_ documents: [Node]) -> String { documents.map { "---\n\(document($0))" }.joined() }

    static func document(_ node: Node) -> String {
        var text = ""
        write(node, indent: 0, to: &text)
        return text
    }

    /// Whole lines; what stands before on the line has been written.
    private static func write(_ node: Node, indent: Int, to text: inout String) {
        let margin = String(repeating: " ", count: indent)
        switch node.content {
        case .scalar: text += margin + scalar(node, indent: indent) + "\n"
        case .sequence(let nodes):
            if nodes.isEmpty { text += "\(margin)[]\n" }
            for node in nodes { writeElement(node, margin, indent, to: &text) }
        case .mapping(let fields):
            if fields.isEmpty { text += "\(margin){}\n" }
            for field in fields {
                text += "\(margin)\(quoted(field.name)):"
                writeValue(field.value, indent, to: &text)
            }
        }
    }

    /// `- ` takes the place of two blanks of the first line of what it holds.
    private static func writeElement(_ node: Node, _ margin: String, _ indent: Int, to text: inout String) {
        var inner = ""
        write(node, indent: indent + 2, to: &inner)
        text += "\(margin)- \(inner.dropFirst(indent + 2))"
    }

    private static func writeValue(_ node: Node, _ indent: Int, to text: inout String) {
        switch node.content {
        case .scalar: text += " \(scalar(node, indent: indent + 2))\n"
        case .sequence(let nodes) where nodes.isEmpty: text += " []\n"
        case .mapping(let fields) where fields.isEmpty: text += " {}\n"
        case .sequence, .mapping:
            text += "\n"
            write(node, indent: indent + 2, to: &text)
        }
    }

    private static func scalar(_ node: Node, indent: Int) -> String {
        guard case .scalar(let text, let isPlain) = node.content else { return "" }
        if isPlain { return node.jsonText }
        return block(text, indent) ?? quoted(text)
    }

    /// Certificates and other texts of several lines; nil where a block could not hold the text as it is.
    private static func block(_ text: String, _ indent: Int) -> String? {
        let lines = text.dropLast().split(separator: "\n", omittingEmptySubsequences: false)
        guard text.hasSuffix("\n"), !text.hasSuffix("\n\n"), lines.count > 1,
            text.utf8.allSatisfy({ $0 == 0x0a || (0x20..<0x7f).contains($0) }),
            lines.allSatisfy({ !$0.isEmpty && !$0.hasPrefix(" ") && !$0.hasSuffix(" ") })
        else { return nil }
        let margin = String(repeating: " ", count: max(2, indent))
        return "|\n" + lines.map { margin + $0 }.joined(separator: "\n")
    }

    /// Words that some reader of YAML takes for a truth or for nothing.
    private static let taken: Set = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]

    /// Without quotes where everybody reads a text.
    static func quoted(_ text: String) -> String {
        let isSafe = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "/"):
                true
            default: false
            }
        }
        if isSafe, let first = text.first, first.isLetter || first == "/", !taken.contains(text.lowercased()) {
            return text
        }
        var json = JSONWriter()
        json.string(text)
        return json.text
    }
}
