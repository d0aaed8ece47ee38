// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// Collects everything that is wrong with a file while it is read once, so that a bad value spoils only itself.
final class Findings {
    let file: String
    private let parent: Findings?
    private(set) var problems: [Problem] = []

    init(file: String) {
        self.file = file
        parent = nil
    }

    /// For another text that is read together with that of `parent`, which hears of everything.
    init(file: String, of parent: Findings) {
        self.file = file
        self.parent = parent
    }

    func add(_ code: ErrorCode, _ path: String, _ mark: Mark, _ message: String, _ remedy: String? = nil) {
        let place = path.isEmpty ? "\(file):\(mark)" : "\(path) (\(file):\(mark))"
        let problem = Problem(code, at: place, message, remedy: remedy)
        problems.append(problem)
        parent?.problems.append(problem)
    }
}

/// Where a problem was found: the way back from ``Problem/place`` to what ``Findings`` made it of.
package struct ProblemPlace: Hashable, Sendable {
    /// The name of the text.
    package let source: String
    /// `spec.rules[0]`; empty where the whole document is meant.
    package let path: String

    /// Nil for a place of another kind.
    package init?(_ place: String) {
        var rest = place[...]
        var path = ""
        if rest.hasSuffix(")"), let bracket = rest.lastIndex(of: "("), bracket > rest.startIndex {
            path = String(rest[..<bracket].dropLast())
            rest = rest[bracket...].dropFirst().dropLast()
        }
        let parts = rest.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count >= 3, parts.suffix(2).allSatisfy({ UInt32($0) != nil }) else { return nil }
        self.path = path
        source = parts.dropLast(2).joined(separator: ":")
    }
}

/// A value with its path, `spec.ports.inbound`, ready to be read as something.
struct Value {
    let node: Node
    let path: String
    let findings: Findings

    func complain(_ code: ErrorCode, _ message: String, _ remedy: String? = nil) {
        findings.add(code, path, node.mark, message, remedy)
    }

    /// The text of a scalar, quoted or not.
    var text: String? {
        if case .scalar(let text, _) = node.content, !node.isNull { return text }
        complain(.wrongType, "\(node.shape) stands where a word belongs")
        return nil
    }

    /// Reads a scalar by `convert`; where that gives nil, `expected` says what was meant to be there.
    func scalar<Result>(_ expected: String, _ convert: (String) -> Result?) -> Result? {
        guard let text else { return nil }
        if let result = convert(text) { return result }
        complain(.badValue, "`\(text.prefix(80))` is not \(expected)")
        return nil
    }

    /// One of a few words.
    func choice<Choice: RawRepresentable<String> & CaseIterable>(_: Choice.Type) -> Choice? {
        guard let text else { return nil }
        if let choice = Choice(rawValue: text) { return choice }
        let words = Choice.allCases.map(\.rawValue)
        let nearest = Spelling.nearest(to: text, among: words).map { "did you mean `\($0)`?" }
        complain(.badValue, "`\(text.prefix(80))` is none of \(words.joined(separator: ", "))", nearest)
        return nil
    }

    /// The core schema's truths, unquoted; `yes` and `on` are words.
    var truth: Bool? {
        if case .scalar(let text, isPlain: true) = node.content {
            switch text {
            case "true", "True", "TRUE": return true
            case "false", "False", "FALSE": return false
            default: break
            }
        }
        complain(.wrongType, "\(node.shape) stands where true or false belongs")
        return nil
    }

    func integer(_ range: ClosedRange<Int>) -> Int? {
        scalar("a whole number from \(range.lowerBound) to \(range.upperBound)") { text in
            Decimal.parse(text.utf8, atMost: UInt64(range.upperBound)).map(Int.init).flatMap { number in
                range.contains(number) ? number : nil
            }
        }
    }

    /// `5s`, `100ms`, `1h30m`: GEP-2257, within a range.
    func duration(_ range: ClosedRange<Duration>) -> Duration? {
        guard let duration = scalar("a duration such as 5s, 100ms or 1h30m", DurationText.parse) else { return nil }
        guard range.contains(duration) else {
            complain(
                .badValue, "\(DurationText.text(duration)) is out of range",
                "it goes from \(DurationText.text(range.lowerBound)) to \(DurationText.text(range.upperBound))")
            return nil
        }
        return duration
    }

