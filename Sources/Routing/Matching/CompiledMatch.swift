// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import HTTPCodec
internal import MeshModel
internal import Patterns

/// One match of a rule, ready to be asked.
final class CompiledMatch: Sendable {
    enum Path: Sendable {
        case exact(String)
        /// Without a slash at its end: empty for everything.
        case prefix(String)
        case expression(Expression)
        /// `/service/method` with any service.
        case call(method: String)
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
    /// What is asked of a call, for its rank; nil in an HTTPRoute.
    let call: CallMatch?
    let headers: [Field]
    let queryParameters: [Field]

    /// What a match by prefix has matched.
    var prefix: String? {
        guard case .prefix(let prefix) = path else { return nil }
        return prefix.isEmpty ? "/" : prefix
    }

    init(_ match: RouteMatch) {
        call = match.call
        path = match.call.map(Self.path) ?? Self.path(match.path)
        method = match.call == nil ? match.method : "POST"
        headers = Self.fields(match.headers.map { ($0.name.lowercased(), $0) })
        queryParameters = Self.fields(match.queryParameters.map { ($0.name, $0) })
    }

    private static func path(_ path: RouteMatch.Path?) -> Path {
        switch path {
        case nil: .prefix("")
        case .exact(let path): .exact(path)
        case .prefix(let prefix): .prefix(PathPrefix.trimmed(prefix))
        case .expression(let text): .expression(Expression(text))
        }
    }

    /// A call is a request with POST and a path of two segments (gRPC over HTTP/2, "Request-Headers").
    private static func path(_ call: CallMatch) -> Path {
        if let expression = call.pathExpression { return .expression(Expression(expression)) }
        return switch (call.service, call.method) {
        case (nil, nil): .prefix("")
        case (let service?, nil): .prefix("/" + service)
        case (let service?, let method?): .exact("/\(service)/\(method)")
        case (nil, let method?): .call(method: method)
        }
    }

    private static func isCall(_ path: String, of method: String) -> Bool {
        let parts = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard parts.count == 3 else { return false }
        return parts[0].isEmpty && !parts[1].isEmpty && parts[2].elementsEqual(method.utf8)
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
    ///
    /// `subject` is the request's normalised path; `query` is taken apart once, and only if some match asks.
    func judge(_ request: HTTPRequest, path subject: String, _ query: inout QueryParameters?) -> Pattern.Verdict {
        if let method, !method.hasBytes(of: request.method) { return .noMatch }
        switch path {
        case .exact(let exact): if !exact.hasBytes(of: subject) { return .noMatch }
        case .prefix(let prefix): if !PathPrefix.matches(prefix, subject) { return .noMatch }
        case .call(let method): if !Self.isCall(subject, of: method) { return .noMatch }
        case .expression: break
        }
        var open: [(expression: Expression, text: String)] = []
        if case .expression(let expression) = path { open.append((expression, subject)) }
        for field in headers {
            switch field.value {
            case .exact(let exact): if !request.matchesField(field.name, exact) { return .noMatch }
            case .expression(let expression):
                guard let value = request.matchedField(field.name) else { return .noMatch }
                open.append((expression, value))
            }
        }
        for field in queryParameters {
            let parameters = query ?? QueryParameters(request.target)
            query = parameters
            guard let value = parameters.first(field.name) else { return .noMatch }
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
    func hasBytes(of other: String) -> Bool { utf8.count == other.utf8.count && beginsWithBytes(of: other) }

    func beginsWithBytes(of other: String) -> Bool {
        let own = utf8.span
        let wanted = other.utf8.span
        guard own.count >= wanted.count else { return false }
        // From the end: what differs mostly has its first segments in common.
        var left = wanted.count
        while left > 0, own[left - 1] == wanted[left - 1] { left -= 1 }
        return left == 0
    }
}
