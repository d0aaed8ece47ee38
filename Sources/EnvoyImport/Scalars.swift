// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel
internal import ResourceDocuments

/// Scalars as Envoy's files write them.
extension EnvoyValue {
    /// The text of a scalar, quoted or not.
    var text: String? {
        if case .scalar(let text, _) = node.content { return text }
        report.error(.wrongType, path, node.mark, "\(node.shape) stands where a word belongs")
        return nil
    }

    func scalar<Result>(_ expected: String, _ convert: (String) -> Result?) -> Result? {
        guard let text else { return nil }
        if let result = convert(text) { return result }
        complain("`\(text.prefix(80))` is not \(expected)")
        return nil
    }

    var truth: Bool? {
        scalar("true or false") { text in
            switch text.lowercased() {
            case "true": true
            case "false": false
            default: nil
            }
        }
    }

    /// Numbers may be quoted, as proto JSON has it, and may have a fraction of nothing, as templates write them.
    func integer(_ range: ClosedRange<Int>) -> Int? {
        scalar("a whole number from \(range.lowerBound) to \(range.upperBound)") { text in
            let digits = text.hasSuffix(".0") ? text.dropLast(2) : text[...]
            return Decimal.parse(digits.utf8, atMost: UInt64(range.upperBound)).map(Int.init).flatMap { number in
                range.contains(number) ? number : nil
            }
        }
    }

    /// A limit; what is beyond the largest that a Service knows is as good as that.
    func limit(from lower: Int, most: Int = 1_000_000) -> Int? {
        integer(0...Int(UInt32.max)).flatMap { number in
            guard number >= lower else {
                refuse("\(number) is less than \(lower), the least there is")
                return nil
            }
            return min(number, most)
        }
    }

    var port: Port? { scalar("a port, 1 to 65535") { Port($0) } }

    /// `0.25s`, `10s`: seconds with a fraction. Weft counts in milliseconds; less becomes one.
    var duration: Duration? {
        scalar("a duration such as 5s or 0.25s") { text in
            guard text.hasSuffix("s") else { return nil }
            let parts = text.dropLast().split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
            guard let first = parts.first, let seconds = Decimal.parse(first.utf8, atMost: 300_000_000) else {
                return nil
            }
            var nanoseconds: UInt64 = 0
            if parts.count == 2 {
                let digits = Array(parts[1].utf8)
                let isNumber = digits.allSatisfy { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
                guard (1...9).contains(digits.count), isNumber else { return nil }
                // Nine digits, so that nothing can overflow.
                nanoseconds = digits.reduce(0) { $0 * 10 + UInt64($1 - UInt8(ascii: "0")) }
                for _ in digits.count..<9 { nanoseconds *= 10 }
            }
            let milliseconds = (nanoseconds + 999_999) / 1_000_000
            return .milliseconds(Int64(seconds) * 1000 + Int64(milliseconds))
        }
    }

    /// A duration that Weft takes only within a range.
    func duration(_ range: ClosedRange<Duration>) -> Duration? {
        guard let duration else { return nil }
        guard range.contains(duration) else {
            refuse(
                "\(DurationText.text(duration)) is out of range",
                "it goes from \(DurationText.text(range.lowerBound)) to \(DurationText.text(range.upperBound))")
            return nil
        }
        return duration
    }

    /// One of the words of an enum, in any case; in upper case. Their numbers are proto JSON, too.
    func word(_ words: [String]) -> String? {
        guard let text else { return nil }
        let upper = text.uppercased()
        if words.contains(upper) { return upper }
        if let number = Decimal.parse(text.utf8, atMost: 99), words.indices.contains(Int(number)) {
            return words[Int(number)]
        }
        let nearest = Spelling.nearest(to: upper, among: words).map { "did you mean `\($0)`?" }
        complain("`\(text.prefix(80))` is none of \(words.joined(separator: ", "))", nearest)
        return nil
    }

    /// `{value: 12.5}`; Weft counts in whole percents.
    var percent: Int? {
        message { fields in
            fields.require("value")?.scalar("a whole number from 0 to 100") { text in
                Double(text).flatMap { (0...100).contains($0) && $0.rounded() == $0 ? Int($0) : nil }
            }
        }
    }

    /// `{default_value: {numerator: 5, denominator: HUNDRED}}`, or what is in it.
    var fraction: (numerator: Int, denominator: Int)? {
        message { fields in
            fields.ignore("runtime_key")
            if let value = fields.value("default_value") { return value.fraction }
            let numerator = fields.value("numerator")?.integer(0...1_000_000) ?? 0
            let word = fields.value("denominator")?.word(["HUNDRED", "TEN_THOUSAND", "MILLION"]) ?? "HUNDRED"
            let denominator = word == "HUNDRED" ? 100 : word == "MILLION" ? 1_000_000 : 10_000
            return (min(numerator, denominator), denominator)
        }
    }
}

/// What `typed_config` holds, told by its `@type` or else by the extension's name.
struct Extension {
    /// The last word of the type, `HttpConnectionManager`, or the name, `envoy.filters.http.router`, without it.
    let kind: String
    let config: EnvoyValue
    let value: EnvoyValue

