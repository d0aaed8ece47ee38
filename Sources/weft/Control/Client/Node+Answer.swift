// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import ResourceDocuments

/// Answers of the control plane as they are shown. What is not there reads as nothing: a newer or older control plane may
/// leave a field away, and a table with a gap says more than none. What a command cannot do without is asked for by
/// ``required(_:)``.
extension Node {
    subscript(_ name: String) -> Node? { fields.first { $0.name == name }?.value }

    var fields: [Field] { if case .mapping(let fields) = content { fields } else { [] } }

    var elements: [Node] { if case .sequence(let nodes) = content { nodes } else { [] } }

    /// The elements of a list within.
    func list(_ name: String) -> [Node] { self[name]?.elements ?? [] }

    /// A text, a number or a truth as it is written; nil for null and for what holds more.
    var scalarText: String? {
        guard case .scalar(let text, _) = content, !isNull else { return nil }
        return text
    }

    /// The text of a field; empty where there is none.
    func text(_ name: String) -> String { self[name]?.scalarText ?? "" }

    func number(_ name: String) -> UInt64 { UInt64(text(name)) ?? 0 }

    func isTrue(_ name: String) -> Bool { text(name) == "true" }

    func texts(_ name: String) -> [String] { list(name).compactMap(\.scalarText) }

    /// A moment; nil where there is none.
    func moment(_ name: String) -> WallTime? { WallTime(timestamp: text(name)) }

    func required(_ name: String) throws(Problems) -> String {
        guard let text = self[name]?.scalarText else {
            throw Problems(
                Problem(.controlAnswer, at: name, "is missing in the answer", remedy: "look at the versions of both"))
        }
        return text
    }

    func requiredNumber(_ name: String) throws(Problems) -> UInt64 {
        guard let number = UInt64(try required(name)) else {
            throw Problems(Problem(.controlAnswer, at: name, "is not a number in the answer"))
        }
        return number
    }
}