    /// The elements of a list that can be read; the others are complained of.
    func list<Element>(_ read: (Value) -> Element?) -> [Element]? {
        guard case .sequence(let nodes) = node.content else {
            complain(
                .wrongType, "\(node.shape) stands where a list belongs", "write `[...]` or lines that begin with `- `")
            return nil
        }
        return nodes.enumerated().compactMap { index, element in
            read(Value(node: element, path: "\(path)[\(index)]", findings: findings))
        }
    }

    /// A list that has something in it, be it wrong.
    func filledList<Element>(_ remedy: String = "give at least one", _ read: (Value) -> Element?) -> [Element]? {
        if case .sequence(let nodes) = node.content, nodes.isEmpty {
            complain(.badValue, "the list is empty", remedy)
            return nil
        }
        return list(read)
    }

    /// Reads a mapping; fields that `body` does not ask for are complained of.
    func mapping<Result>(_ body: (inout FieldReader) -> Result?) -> Result? {
        guard case .mapping(let fields) = node.content else {
            complain(.wrongType, "\(node.shape) stands where a mapping belongs")
            return nil
        }
        var reader = FieldReader(fields: fields, path: path, mark: node.mark, findings: findings)
        let result = body(&reader)
        reader.finish()
        return result
    }
}

/// The fields of one mapping, asked for by name.
struct FieldReader {
    private let fields: [Node.Field]
    private let path: String
    private let mark: Mark
    private let findings: Findings
    private var known: [String] = []

    init(fields: [Node.Field], path: String, mark: Mark, findings: Findings) {
        self.fields = fields
        self.path = path
        self.mark = mark
        self.findings = findings
    }

    /// The value of a field; nil where it is absent or null.
    mutating func value(_ name: String) -> Value? {
        if !known.contains(name) { known.append(name) }
        guard let field = fields.first(where: { $0.name == name }), !field.value.isNull else { return nil }
        return Value(node: field.value, path: child(name), findings: findings)
    }

    /// Whether a field is there at all, right or wrong.
    func contains(_ name: String) -> Bool { fields.contains { $0.name == name && !$0.value.isNull } }

    /// Reads an optional field.
    mutating func read<Result>(_ name: String, _ read: (Value) -> Result?) -> Result? {
        value(name).flatMap(read)
    }

    /// Reads a field that must be there.
    mutating func require<Result>(_ name: String, _ read: (Value) -> Result?) -> Result? {
        guard let value = value(name) else {
            findings.add(.missingField, child(name), mark, "is missing")
            return nil
        }
        return read(value)
    }

    /// Reads an optional field whose absence means something wide, such as anybody: written with nothing behind it, as a
    /// template may come out, it is an error.
    mutating func readFilled<Result>(_ name: String, _ read: (Value) -> Result?) -> Result? {
        if let field = fields.first(where: { $0.name == name }), field.value.isNull {
            findings.add(.badValue, child(name), field.mark, "there is nothing behind it", "fill it, or leave it away")
        }
        return self.read(name, read)
    }

    /// Reads an optional field into a variable that keeps its default where the field is absent or wrong.
    mutating func assign<Result>(_ name: String, to target: inout Result, _ read: (Value) -> Result?) {
        if let result = self.read(name, read) { target = result }
    }

    mutating func section(_ name: String, _ body: (inout FieldReader) -> Void) {
        _ = read(name) { value in value.mapping { fields in body(&fields) } }
    }

    /// True if nothing is written in the mapping.
    var isEmpty: Bool { fields.isEmpty }

    func complain(_ code: ErrorCode, _ message: String, _ remedy: String? = nil) {
        findings.add(code, path, mark, message, remedy)
    }

    func finish() {
        for field in fields where !known.contains(field.name) {
            let nearest = Spelling.nearest(to: field.name, among: known).map { "did you mean `\($0)`?" }
            let remedy = nearest ?? "the fields here are \(known.joined(separator: ", "))"
            findings.add(.unknownField, child(field.name), field.mark, "is not a field", remedy)
        }
    }

    private func child(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }
}
