// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel
internal import ResourceDocuments

/// A route of a virtual host, ready to be put in order.
struct EnvoyRoute {
    let value: EnvoyValue
    let name: String?
    var match: EnvoyMatch
    /// `filters`, `backendRefs`, `timeouts` and `retry` of the rule.
    let rule: YAMLFields
    /// Its rule needs exactly one match, by PathPrefix.
    let replacesPrefix: Bool
    /// `prefix_rewrite`, where Envoy would double a slash.
    let doublingSlash: EnvoyValue?

    /// The same for two routes that do the same.
    var action: String { YAMLText.document(rule.all) }
}

/// What holds for all routes of a virtual host, unless they say otherwise.
struct RouteDefaults {
    var requestHeaders: [HeaderChange] = []
    var responseHeaders: [HeaderChange] = []
    /// What `retry_policy` of the virtual host says.
    var retry: EnvoyValue?
    var mirrors: [EnvoyValue] = []
}

extension EnvoyValue {
    /// A route; nil where it cannot be carried over, which has been said.
    func route(_ defaults: RouteDefaults, _ importer: Importer) -> EnvoyRoute? {
        message { fields in
            let match = fields.require("match")?.routeMatch
            let name = fields.text("name").flatMap { $0.isEmpty ? nil : $0 }
            fields.ignore("metadata", "decorator", "stat_prefix")
            fields.note(
                "tracing", "per_request_buffer_limit_bytes", "request_body_buffer_limit", because: "is left out")
            fields.refusePerFilter()
            // Envoy makes the changes of the route first, then those of the host, then those of the table.
            var level = RouteDefaults()
            level.requestHeaders = fields.headerChanges("request") + defaults.requestHeaders
            level.responseHeaders = fields.headerChanges("response") + defaults.responseHeaders
            level.retry = defaults.retry
            level.mirrors = defaults.mirrors
            let action = fields.oneOf(
                "route", "redirect", "direct_response", "filter_action", "non_forwarding_action")
            guard let action else {
                complain("does nothing", "write `route: {cluster: NAME}` or a `redirect`")
                return nil
            }
            var builder = RuleBuilder(path: match?.path ?? .prefix("/"), importer: importer)
            switch action.name {
            case "route": action.value.forward(level, &builder)
            case "redirect": action.value.redirect(&builder)
            case "direct_response":
                action.value.refuse(
                    "Weft makes no answers of its own", "let a backend answer; what no route matches is answered by 404"
                )
            default: action.value.refuse("only makes sense with filters of Envoy", "remove the route")
            }
            builder.changeHeaders(level)
            guard let match else { return nil }
            return EnvoyRoute(
                value: self, name: name, match: match, rule: builder.rule, replacesPrefix: builder.replacesPrefix,
                doublingSlash: builder.doublingSlash)
        }
    }
}

extension EnvoyFields {
    /// `typed_per_filter_config`, wherever it stands.
    mutating func refusePerFilter() {
        refuse(
            "typed_per_filter_config", because: "is for a filter that is not carried over",
            "say it in Weft's own words: docs/filter.md, docs/policy.md")
        refuse("per_filter_config", because: "is the form of Envoy's API v2", "remove it")
    }
}

/// Gathers a rule.
struct RuleBuilder {
    let path: PathShape
    let importer: Importer
    var filters: [YAMLText] = []
    var backends: [YAMLText] = []
    var timeouts = YAMLFields()
    var retry: YAMLFields?
    /// `urlRewrite` or the path of a redirect uses ReplacePrefixMatch.
    var replacesPrefix = false
    var doublingSlash: EnvoyValue?
    var isRedirect = false
    /// Header fields that backends change.
    var changedByBackends: [(names: Set<String>, value: EnvoyValue)] = []

    var rule: YAMLFields {
        var rule = YAMLFields()
        rule.add("filters", filters)
        rule.add("backendRefs", backends)
        rule.add("timeouts", timeouts)
        if let retry { rule.add("retry", .mapping(retry.all)) }
        return rule
    }

    mutating func changeHeaders(_ level: RouteDefaults) {
        // A redirect is Weft's own answer; only changes of the answer could matter, and none is made there.
        let request = HeaderModification(isRedirect ? [] : level.requestHeaders)
        let response = HeaderModification(level.responseHeaders)
        let changed = request.names.union(response.names)
        for backend in changedByBackends where !backend.names.isDisjoint(with: changed) {
            backend.value.refuse(
                "changes a header field that the route or the virtual host changes too",
                "change it in one of the places")
        }
        var all = [
            request.filter("RequestHeaderModifier", "requestHeaderModifier"),
            response.filter("ResponseHeaderModifier", "responseHeaderModifier"),
        ].compactMap(\.self)
        all += filters
        filters = all
    }

    /// What takes the place of a path, `prefix_rewrite`, in a rewrite or a redirect.
    mutating func pathReplacement(_ value: EnvoyValue) -> YAMLText? {
        guard let rewrite = value.text else { return nil }
        if rewrite.isEmpty { return nil }
        guard value.isPath(rewrite) else { return nil }
        let trimmed = rewrite == "/" ? "/" : rewrite.hasSuffix("/") ? String(rewrite.dropLast()) : rewrite
        switch path {
        case .exact, .expression:
            // Envoy replaces what has matched, which is the whole path.
            return .mapping([("type", "ReplaceFullPath"), ("replaceFullPath", .word(rewrite))])
        case .prefix(let prefix), .segments(let prefix):
            if prefix.hasSuffix("/"), !rewrite.hasSuffix("/") {
                value.refuse(
                    "Envoy makes `\(rewrite)x` of `\(prefix)x`, and here a prefix goes by whole segments",
                    "write `\(rewrite)/`, if that is meant")
                return nil
            }
            if prefix == "/", rewrite == "/" { return nil }
            if !prefix.hasSuffix("/"), rewrite.hasSuffix("/") { doublingSlash = value }
            replacesPrefix = true
            return .mapping([("type", "ReplacePrefixMatch"), ("replacePrefixMatch", .word(trimmed))])
        }
    }

