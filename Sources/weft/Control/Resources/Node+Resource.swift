// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import ResourceDocuments

/// Resources as documents, as far as tables tell of them.
extension Node {
    var resourceKind: String { text("kind") }
    var resourceName: String {
        self["metadata"]?.text("name") ?? self["spec"]?.text("trustDomain") ?? resourceKind.lowercased()
    }

    var resourceNamespace: String {
        let namespace = self["metadata"]?.text("namespace") ?? ""
        return namespace.isEmpty ? "default" : namespace
    }

    /// What is to be said of a resource in a few words.
    var summary: String {
        guard let spec = self["spec"] else { return "" }
        switch resourceKind {
        case "Policy": return policySummary(spec)
        case "Mesh": return "by default: \(spec["authorization"]?.text("default").nonempty ?? "not said")"
        case "Trust": return spec.text("trustDomain")
        case "Gateway":
            return spec.list("listeners").map { "\($0.text("protocol")) \($0.text("port"))" }.joined(separator: ", ")
        case "Filter": return spec.fields.map(\.name).joined(separator: ", ")
        default:
            guard resourceKind.hasSuffix("Route") else { return "" }
            let parents = spec.list("parentRefs").map { "\($0.text("kind").nonempty ?? "Gateway")/\($0.text("name"))" }
            return "\(parents.joined(separator: ", ")): \(spec.list("rules").count) rules"
        }
    }

    private func policySummary(_ spec: Node) -> String {
        let target = spec["target"]?.fields.first.map { "\($0.name) \($0.value.scalarText ?? "")" }
        let effects = spec.list("rules").map { $0.text("effect").nonempty ?? "allow" }
        let counts = ["deny", "allow"].compactMap { effect in
            let count = effects.count { $0 == effect }
            return count == 0 ? nil : "\(count) \(effect)"
        }
        let mode = spec.text("mode") == "audit" ? " (audit)" : ""
        return "for \(target ?? "the namespace"): \(counts.joined(separator: ", "))\(mode)"
    }
}

extension String {
    var nonempty: String? { isEmpty ? nil : self }
}
