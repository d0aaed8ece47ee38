// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel
internal import ResourceDocuments

/// Collects what cannot be carried over, and what is left out because nothing depends on it, while a file is read once.
final class Report {
    let file: String
    private var foundErrors: [(mark: Mark, problem: Problem)] = []
    private var foundNotes: [(mark: Mark, problem: Problem)] = []

    /// How many there are so far, to see whether more come.
    var errorCount: Int { foundErrors.count }
    /// In the order of the file.
    var errors: [Problem] { Self.sorted(foundErrors) }
    var notes: [Problem] { Self.sorted(foundNotes) }

    init(file: String) { self.file = file }

    func error(_ code: ErrorCode, _ path: String, _ mark: Mark, _ message: String, _ remedy: String? = nil) {
        add(Problem(code, at: place(path, mark), message, remedy: remedy), mark, to: &foundErrors)
    }

    func note(_ path: String, _ mark: Mark, _ message: String, _ remedy: String? = nil) {
        add(Problem(.importNote, at: place(path, mark), message, remedy: remedy), mark, to: &foundNotes)
    }

    private func place(_ path: String, _ mark: Mark) -> String {
        path.isEmpty ? "\(file):\(mark)" : "\(path) (\(file):\(mark))"
    }

    /// What is read for two places, such as a secret, is told once.
    private func add(_ problem: Problem, _ mark: Mark, to list: inout [(mark: Mark, problem: Problem)]) {
        if !list.contains(where: { $0.problem == problem }) { list.append((mark, problem)) }
    }

    private static func sorted(_ found: [(mark: Mark, problem: Problem)]) -> [Problem] {
        let places = found.enumerated().sorted { left, right in
            (left.element.mark.line, left.element.mark.column, left.offset)
                < (right.element.mark.line, right.element.mark.column, right.offset)
        }
        return places.map(\.element.problem)
    }
}

/// A value of the file with its path, `static_resources.clusters[0].name`.
struct EnvoyValue {
    let node: Node
    let path: String
    let report: Report

    /// Says that this cannot be carried over, why, and what to do instead.
    func refuse(_ reason: String, _ remedy: String? = nil) {
        report.error(.notImportable, path, node.mark, reason, remedy)
    }

    /// Says that the file itself is not right.
    func complain(_ message: String, _ remedy: String? = nil) {
        report.error(.badValue, path, node.mark, message, remedy)
    }

    func note(_ message: String, _ remedy: String? = nil) { report.note(path, node.mark, message, remedy) }

    /// The elements of a list; a single value where a list belongs is refused, as Envoy refuses it.
    var elements: [EnvoyValue] {
        guard case .sequence(let nodes) = node.content else {
            report.error(.wrongType, path, node.mark, "\(node.shape) stands where a list belongs")
            return []
        }
        return nodes.enumerated().map { index, element in
            EnvoyValue(node: element, path: "\(path)[\(index)]", report: report)
        }
    }

    /// Reads a message; fields that `body` does not ask for are refused.
    func message<Result>(_ body: (inout EnvoyFields) -> Result?) -> Result? {
        guard case .mapping(let fields) = node.content else {
            if node.isNull {
                return EnvoyValue(node: .emptyMapping(node.mark), path: path, report: report).message(body)
            }
            report.error(.wrongType, path, node.mark, "\(node.shape) stands where a mapping belongs")
            return nil
        }
        var reader = EnvoyFields(fields, of: self)
        let result = body(&reader)
        reader.finish()
        return result
    }
}

extension Node {
    static func emptyMapping(_ mark: Mark) -> Node { Node(content: .mapping([]), mark: mark) }
}

/// The fields of one message, asked for by their names in Envoy's documentation. Proto JSON writes them in camelCase as
/// well; both are found.
struct EnvoyFields {
    private struct Entry {
        let written: String
        let name: String
        let mark: Mark
        let value: Node
    }

    let owner: EnvoyValue
    private var entries: [Entry] = []
    private var known: Set<String> = []