    /// `regex_rewrite` where it does what `prefix_rewrite` does: `^/api/(.*)$` with `/\1`; or where it replaces all.
    mutating func expressionReplacement(_ value: EnvoyValue) -> YAMLText? {
        let remedy = "use `prefix_rewrite`"
        let found: (pattern: String, substitution: EnvoyValue)? = value.message { fields in
            let pattern = fields.require("pattern")?.expression
            let substitution = fields.require("substitution")
            guard let pattern, let substitution else { return nil }
            return (pattern, substitution)
        }
        guard let found, let text = found.substitution.text else { return nil }
        var pattern = found.pattern[...]
        let isAnchored = pattern.hasPrefix("^")
        if isAnchored { pattern = pattern.dropFirst() }
        if pattern.hasSuffix("$") { pattern = pattern.dropLast() }
        if pattern.hasSuffix("(.*)"), text.hasSuffix("\\1"), !text.dropLast(2).contains("\\") {
            let prefix = Self.literal(pattern.dropLast(4))
            switch path {
            case .prefix(let own) where own == prefix, .segments(let own) where own == prefix:
                return pathReplacement(found.substitution.replacing(String(text.dropLast(2))))
            default: break
            }
        } else if isAnchored, !text.contains("\\"), pattern == "/.*" || pattern == ".*" {
            guard found.substitution.isPath(text) else { return nil }
            return .mapping([("type", "ReplaceFullPath"), ("replaceFullPath", .word(text))])
        } else if isAnchored, !text.contains("\\"), !found.pattern.hasSuffix("$"), let prefix = Self.literal(pattern) {
            switch path {
            case .prefix(let own) where own == prefix, .segments(let own) where own == prefix:
                return pathReplacement(found.substitution)
            default: break
            }
        }
        value.refuse(
            "paths are rewritten as a whole or by their prefix, which must be that of the match; this does something else",
            remedy)
        return nil
    }

    /// The text that an expression matches, if that is one only.
    private static func literal(_ pattern: Substring) -> String? {
        var text = ""
        var rest = pattern
        while let character = rest.popFirst() {
            if character == "\\" {
                guard let next = rest.popFirst(), !next.isLetter, !next.isNumber else { return nil }
                text.append(next)
            } else if "^$.?*+()[]{}|".contains(character) {
                return nil
            } else {
                text.append(character)
            }
        }
        return text
    }
}

extension EnvoyValue {
    fileprivate func replacing(_ text: String) -> EnvoyValue {
        EnvoyValue(node: Node(content: .scalar(text, isPlain: false), mark: node.mark), path: path, report: report)
    }

    /// `redirect`.
    fileprivate func redirect(_ builder: inout RuleBuilder) {
        builder.isRedirect = true
        var redirect = YAMLFields()
        var next = builder
        _ = message { fields -> Void? in
            if fields.isTrue("https_redirect") {
                redirect.add("scheme", "https")
            } else if let scheme = fields.value("scheme_redirect") {
                redirect.add(
                    "scheme",
                    scheme.scalar("`http` or `https`") {
                        ["http", "https"].contains($0.lowercased()) ? $0.lowercased() : nil
                    })
            }
            let host = fields.value("host_redirect")?.hostAndPort
            redirect.add("hostname", host?.name)
            if let path = fields.value("path_redirect"), let text = path.text, path.isPath(text) {
                redirect.add("path", .mapping([("type", "ReplaceFullPath"), ("replaceFullPath", .word(text))]))
            } else if let prefix = fields.value("prefix_rewrite") {
                redirect.add("path", next.pathReplacement(prefix))
            } else if let expression = fields.value("regex_rewrite") {
                redirect.add("path", next.expressionReplacement(expression))
            }
            let port = fields.value("port_redirect")?.port ?? host?.port
            redirect.add("port", port.map { Int($0.number) })
            let words = [
                "MOVED_PERMANENTLY", "FOUND", "SEE_OTHER", "TEMPORARY_REDIRECT", "PERMANENT_REDIRECT",
            ]
            let word = fields.value("response_code")?.word(words) ?? words[0]
            let codes = [301, 302, 303, 307, 308]
            redirect.add("statusCode", zip(words, codes).first { $0.0 == word }?.1)
            fields.refuseTrue(
                "strip_query", because: "a redirect keeps the query", "remove it, or let a backend redirect")
            return ()
        }
        builder = next
        builder.filters.append(.mapping([("type", "RequestRedirect"), ("requestRedirect", .mapping(redirect.all))]))
    }

    /// `shop.example` or `shop.example:8443`.
    private var hostAndPort: (name: String, port: Port?)? {
        guard let text else { return nil }
        let parts = text.lowercased().split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let port = parts.count == 2 ? Port(parts[1]) : nil
        guard let host = parts.first, let name = ResourceName(host), IPAddress(host) == nil,
            parts.count == 1 || port != nil
        else {
            refuse(
                "`\(text.prefix(80))` is not a host such as shop.example", "name a host; addresses are not taken here")
            return nil
        }
        return (name.text, port)
    }

    /// The host of a rewrite.
    var rewrittenHost: String? {
        guard let host = hostAndPort else { return nil }
        guard host.port == nil else {
            refuse("a rewritten host has no port", "write it without the port")
            return nil
        }
        return host.name
    }
}