    /// The names by which extensions go whose `typed_config` does not say, and which messages they mean.
    private static let kinds: [String: String] = [
        "envoy.filters.network.http_connection_manager": "HttpConnectionManager",
        "envoy.http_connection_manager": "HttpConnectionManager",
        "envoy.filters.network.tcp_proxy": "TcpProxy", "envoy.tcp_proxy": "TcpProxy",
        "envoy.filters.http.router": "Router", "envoy.router": "Router",
        "envoy.filters.listener.tls_inspector": "TlsInspector", "envoy.listener.tls_inspector": "TlsInspector",
        "envoy.filters.listener.http_inspector": "HttpInspector",
        "envoy.transport_sockets.tls": "Tls", "tls": "Tls",
        "envoy.transport_sockets.raw_buffer": "RawBuffer", "raw_buffer": "RawBuffer",
        "envoy.extensions.upstreams.http.v3.httpprotocoloptions": "HttpProtocolOptions",
        "envoy.load_balancing_policies.round_robin": "RoundRobin",
        "envoy.load_balancing_policies.least_request": "LeastRequest",
        "envoy.load_balancing_policies.random": "Random",
        "envoy.load_balancing_policies.ring_hash": "RingHash",
        "envoy.load_balancing_policies.maglev": "Maglev",
        "envoy.clusters.strict_dns": "STRICT_DNS", "envoy.cluster.strict_dns": "STRICT_DNS",
        "envoy.clusters.logical_dns": "LOGICAL_DNS", "envoy.cluster.logical_dns": "LOGICAL_DNS",
        "envoy.clusters.static": "STATIC", "envoy.cluster.static": "STATIC",
    ]

    static func kind(named name: String) -> String { kinds[name.lowercased()] ?? name }
}

extension EnvoyValue {
    /// A filter, transport socket or the like; nil, and said so, where nobody can tell what it is.
    var extensionConfig: Extension? {
        message { fields in
            let name = fields.text("name")
            fields.ignore("hidden_envoy_deprecated_config")
            fields.refuse("config_discovery", because: "is given by a server", "write it into this file")
            if let old = fields.presence("config") {
                old.refuse("is the form of Envoy's API v2", "write `typed_config` with the `@type` of v3")
                return nil
            }
            if fields.isTrue("disabled") {
                fields.owner.note("is switched off")
                return nil
            }
            fields.ignore("is_optional")
            let config = fields.value("typed_config")
            let absent = EnvoyValue(node: .emptyMapping(node.mark), path: "\(path).typed_config", report: report)
            let type = config?.typeName
            if let type, type.isOld {
                config?.refuse(
                    "`@type` is one of Envoy's API v2 (`\(type.full)`)", "write the one of v3, and what it holds")
                return nil
            }
            guard let kind = type?.last ?? name.map(Extension.kind(named:)) else {
                complain("has neither a `name` nor a `typed_config` with `@type`", "give one of them")
                return nil
            }
            return Extension(kind: kind, config: config ?? absent, value: self)
        }
    }

    /// The `@type` of a message.
    var typeName: (full: String, last: String, isOld: Bool)? {
        guard case .mapping(let fields) = node.content, let field = fields.first(where: { $0.name == "@type" }),
            case .scalar(let text, _) = field.value.content,
            let full = text.split(separator: "/").last.map(String.init),
            let last = full.split(separator: ".").last.map(String.init)
        else { return nil }
        let isOld = [".v2.", ".v2alpha", ".api.v2", "envoy.config.filter.http.", "envoy.config.filter.network."]
            .contains { full.contains($0) }
        return (full, last, isOld)
    }
}