    init(_ fields: [Node.Field], of owner: EnvoyValue) {
        self.owner = owner
        for field in fields {
            let name = Self.snakeCase(field.name)
            if let earlier = entries.first(where: { $0.name == name }) {
                owner.report.error(
                    .duplicateField, "\(owner.path).\(field.name)", field.mark,
                    "is `\(earlier.written)` on line \(earlier.mark.line) in another spelling", "remove one of them")
                continue
            }
            entries.append(Entry(written: field.name, name: name, mark: field.mark, value: field.value))
        }
    }

    /// `portValue` is `port_value`; names of extensions, which have dots, and `@type` stay.
    private static func snakeCase(_ name: String) -> String {
        guard !name.contains("."), !name.hasPrefix("@") else { return name }
        var text = ""
        for character in name {
            if character.isASCII, character.isUppercase {
                if !text.isEmpty { text += "_" }
                text += character.lowercased()
            } else {
                text.append(character)
            }
        }
        return text
    }

    /// The value of a field; nil where it is absent or null.
    mutating func value(_ name: String) -> EnvoyValue? {
        known.insert(name)
        guard let entry = entries.first(where: { $0.name == name }), !entry.value.isNull else { return nil }
        return value(of: entry)
    }

    /// A field whose message may be empty and still mean something: `tls_inspector:` with nothing behind it.
    mutating func presence(_ name: String) -> EnvoyValue? {
        known.insert(name)
        return entries.first { $0.name == name }.map { value(of: $0) }
    }

    private func value(of entry: Entry) -> EnvoyValue {
        let path = owner.path.isEmpty ? entry.written : "\(owner.path).\(entry.written)"
        return EnvoyValue(node: entry.value, path: path, report: owner.report)
    }

    /// All fields, as a map of names that are not known beforehand has them.
    mutating func all() -> [(name: String, value: EnvoyValue)] {
        known.formUnion(entries.map(\.name))
        return entries.map { ($0.written, value(of: $0)) }
    }

    mutating func require(_ name: String) -> EnvoyValue? {
        if let value = value(name) { return value }
        owner.report.error(
            .missingField, owner.path.isEmpty ? name : "\(owner.path).\(name)", owner.node.mark, "is missing")
        return nil
    }

    mutating func list(_ name: String) -> [EnvoyValue] { value(name)?.elements ?? [] }
    mutating func text(_ name: String) -> String? { value(name)?.text }
    mutating func isTrue(_ name: String) -> Bool { value(name)?.truth ?? false }

    /// Fields that change nothing here: labels of statistics, tuning of Envoy's own insides, defaults written out.
    mutating func ignore(_ names: String...) { known.formUnion(names) }

    /// Fields that are left out, which is worth a note.
    mutating func note(_ names: String..., because reason: String) {
        for name in names { presence(name)?.note(reason) }
    }

    /// Fields that mean something that cannot be carried over.
    mutating func refuse(_ names: String..., because reason: String, _ remedy: String? = nil) {
        for name in names { presence(name)?.refuse(reason, remedy) }
    }

    /// Truths of which only the default can be carried over.
    mutating func refuseTrue(_ names: String..., because reason: String, _ remedy: String? = nil) {
        for name in names {
            if let value = value(name), value.truth == true { value.refuse(reason, remedy) }
        }
    }

    /// The first of several fields of which a message holds one.
    mutating func oneOf(_ names: String...) -> (name: String, value: EnvoyValue)? {
        let found = names.compactMap { name in presence(name).map { (name: name, value: $0) } }
        if found.count > 1 {
            found[1].value.complain(
                "stands beside `\(found[0].name)`, of which it is an alternative", "keep one of them")
        }
        return found.first
    }

    func finish() {
        for entry in entries where !known.contains(entry.name) && !entry.name.hasPrefix("@") {
            let nearest = Spelling.nearest(to: entry.name, among: known.sorted()).map { "did you mean `\($0)`?" }
            value(of: entry).refuse(
                "is not known to the import", nearest ?? "remove it, or say by hand what it is for")
        }
    }
}
