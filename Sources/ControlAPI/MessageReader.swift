// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
package import MeshModel
internal import ResourceDocuments

/// The fields of one object of a message, asked for by name. It is read by the reader of configuration files, which JSON
/// is a part of; what only YAML allows, such as a word without quotes, is refused here.
package struct MessageReader {
    private let fields: [String: Node]
    private let path: String

    /// A whole message.
    package init(_ bytes: [UInt8]) throws(Problem) {
        let documents: [Node]
        do throws(Problem) {
            documents = try YAMLReader.documents(bytes, name: "message")
        } catch {
            throw Self.malformed("", "is not JSON: \(error.place ?? "") \(error.message)")
        }
        guard documents.count == 1, let document = documents.first else {
            throw Self.malformed("", "holds \(documents.count) values instead of one")
        }
        try self.init(document, path: "")
    }

    private init(_ node: Node, path: String) throws(Problem) {
        guard case .mapping(let all) = node.content else { throw Self.malformed(path, "is not an object") }
        self.path = path
        // The reader refuses a name that stands twice.
        fields = Dictionary(all.map { ($0.name, $0.value) }) { first, _ in first }
    }

    /// What its fields are called.
    package var names: [String] { Array(fields.keys) }

    /// Whether a field is there and not null.
    package func contains(_ name: String) -> Bool { fields[name].map { !$0.isNull } ?? false }

    // MARK: Scalars

    package func text(_ name: String, atMost limit: Int = ControlProtocol.identifierBytes) throws(Problem) -> String {
        try Self.text(try node(name), child(name), atMost: limit)
    }

    package func optionalText(
        _ name: String, atMost limit: Int = ControlProtocol.identifierBytes
    ) throws(Problem) -> String? {
        contains(name) ? try text(name, atMost: limit) : nil
    }

    package func number(_ name: String, atMost limit: UInt64 = UInt64(Int64.max)) throws(Problem) -> UInt64 {
        guard case .scalar(let text, isPlain: true) = try node(name).content,
            let number = Decimal.parse(text.utf8, atMost: limit)
        else { throw Self.malformed(child(name), "is not a number of at most \(limit)") }
        return number
    }

    package func truth(_ name: String, default absent: Bool) throws(Problem) -> Bool {
        guard contains(name) else { return absent }
        guard case .scalar(let text, isPlain: true) = try node(name).content, text == "true" || text == "false" else {
            throw Self.malformed(child(name), "is neither true nor false")
        }
        return text == "true"
    }

    /// A text that stands for something.
    package func value<Value>(
        _ name: String, _ expected: String, atMost limit: Int = ControlProtocol.identifierBytes,
        _ convert: (String) -> Value?
    ) throws(Problem) -> Value {
        let text = try text(name, atMost: limit)
        guard let value = convert(text) else { throw Self.malformed(child(name), text, isNot: expected) }
        return value
    }

    // MARK: What holds more

    package func object(_ name: String) throws(Problem) -> MessageReader {
        try MessageReader(try node(name), path: child(name))
    }

    package func optionalObject(_ name: String) throws(Problem) -> MessageReader? {
        contains(name) ? try object(name) : nil
    }

    /// The texts of a list, each of them standing for something; none where the list is absent.
    package func list<Value>(
        _ name: String, _ expected: String, atMost limit: Int, _ convert: (String) -> Value?
    ) throws(Problem) -> [Value] {
        var values: [Value] = []
        for (index, node) in try elements(name, atMost: limit).enumerated() {
            let place = "\(child(name))[\(index)]"
            let text = try Self.text(node, place, atMost: ControlProtocol.identifierBytes)
            guard let value = convert(text) else { throw Self.malformed(place, text, isNot: expected) }
            values.append(value)
        }
        return values
    }

    package func numbers(_ name: String, atMost limit: Int, upTo most: UInt64) throws(Problem) -> [UInt64] {
        var numbers: [UInt64] = []
        for node in try elements(name, atMost: limit) {
            guard case .scalar(let text, isPlain: true) = node.content,
                let number = Decimal.parse(text.utf8, atMost: most)
            else { throw Self.malformed(child(name), "holds something else than numbers of at most \(most)") }
            numbers.append(number)
        }
        return numbers
    }

    /// The objects of a list; none where the list is absent.
    package func objects<Value>(
        _ name: String, atMost limit: Int, _ read: (MessageReader) throws(Problem) -> Value
    ) throws(Problem) -> [Value] {
        var values: [Value] = []
        for (index, node) in try elements(name, atMost: limit).enumerated() {
            values.append(try read(MessageReader(node, path: "\(child(name))[\(index)]")))
        }
        return values
    }

    /// An object whose fields are names of the sender's choice, with texts behind them; empty where it is absent.
    package func texts<Key: Hashable, Value>(
        _ name: String, _ expected: String, atMost limit: Int, textBytes: Int = ControlProtocol.identifierBytes,
        key convertKey: (String) -> Key?, _ convert: (String) -> Value?
    ) throws(Problem) -> [Key: Value] {
        guard let object = try optionalObject(name) else { return [:] }
        guard object.fields.count <= limit else { throw Self.malformed(child(name), "has more than \(limit) fields") }
        var values: [Key: Value] = [:]
        for (field, node) in object.fields {
            let place = object.child(String(field.prefix(80)))
            guard field.utf8.count <= ControlProtocol.identifierBytes, let key = convertKey(field),
                let value = convert(try Self.text(node, place, atMost: textBytes))
            else { throw Self.malformed(place, "is not \(expected)") }
            values[key] = value
        }
        return values
    }

    // MARK: Inside

    private func node(_ name: String) throws(Problem) -> Node {
        guard let node = fields[name], !node.isNull else { throw Self.malformed(child(name), "is missing") }
        return node
    }

    private func elements(_ name: String, atMost limit: Int) throws(Problem) -> [Node] {
        guard contains(name) else { return [] }
        guard case .sequence(let elements) = try node(name).content else {
            throw Self.malformed(child(name), "is not a list")
        }
        guard elements.count <= limit else { throw Self.malformed(child(name), "has more than \(limit) elements") }
        return elements
    }

    private static func text(_ node: Node, _ path: String, atMost limit: Int) throws(Problem) -> String {
        guard case .scalar(let text, isPlain: false) = node.content else { throw malformed(path, "is not a text") }
        guard text.utf8.count <= limit else { throw malformed(path, "is longer than \(limit) bytes") }
        return text
    }

    private func child(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

    private static func malformed(_ path: String, _ text: String, isNot expected: String) -> Problem {
        malformed(path, "`\(text.prefix(80))` is not \(expected)")
    }

    static func malformed(_ path: String, _ message: String) -> Problem {
        Problem(.controlMessage, at: path.isEmpty ? nil : path, message)
    }
}
