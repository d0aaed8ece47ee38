// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel
internal import Patterns
internal import ResourceDocuments

/// What a route of the file asks of a request.
struct EnvoyMatch: Hashable {
    struct Condition: Hashable {
        let name: String
        let value: String
        let isExpression: Bool
    }

    var path: PathShape
    var method: String?
    var headers: [Condition] = []
    var query: [Condition] = []
}

/// The paths that a match takes, in Envoy's terms: a prefix is one of the text, not of segments.
enum PathShape: Hashable {
    case exact(String)
    /// `/` is everything.
    case prefix(String)
    /// Whole segments: `path_separated_prefix`, and what a prefix becomes where it is to be replaced.
    case segments(String)
    case expression(String)

    /// A text as an expression that matches it.
    static func quoted(_ text: String) -> String {
        String(text.flatMap { "\\^$.|?*+()[]{}".contains($0) ? ["\\", $0] : [$0] })
    }

    /// How a route of Weft says it.
    var written: (type: String, value: String) {
        switch self {
        case .exact(let path): ("Exact", path)
        case .prefix("/"): ("PathPrefix", "/")
        case .prefix(let prefix): ("RegularExpression", Self.quoted(prefix) + ".*")
        case .segments(let prefix): ("PathPrefix", prefix)
        case .expression(let text): ("RegularExpression", text)
        }
    }

    /// The text that everything it matches begins with, as far as that is plain to see.
    private var head: String {
        guard case .expression(let text) = self else {
            switch self {
            case .exact(let text), .prefix(let text), .segments(let text): return text
            case .expression: return ""
            }
        }
        guard !text.contains("|"), !text.contains("(?") else { return "" }
        var head = ""
        var rest = text[...]
        if rest.hasPrefix("^") { rest = rest.dropFirst() }
        while let character = rest.popFirst() {
            var literal = character
            if character == "\\" {
                guard let next = rest.popFirst(), !next.isLetter, !next.isNumber else { break }
                literal = next
            } else if "^$.?*+()[]{}".contains(character) {
                break
            }
            if let next = rest.first, "?*{".contains(next) { break }
            head.append(literal)
        }
        return head
    }

    private static func matches(_ expression: String, _ path: String) -> Bool? {
        guard let pattern = try? Pattern(expression) else { return nil }
        switch pattern.judge(path) {
        case .match: return true
        case .noMatch: return false
        case .tooCostly: return nil
        }
    }

    /// True unless no path can match both, as far as that can be told.
    func overlaps(_ other: PathShape) -> Bool {
        switch (self, other) {
        case (.exact(let path), .exact(let text)): return path == text
        case (.exact(let path), .expression(let text)), (.expression(let text), .exact(let path)):
            return Self.matches(text, path) ?? true
        case (.exact, _): return other.contains(self)
        case (_, .exact): return contains(other)
        case (.prefix(let mine), .prefix(let others)): return mine.hasPrefix(others) || others.hasPrefix(mine)
        case (.segments(let mine), .segments(let others)):
            return mine == others || mine.hasPrefix(others + "/") || others.hasPrefix(mine + "/")
        case (.segments(let segments), .prefix(let prefix)), (.prefix(let prefix), .segments(let segments)):
            return segments.hasPrefix(prefix) || prefix.hasPrefix(segments + "/")
        case (.expression, _), (_, .expression):
            return head.hasPrefix(other.head) || other.head.hasPrefix(head)
        }
    }

    /// True if every path that matches `other` surely matches this.
    func contains(_ other: PathShape) -> Bool {
        if self == other || self == .prefix("/") { return true }
        switch (self, other) {
        case (.exact, _): return false
        case (.prefix(let prefix), _): return other.head.hasPrefix(prefix)
        case (.segments(let segments), .exact(let path)), (.segments(let segments), .segments(let path)):
            return path == segments || path.hasPrefix(segments + "/")
        case (.segments(let segments), _): return other.head.hasPrefix(segments + "/")
        case (.expression(let text), .exact(let path)): return Self.matches(text, path) ?? false
        case (.expression, _): return false
        }
    }
}

