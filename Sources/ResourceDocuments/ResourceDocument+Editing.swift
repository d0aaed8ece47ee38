// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// What a control plane puts into documents that somebody wrote, before proxies get them.
extension ResourceDocument {
    /// A Service's text with these virtual addresses and endpoints behind its own.
    package func text(addingAddresses addresses: [IPAddress], endpoints: [ResourceReference]) -> String {
        Self.edit(text) { spec in
            spec.append(to: "addresses", addresses.map { .word($0.description) })
            spec.append(
                to: "endpoints", endpoints.map { .mapping([("workload", .word($0.description))]) })
        }
    }

    /// A Mesh's text with the trust domain, where it says none, and with these ranges beside its own.
    package static func meshText(_ text: String, trustDomain: TrustDomain, ranges: [AddressRange]) -> String {
        edit(text) { spec in
            if spec.value(of: "trustDomain") == nil { spec.set("trustDomain", .word(trustDomain.name)) }
            spec.append(to: "ranges", ranges.map { .word($0.description) })
        }
    }

    /// A route's text with some of its parents only, by their places.
    package func text(keepingParents places: [Int]) -> String {
        Self.edit(text) { spec in
            guard case .sequence(let parents)? = spec.value(of: "parentRefs")?.content else { return }
            let kept = places.compactMap { parents.indices.contains($0) ? parents[$0] : nil }
            spec.set("parentRefs", Node(content: .sequence(kept), mark: spec.mark))
        }
    }

    private static func edit(_ text: String, _ body: (inout Node) -> Void) -> String {
        guard var document = (try? YAMLReader.documents(Array(text.utf8), name: "document"))?.first else { return text }
        var spec = document.value(of: "spec") ?? .mapping([])
        body(&spec)
        document.set("spec", spec)
        return document.jsonText
    }
}

extension Node {
    private static let nowhere = Mark(line: 1, column: 1)

    fileprivate static func word(_ text: String) -> Node {
        Node(content: .scalar(text, isPlain: false), mark: nowhere)
    }

    fileprivate static func mapping(_ fields: [(String, Node)]) -> Node {
        Node(content: .mapping(fields.map { Field(name: $0.0, mark: nowhere, value: $0.1) }), mark: nowhere)
    }

    fileprivate func value(of name: String) -> Node? {
        guard case .mapping(let fields) = content, let field = fields.first(where: { $0.name == name }),
            !field.value.isNull
        else { return nil }
        return field.value
    }

    fileprivate mutating func set(_ name: String, _ value: Node) {
        guard case .mapping(var fields) = content else { return }
        let field = Field(name: name, mark: Node.nowhere, value: value)
        if let index = fields.firstIndex(where: { $0.name == name }) {
            fields[index] = field
        } else {
            fields.append(field)
        }
        self = Node(content: .mapping(fields), mark: mark)
    }

    fileprivate mutating func append(to name: String, _ elements: [Node]) {
        guard !elements.isEmpty else { return }
        var all: [Node] = []
        if case .sequence(let own)? = value(of: name)?.content { all = own }
        set(name, Node(content: .sequence(all + elements), mark: Node.nowhere))
    }
}
