// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import HTTPCodec
internal import MeshModel
internal import Patterns

/// What a rule says of requests, ready to be matched.
///
/// Some questions have no answer: an expression that costs too much, a host that was not given. They count against the
/// caller: as a match where the rule denies, as none where it allows.
struct CompiledPattern: Sendable {
    private enum PathMatcher: Sendable {
        case exact(String, readings: [String])
        /// Without a final slash.
        case prefix(String, readings: [String])
        case expression(Pattern)
        /// An expression that does not compile.
        case undecidable
    }

    private enum Text: Sendable {
        case exact(String)
        case expression(Pattern)
        case undecidable
    }

    private let isDeny: Bool
    private let methods: [String]
    private let paths: [PathMatcher]
    private let hosts: [HostPattern]
    private let headers: [(name: String, value: Text)]

    init(_ pattern: Policy.RequestPattern, effect: Policy.Effect) {
        isDeny = effect == .deny
        methods = pattern.methods
        paths = pattern.paths.map { path in
            switch path {
            case .exact(let text): return .exact(text, readings: RequestFacts.readings(of: text))
            case .prefix(let text):
                let bare = text.utf8.last == UInt8(ascii: "/") ? String(text.dropLast()) : text
                return .prefix(bare, readings: RequestFacts.readings(of: bare))
            case .expression(let text): return Pattern.compiled(text).map { .expression($0) } ?? .undecidable
            }
        }
        hosts = pattern.hosts
        headers = pattern.headers.map { header in
            // What is never among the fields cannot be asked for.
            guard !Policy.RequestPattern.unseenHeaders.contains(header.name) else { return (header.name, .undecidable) }
            guard header.isExpression else { return (header.name, .exact(header.value)) }
            return (header.name, Pattern.compiled(header.value).map { .expression($0) } ?? .undecidable)
        }
    }

    func matches(_ facts: RequestFacts) -> Bool {
        matchesMethod(facts.request.method) && matchesHost(facts.host) && matchesPath(facts)
            && headers.allSatisfy { name, value in matches(value, facts.request.fields, name) }
    }

    /// Methods are told apart by case (RFC 9110 section 9.1), but there are applications that take `get` for GET.
    private func matchesMethod(_ method: String) -> Bool {
        methods.isEmpty || methods.contains { $0.utf8.elementsEqual(method.utf8) }
            || isDeny && methods.contains { $0.lowercased() == method.lowercased() }
    }

    private func matchesHost(_ host: String?) -> Bool {
        if hosts.isEmpty { return true }
        // A request without a host (HTTP/1.0) may be for any that the application has.
        guard let host else { return isDeny }
        return hosts.contains { $0.matches(host) }
    }

    private func matchesPath(_ facts: RequestFacts) -> Bool {
        if paths.isEmpty { return true }
        // CONNECT has no path, and what goes through its tunnel nobody sees.
        if facts.path.isEmpty { return isDeny }
        if paths.contains(where: { matches($0, facts.path) }) { return true }
        return isDeny && paths.contains { matcher in matchesReading(matcher, facts.path, facts.readings) }
    }

    private func matches(_ matcher: PathMatcher, _ path: String) -> Bool {
        switch matcher {
        case .exact(let text, _): return text.utf8.elementsEqual(path.utf8)
        case .prefix(let text, _): return Self.isPrefix(text, of: path)
        case .expression(let pattern): return isMatch(pattern.judge(path))
        case .undecidable: return isDeny
        }
    }

    /// Both sides as an application may read them.
    private func matchesReading(_ matcher: PathMatcher, _ path: String, _ readings: [String]) -> Bool {
        switch matcher {
        case .exact(let text, let own):
            return Self.pairs(own, text, readings, path).contains { $0.utf8.elementsEqual($1.utf8) }
        case .prefix(let text, let own):
            return Self.pairs(own, text, readings, path).contains { Self.isPrefix($0, of: $1) }
        case .expression, .undecidable: return readings.contains { matches(matcher, $0) }
        }
    }

    private static func pairs(
        _ own: [String], _ text: String, _ readings: [String], _ path: String
    ) -> [(String, String)] {
        let asked = readings + [path]
        return (own + [text]).flatMap { text in asked.map { (text, $0) } }
    }

    /// Whole segments; the empty prefix is that of everything.
    private static func isPrefix(_ prefix: String, of path: String) -> Bool {
        if prefix.isEmpty { return true }
        guard path.utf8.starts(with: prefix.utf8) else { return false }
        let next = path.utf8.dropFirst(prefix.utf8.count).first
        return next == nil || next == UInt8(ascii: "/")
    }

    /// Several fields of one name are one value, joined. An application may look at one of them only, which must not help
    /// against a rule that denies; nor must it to write the name as CGI does.
    private func matches(_ text: Text, _ fields: HTTPFields, _ name: String) -> Bool {
        guard isDeny else { return matches(text, fields.joined(name)) }
        let values = fields.valuesAsCGI(name)
        guard !values.isEmpty else { return matches(text, nil) }
        return matches(text, values.joined(separator: ", "))
            || values.contains { matches(text, $0) || Self.members(of: $0).contains { matches(text, $0) } }
    }

    /// Those of a list in one field.
    private static func members(of value: String) -> [String] {
        guard value.utf8.contains(UInt8(ascii: ",")) else { return [] }
        return value.split(separator: ",").map { member in
            let trimmed = member.drop { $0 == " " || $0 == "\t" }
            return String(trimmed.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
        }
    }

    private func matches(_ text: Text, _ value: String?) -> Bool {
        switch text {
        case .exact(let text): value.map { $0.utf8.elementsEqual(text.utf8) } ?? false
        case .expression(let pattern): value.map { isMatch(pattern.judge($0)) } ?? false
        case .undecidable: isDeny
        }
    }

    private func isMatch(_ verdict: Pattern.Verdict) -> Bool {
        switch verdict {
        case .match: true
        case .noMatch: false
        case .tooCostly: isDeny
        }
    }
}

extension Pattern {
    /// Nil where it does not compile, which whoever reads policies from people has told them.
    fileprivate static func compiled(_ text: String) -> Pattern? { try? Pattern(text) }
}