extension EnvoyValue {
    /// `match` of a route. Nil where it cannot be carried over, which has been said.
    var routeMatch: EnvoyMatch? {
        let before = report.errorCount
        let match: EnvoyMatch? = message { fields in
            let isSensitive = fields.value("case_sensitive")?.truth ?? true
            let path = fields.matchedPath(isSensitive: isSensitive)
            var match = EnvoyMatch(path: path ?? .prefix("/"))
            for header in fields.list("headers") { header.headerMatch(&match) }
            for parameter in fields.list("query_parameters") {
                guard let condition = parameter.condition(isHeader: false) else { continue }
                match.query.append(condition)
            }
            if fields.presence("grpc") != nil {
                match.headers.append(
                    .init(name: "content-type", value: #"application/grpc(\+.*)?"#, isExpression: true))
            }
            if let fraction = fields.value("runtime_fraction"), let share = fraction.fraction,
                share.numerator != share.denominator
            {
                fraction.refuse(
                    "a match cannot take a share of the requests", "use `weighted_clusters`, which it can carry over")
            }
            fields.refuse(
                "tls_context", "dynamic_metadata", "filter_state", "cookies", because: "has no counterpart",
                "match by a header")
            return match
        }
        return report.errorCount == before ? match : nil
    }
}

extension EnvoyFields {
    fileprivate mutating func matchedPath(isSensitive: Bool) -> PathShape? {
        refuse("regex", because: "is the form of Envoy's API v2", "write `safe_regex: {regex: ...}`")
        refuse("connect_matcher", because: "CONNECT is not matched", "remove the route")
        refuse("path_match_policy", because: "templates of paths have no counterpart", "write `safe_regex`")
        let known = presence("regex") ?? presence("connect_matcher") ?? presence("path_match_policy")
        guard let (name, value) = oneOf("prefix", "path", "safe_regex", "path_separated_prefix") else {
            if known == nil { owner.complain("matches no path", "write `prefix: /` for every one") }
            return nil
        }
        if name == "safe_regex" { return value.expression.map { .expression($0) } }
        guard let text = name == "prefix" && value.node.isNull ? "/" : value.text else { return nil }
        if name == "prefix", text.isEmpty || text == "/" { return .prefix("/") }
        guard value.isPath(text) else { return nil }
        switch name {
        case "path":
            return isSensitive ? .exact(text) : .expression("(?i)" + PathShape.quoted(text))
        case "prefix":
            return isSensitive ? .prefix(text) : .expression("(?i)" + PathShape.quoted(text) + ".*")
        default:
            guard !text.hasSuffix("/") else {
                value.complain("ends in a slash", "remove the slash")
                return nil
            }
            return isSensitive ? .segments(text) : .expression("(?i)" + PathShape.quoted(text) + "(/.*)?")
        }
    }
}

extension EnvoyValue {
    /// A path as it is after it has been normalised: anything else would never match.
    func isPath(_ text: String) -> Bool {
        let segments = text.split(separator: "/", omittingEmptySubsequences: false)
        let isClean = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "-._~/!$&'()*+,;=:@".utf8.contains(byte)
            }
        }
        guard text.hasPrefix("/"), isClean, text.utf8.count <= 1024, !text.contains("//"), !segments.contains("."),
            !segments.contains("..")
        else {
            refuse(
                "`\(text.prefix(80))` is no path in normal form",
                "paths are normalised before they are matched (docs/paths.md): write the normal form, without `?`, `%`, "
                    + "`//` and dots")
            return false
        }
        return true
    }

    /// `{regex: ...}`, which must match the whole, as in Envoy.
    var expression: String? {
        message { fields in
            fields.ignore("google_re2")
            guard let value = fields.require("regex"), let text = value.text else { return nil }
            do throws(Pattern.SyntaxError) {
                _ = try Pattern(text)
                return text
            } catch {
                value.refuse(
                    "`\(text.prefix(80))` is not an expression that PCRE2 reads: \(error.reason), at byte \(error.offset)",
                    "write it in the syntax that RE2 and PCRE2 share")
                return nil
            }
        }
    }

