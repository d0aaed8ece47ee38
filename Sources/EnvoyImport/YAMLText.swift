// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// A value to be written as YAML.
enum YAMLText {
    case word(String)
    case number(Int)
    case list([YAMLText])
    case fields([Field])

    struct Field {
        let key: String
        let value: YAMLText
    }

    static func mapping(_ fields: [(key: String, value: YAMLText)]) -> YAMLText {
        .fields(fields.map { Field(key: $0.key, value: $0.value) })
    }

    /// As a person writes it: short things on one line, the rest in lines. Ends with a newline.
    static func document(_ fields: [(key: String, value: YAMLText)]) -> String {
        mapping(fields).lines(depth: 0).joined(separator: "\n") + "\n"
    }

    private static let widthMax = 100

    /// On one line, in brackets.
    private var flow: String {
        switch self {
        case .word(let text): Self.scalar(text, isInFlow: true)
        case .number(let number): "\(number)"
        case .list(let elements): "[\(elements.map(\.flow).joined(separator: ", "))]"
        case .fields(let fields):
            "{\(fields.map { "\(Self.scalar($0.key, isInFlow: true)): \($0.value.flow)" }.joined(separator: ", "))}"
        }
    }

    private var isScalar: Bool {
        switch self {
        case .word, .number: true
        case .list, .fields: false
        }
    }

    /// How many levels of brackets are read at a glance.
    private var height: Int {
        switch self {
        case .word, .number: 0
        case .list(let elements): 1 + (elements.map(\.height).max() ?? 0)
        case .fields(let fields): 1 + (fields.map(\.value.height).max() ?? 0)
        }
    }

    private func fitsOneLine(_ used: Int) -> Bool {
        switch self {
        case .word, .number: true
        case .list(let elements) where elements.allSatisfy(\.isScalar): true
        case .list, .fields: height <= 2 && used + flow.utf8.count <= Self.widthMax
        }
    }

    private func lines(depth: Int) -> [String] {
        let indent = String(repeating: " ", count: depth)
        switch self {
        case .word(let text): return [indent + Self.scalar(text, isInFlow: false)]
        case .number(let number): return ["\(indent)\(number)"]
        case .fields(let fields):
            guard !fields.isEmpty else { return [indent + "{}"] }
            return fields.flatMap { field in
                let (key, value) = (field.key, field.value)
                // The keys of a document stand for themselves; what is in them may share a line.
                if value.isScalar || value.fitsOneLine(depth + key.utf8.count + 2), depth > 0 || value.height <= 1 {
                    return ["\(indent)\(key): \(value.text)"]
                }
                return ["\(indent)\(key):"] + value.lines(depth: depth + 2)
            }
        case .list(let elements):
            guard !elements.isEmpty else { return [indent + "[]"] }
            return elements.flatMap { element in
                if element.fitsOneLine(depth + 2) { return ["\(indent)- \(element.text)"] }
                var lines = element.lines(depth: depth + 2)
                if let first = lines.first { lines[0] = "\(indent)- \(first.dropFirst(depth + 2))" }
                return lines
            }
        }
    }

    /// What stands behind a key on its line.
    private var text: String {
        if case .word(let text) = self { return Self.scalar(text, isInFlow: false) }
        return flow
    }

    /// Quoted wherever a reader might take it for something else.
    private static func scalar(_ text: String, isInFlow: Bool) -> String {
        let isPlain =
            text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "-._/".utf8.contains(byte)
                }
            } && text.utf8.contains { $0 > UInt8(ascii: "9") || $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: ".") }
        let first = text.utf8.first
        let isSafe = isPlain && first != UInt8(ascii: "-") && first != UInt8(ascii: ".") && !isReserved(text)
        if isSafe, !isInFlow || !text.hasSuffix(":") { return text }
        return quoted(text)
    }

    /// Words and numbers of YAML 1.1 and 1.2. An address such as 10.0.0.1 is neither.
    private static func isReserved(_ text: String) -> Bool {
        let words = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"]
        return words.contains(text.lowercased()) || Double(text) != nil || text.hasPrefix("0x") || text.hasPrefix("0o")
    }

    private static func quoted(_ text: String) -> String {
        // Expressions are easier to read with their backslashes single.
        if text.utf8.allSatisfy({ (0x20..<0x7f).contains($0) }), text.contains("\\"), !text.contains("'") {
            return "'\(text)'"
        }
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\t": quoted += "\\t"
            case "\0"..<" ", "\u{7f}"..."\u{9f}", "\u{2028}", "\u{2029}", "\u{feff}":
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}

extension YAMLText: ExpressibleByStringLiteral {
    init(stringLiteral value: String) { self = .word(value) }
}

/// A mapping that grows; what is nil stays away.
struct YAMLFields {
    private(set) var all: [(key: String, value: YAMLText)] = []

    var isEmpty: Bool { all.isEmpty }

    mutating func add(_ key: String, _ value: YAMLText?) {
        if let value { all.append((key, value)) }
    }

    mutating func add(_ key: String, _ text: String?) { add(key, text.map { .word($0) }) }
    mutating func add(_ key: String, _ number: Int?) { add(key, number.map { .number($0) }) }

    /// Away where nothing is in it.
    mutating func add(_ key: String, _ fields: YAMLFields) {
        if !fields.isEmpty { add(key, .mapping(fields.all)) }
    }

    /// Away where it is empty.
    mutating func add(_ key: String, _ elements: [YAMLText]) {
        if !elements.isEmpty { add(key, .list(elements)) }
    }
}
