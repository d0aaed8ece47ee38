// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import HTTPCodec
internal import MeshModel
internal import Patterns

/// One match of a rule, ready to be asked.
struct CompiledMatch: Sendable {
    enum Path: Sendable {
        case exact(String)
        /// Without a slash at its end: empty for everything.
        case prefix(String)
        case expression(Expression)
    }

    /// A header field or query parameter that must be there.
    struct Field: Sendable {
        let name: String
        let value: Condition
    }

    enum Condition: Sendable {
        case exact(String)
        case expression(Expression)
    }

    let path: Path
    let method: String?
    let headers: [Field]
    let queryParameters: [Field]

    /// What a match by prefix has matched.
    var prefix: String? {
        guard case .prefix(let prefix) = path else { return nil }
        return prefix.isEmpty ? "/" : prefix
    }

    init(_ match: RouteMatch) {
        path =
            switch match.path {
            case nil: .prefix("")
            case .exact(let path): .exact(path)
            case .prefix(let prefix): .prefix(PathPrefix.trimmed(prefix))
            case .expression(let text): .expression(Expression(text))
            }
        method = match.method
        headers = Self.fields(match.headers.map { ($0.name.lowercased(), $0) })
        queryParameters = Self.fields(match.queryParameters.map { ($0.name, $0) })
    }

    /// Of several with one name the first counts (Gateway API, HTTPHeaderMatch and HTTPQueryParamMatch).
    private static func fields(_ matches: [(name: String, match: ValueMatch)]) -> [Field] {
        var seen: Set<String> = []
        return matches.filter { seen.insert($0.name).inserted }.map { name, match in
            Field(name: name, value: match.isExpression ? .expression(Expression(match.value)) : .exact(match.value))
        }
    }

    /// All parts must match. What is cheap is asked first, so that an expression that costs too much is in the way only
    /// where it decides.
    func judge(_ subject: inout MatchSubject) -> Pattern.Verdict {
        if let method, !method.hasBytes(of: subject.method) { return .noMatch }
        switch path {
        case .exact(let exact): if !exact.hasBytes(of: subject.path) { return .noMatch }
        case .prefix(let prefix): if !PathPrefix.matches(prefix, subject.path) { return .noMatch }
        case .expression: break
        }
        var open: [(expression: Expression, text: String)] = []
        if case .expression(let expression) = path { open.append((expression, subject.path)) }
        for field in headers {
            guard let value = subject.header(field.name) else { return .noMatch }
            switch field.value {
            case .exact(let exact): if !exact.hasBytes(of: value) { return .noMatch }
            case .expression(let expression): open.append((expression, value))
            }
        }
        for field in queryParameters {
            guard let value = subject.queryParameter(field.name) else { return .noMatch }
            switch field.value {
            case .exact(let exact): if !exact.utf8.elementsEqual(value) { return .noMatch }
            case .expression(let expression): open.append((expression, String(decoding: value, as: UTF8.self)))
            }
        }
        var isTooCostly = false
        for (expression, text) in open {
            switch expression.judge(text) {
            case .match: continue
            case .noMatch: return .noMatch
            case .tooCostly: isTooCostly = true
            }
        }
        return isTooCostly ? .tooCostly : .match
    }
}

/// An expression of a route.
struct Expression: Sendable {
    /// Nil where the text cannot be compiled: nobody knows what it would match.
    private let pattern: Pattern?
    /// Of its text, in bytes.
    let length: Int

    init(_ text: String) {
        length = text.utf8.count
        do throws(Pattern.SyntaxError) {
            pattern = try Pattern(text)
        } catch {
            pattern = nil
        }
    }

    func judge(_ text: String) -> Pattern.Verdict { pattern?.judge(text) ?? .tooCostly }
}

extension String {
    /// Byte by byte; `==` takes texts for equal that Unicode calls so, and an application may see two.
    func hasBytes(of other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}
