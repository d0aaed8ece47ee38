// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
package import MeshModel

/// A resource as it was written, for whoever keeps and hands on documents.
package struct ResourceDocument: Hashable, Sendable {
    package let id: ResourceID
    /// The document as one line of JSON: the same content, whatever it was written in.
    package let text: String
    package let resource: Resource

    /// Reads a document that was found good before; nil if it is not any more, as after a change of the rules.
    package init?(id: ResourceID, text: String) {
        guard let reading = try? ResourceReading(Array(text.utf8), name: id.description), reading.problems.isEmpty,
            let only = reading.documents.first, reading.documents.count == 1, only.id == id
        else { return nil }
        self = only
    }

    fileprivate init(_ resource: Resource, _ node: Node) {
        id = resource.id
        text = node.jsonText
        self.resource = resource
    }
}

/// Reads a stream of YAML or JSON documents that are resources of the mesh, without a Proxy among them, and checks them
/// against what is there already. It finds everything that is wrong in one pass.
package final class ResourceReading {
    /// Those that could be read, in the order written.
    package let documents: [ResourceDocument]

    /// Whom those would be that could not be read: what others say of these is not to be judged yet. Nil where of one even
    /// that cannot be told.
    package let unread: [ResourceReference]?

    /// What is wrong with them, each for itself and one with the others.
    package var problems: [Problem] { findings.problems }

    private let values: [ResourceID: Value]
    private let findings: Findings

    /// Throws where the text is not YAML at all. `name` stands in messages.
    package init(_ text: [UInt8], name: String) throws(Problem) {
        findings = Findings(file: name)
        let checker = ResourceChecker()
        var documents: [ResourceDocument] = []
        var unread: [ResourceReference]? = []
        var values: [ResourceID: Value] = [:]
        for node in try YAMLReader.documents(text, name: name) where !node.isNull {
            let value = Value(node: node, path: "", findings: findings)
            guard case .shared(_, let read?) = value.resource(ResourceKind.allCases.map(\.rawValue)) else {
                if let reference = node.statedReference { unread?.append(reference) } else { unread = nil }
                continue
            }
            checker.seen(read, value)
            if !read.id.kind.isNamespaced, let first = values[read.id] {
                value.complain(
                    .conflict, "\(read.id.words) is there twice, the first time on line \(first.node.mark.line)",
                    "keep one of them")
            }
            documents.append(ResourceDocument(read, node))
            values[read.id] = value
        }
        self.documents = documents
        self.unread = unread
        self.values = values
    }

    /// Checks names and addresses across `resources`, which are to hold from now on and contain the documents read here.
    /// `registered` are workloads that registered themselves; `earlier` gives the text of a resource that was not read here,
    /// for what is wrong with it now.
    package func check(
        _ resources: MeshResources, registered: Set<ResourceReference>, earlier: (ResourceID) -> String?
    ) {
        withoutActuallyEscaping(earlier) { earlier in
            let checker = ResourceChecker { [values, findings] id in
                if let value = values[id] { return value }
                guard let text = earlier(id),
                    let node = (try? YAMLReader.documents(Array(text.utf8), name: id.description))?.first
                else { return nil }
                return Value(node: node, path: id.description, findings: findings)
            }
            checker.check(resources, nil, registered: registered, findings)
        }
    }
}

extension Node {
    /// What the document says that it is called, whatever else is wrong with it.
    fileprivate var statedReference: ResourceReference? {
        guard let metadata = field("metadata"), let name = metadata.field("name")?.text.flatMap({ ResourceName($0) })
        else { return nil }
        guard let namespace = metadata.field("namespace") else { return ResourceReference(name: name) }
        return namespace.text.flatMap { ResourceName($0) }.map { ResourceReference(namespace: $0, name: name) }
    }

    private func field(_ name: String) -> Node? {
        guard case .mapping(let fields) = content else { return nil }
        return fields.first { $0.name == name }?.value
    }

    private var text: String? { if case .scalar(let text, _) = content { text } else { nil } }

    /// One line of JSON with the same content. What was written without quotes stays without them where JSON can say so.
    package var jsonText: String {
        var text = ""
        write(to: &text)
        return text
    }

    private func write(to text: inout String) {
        switch content {
        case .scalar(let scalar, let isPlain):
            text += isNull ? "null" : isPlain ? scalar.unquotedJSON ?? scalar.quotedJSON : scalar.quotedJSON
        case .sequence(let nodes):
            text += "["
            for (index, node) in nodes.enumerated() {
                if index > 0 { text += "," }
                node.write(to: &text)
            }
            text += "]"
        case .mapping(let fields):
            text += "{"
            for (index, field) in fields.enumerated() {
                if index > 0 { text += "," }
                text += field.name.quotedJSON + ":"
                field.value.write(to: &text)
            }
            text += "}"
        }
    }
}

extension String {
    fileprivate var quotedJSON: String {
        var json = JSONWriter()
        json.string(self)
        return json.text
    }

    /// A truth or a number, where this is one in JSON too.
    fileprivate var unquotedJSON: String? {
        switch self {
        case "true", "True", "TRUE": return "true"
        case "false", "False", "FALSE": return "false"
        default: break
        }
        let digits = hasPrefix("-") ? dropFirst() : self[...]
        guard (1...15).contains(digits.utf8.count), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            digits == "0" || !digits.hasPrefix("0")
        else { return nil }
        return self
    }
}