    fileprivate func headerMatch(_ match: inout EnvoyMatch) {
        guard var condition = condition(isHeader: true) else { return }
        switch condition.name {
        case ":method":
            let methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"]
            guard !condition.isExpression, methods.contains(condition.value) else {
                return refuse("a method is matched exactly, one of \(methods.joined(separator: ", "))", "write routes")
            }
            if match.method != nil { return complain("the method is matched twice", "keep one of them") }
            match.method = condition.value
        case ":authority", "host":
            condition = .init(name: "host", value: condition.value, isExpression: condition.isExpression)
            match.headers.append(condition)
        case ":path": refuse("the path is not matched as a header", "use `path`, `prefix` or `safe_regex`")
        case let name where name.hasPrefix(":"): refuse("`\(name)` is not matched", "remove it")
        case let name where RouteFilter.HeaderModifier.isProtected(name) && name != "upgrade":
            refuse("the header field `\(name)` cannot be matched", "it belongs to the connection")
        case let name where match.headers.contains { $0.name == name }:
            refuse("the header field `\(name)` is matched twice in one route", "write one `safe_regex` for both")
        default: match.headers.append(condition)
        }
    }

    /// A header or query parameter and what its value must be.
    fileprivate func condition(isHeader: Bool) -> EnvoyMatch.Condition? {
        message { fields in
            let name = fields.require("name")
            let found = isHeader ? name?.headerName : name?.scalar("a name") { $0.isEmpty ? nil : $0 }
            guard let field = found else { return nil }
            fields.refuseTrue(
                "invert_match", because: "a route cannot ask for what is not there",
                "let an earlier route take the requests that have it")
            fields.refuseTrue(
                "treat_missing_header_as_empty", because: "a field that is missing matches nothing", "remove it")
            let matcher = fields.oneOf(
                "string_match", "exact_match", "safe_regex_match", "range_match", "present_match", "prefix_match",
                "suffix_match", "contains_match")
            func matched(_ value: String, _ isExpression: Bool) -> EnvoyMatch.Condition {
                .init(name: field, value: value, isExpression: isExpression)
            }
            guard let found = matcher else { return matched(".*", true) }
            switch found.name {
            case "string_match": return found.value.stringMatch.map { matched($0.value, $0.isExpression) }
            case "exact_match": return found.value.text.map { matched($0, false) }
            case "safe_regex_match": return found.value.expression.map { matched($0, true) }
            case "prefix_match": return found.value.text.map { matched(PathShape.quoted($0) + ".*", true) }
            case "suffix_match": return found.value.text.map { matched(".*" + PathShape.quoted($0), true) }
            case "contains_match": return found.value.text.map { matched(".*" + PathShape.quoted($0) + ".*", true) }
            case "present_match":
                guard found.value.truth == true else {
                    found.value.refuse("a route cannot ask for what is not there", "reorder the routes")
                    return nil
                }
                return matched(".*", true)
            default:
                found.value.refuse("ranges of numbers have no counterpart", "write a `safe_regex`")
                return nil
            }
        }
    }

    private var stringMatch: (value: String, isExpression: Bool)? {
        message { fields in
            let ignoresCase = fields.isTrue("ignore_case")
            guard let (name, value) = fields.oneOf("exact", "prefix", "suffix", "contains", "safe_regex", "custom")
            else {
                complain("says nothing to match", "write `exact`, `prefix`, `suffix`, `contains` or `safe_regex`")
                return nil
            }
            if name == "custom" {
                value.refuse("matchers of one's own have no counterpart", "write `safe_regex`")
                return nil
            }
            if name == "safe_regex" { return value.expression.map { ($0, true) } }
            guard let text = value.text else { return nil }
            if name == "exact", !ignoresCase { return (text, false) }
            let quoted = PathShape.quoted(text)
            let flag = ignoresCase ? "(?i)" : ""
            switch name {
            case "prefix": return (flag + quoted + ".*", true)
            case "suffix": return (flag + ".*" + quoted, true)
            case "contains": return (flag + ".*" + quoted + ".*", true)
            default: return (flag + quoted, true)
            }
        }
    }
}
