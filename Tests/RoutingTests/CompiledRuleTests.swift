// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import HTTPCodec
import MeshModel
import MeshTesting
import Routing
import Testing

@Suite("What a rule does")
struct CompiledRuleTests {
    private static func backend(_ name: String, weight: Int = 1, filters: [RouteFilter] = []) throws -> RouteBackend {
        RouteBackend(service: try Routes.name(name), port: .known(8080), weight: weight, filters: filters)
    }

    private static func modifier(
        set: [(String, String)] = [], add: [(String, String)] = [], remove: [String] = []
    ) -> RouteFilter.HeaderModifier {
        var modifier = RouteFilter.HeaderModifier()
        modifier.set = set.map { .init(name: $0.0, value: $0.1) }
        modifier.add = add.map { .init(name: $0.0, value: $0.1) }
        modifier.remove = remove
        return modifier
    }

    private static func rewrite(hostname: String? = nil, path: RouteFilter.PathRewrite? = nil) -> RouteFilter {
        var rewrite = RouteFilter.Rewrite()
        rewrite.hostname = hostname
        rewrite.path = path
        return .rewrite(rewrite)
    }

    private static func lines(_ fields: HTTPFields) -> [String] {
        var lines: [String] = []
        fields.forEach { name, value in
            lines.append("\(String(decoding: name, as: UTF8.self)): \(String(decoding: value, as: UTF8.self))")
        }
        return lines
    }

    @Test("backends get their share", arguments: [[70, 30, 0], [1, 1, 1], [0, 0, 1], [999_999, 1, 0]])
    func weights(_ weights: [Int]) throws {
        let seed: UInt64 = 20_261_121
        var random = SeededRandom(seed: seed)
        let backends = try weights.enumerated().map { try Self.backend("b\($0.offset)", weight: $0.element) }
        let (rule, _) = try Routes.only(Routes.rule(backends: backends), Routes.request("/"))
        let draws = 20_000.0
        var counts: [String: Double] = [:]
        for _ in 0..<Int(draws) {
            let chosen = rule.chooseBackend(using: &random)
            counts[chosen?.service.name.text ?? "none", default: 0] += 1
        }
        let total = Double(weights.reduce(0, +))
        for (index, weight) in weights.enumerated() {
            let share = Double(weight) / total
            // Four standard deviations of a binomial distribution.
            let tolerance = 4 * (draws * share * (1 - share)).squareRoot() + 0.5
            #expect(abs((counts["b\(index)"] ?? 0) - draws * share) <= tolerance, "seed \(seed)")
        }
        #expect(counts["none"] == nil)
    }

    @Test("without backends, or without weight, nobody is chosen")
    func nobody() throws {
        var random = SeededRandom(seed: 1)
        for backends in [[], [try Self.backend("a", weight: 0), try Self.backend("b", weight: 0)]] {
            let (rule, _) = try Routes.only(Routes.rule(backends: backends), Routes.request("/"))
            #expect(rule.chooseBackend(using: &random) == nil)
        }
        // Weights that no configuration lets through do not trap.
        let large = [try Self.backend("a", weight: .max), try Self.backend("b", weight: .max)]
        let (rule, _) = try Routes.only(
            Routes.rule(backends: large + [try Self.backend("c", weight: -1)]), Routes.request("/"))
        #expect(rule.chooseBackend(using: &random) != nil)
    }

    struct Heads: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let before: [(String, String)]
        let modifiers: [RouteFilter.HeaderModifier]
        let after: [String]
    }

    /// The cases of the conformance test HTTPRouteRequestHeaderModifier, and the fields that nobody may touch.
    @Test(
        "header fields are set, added and removed",
        arguments: [
            Heads(
                testDescription: "set where there is none", before: [("some", "other")],
                modifiers: [modifier(set: [("x-set", "new")])], after: ["some: other", "x-set: new"]),
            Heads(
                testDescription: "set replaces all of the name", before: [("X-Set", "a"), ("x-set", "b")],
                modifiers: [modifier(set: [("X-SET", "new")])], after: ["x-set: new"]),
            Heads(
                testDescription: "add where there is none", before: [], modifiers: [modifier(add: [("x-add", "new")])],
                after: ["x-add: new"]),
            Heads(
                testDescription: "add keeps what is there", before: [("x-add", "old")],
                modifiers: [modifier(add: [("X-Add", "new")])], after: ["x-add: old", "x-add: new"]),
            Heads(
                testDescription: "remove", before: [("x-remove", "a"), ("keep", "b"), ("X-Remove", "c")],
                modifiers: [modifier(remove: ["x-REMOVE"])], after: ["keep: b"]),
            Heads(
                testDescription: "all three, then another filter", before: [("a", "1"), ("b", "2"), ("c", "3")],
                modifiers: [
                    modifier(set: [("a", "4")], add: [("b", "5")], remove: ["c"]), modifier(set: [("b", "6")]),
                ], after: ["a: 4", "b: 6"]),
            Heads(
                testDescription: "fields of the proxy stay", before: [("x-weft-peer", "me"), ("te", "trailers")],
                modifiers: [
                    modifier(
                        set: [("Connection", "close"), ("x-weft-peer", "you"), ("host", "evil")],
                        add: [("Content-Length", "5"), ("transfer-encoding", "chunked")],
                        remove: ["te", "X-Weft-Peer"])
                ], after: ["x-weft-peer: me", "te: trailers"]),
        ])
    func heads(_ item: Heads) throws {
        var request = Routes.request("/", headers: item.before)
        let (rule, prefix) = try Routes.only(
            Routes.rule(filters: item.modifiers.map { .requestHeaders($0) }), request)
        rule.apply(to: &request, backend: nil, matchedPrefix: prefix)
        #expect(Self.lines(request.fields) == item.after)
        #expect(request.authority == "api")

        var response = HTTPResponse(status: 200)
        for (name, value) in item.before { response.fields.add(name, value) }
        rule.apply(to: &response, backend: nil)
        #expect(Self.lines(response.fields).count == item.before.count, "a request's modifier is not the response's")
        let (other, _) = try Routes.only(Routes.rule(filters: item.modifiers.map { .responseHeaders($0) }), request)
        other.apply(to: &response, backend: nil)
        #expect(Self.lines(response.fields) == item.after)
    }

    @Test("the rule's filters act first, then those of the backend that was chosen")
    func backendFilters() throws {
        let backend = try Self.backend(
            "b",
            filters: [
                .requestHeaders(Self.modifier(set: [("who", "backend"), ("te", "x")])),
                Self.rewrite(path: .prefix("/b")), .responseHeaders(Self.modifier(add: [("via", "backend")])),
            ])
        let rule = Routes.rule(
            [Routes.match(.prefix("/a"))],
            filters: [
                .requestHeaders(Self.modifier(set: [("who", "rule")])),
                Self.rewrite(hostname: "h", path: .prefix("/r")),
                .responseHeaders(Self.modifier(add: [("via", "rule")])),
            ], backends: [backend])
        var request = Routes.request("/a/x?q=/a")
        let (compiled, prefix) = try Routes.only(rule, request)
        var random = SeededRandom(seed: 1)
        let chosen = compiled.chooseBackend(using: &random)
        var alone = request
        compiled.apply(to: &alone, backend: nil, matchedPrefix: prefix)
        #expect(alone.target == "/r/x?q=/a" && alone.fields.first("who") == "rule")
        compiled.apply(to: &request, backend: chosen, matchedPrefix: prefix)
        #expect(request.target == "/b/x?q=/a" && request.authority == "h")
        #expect(Self.lines(request.fields) == ["who: backend"])
        var response = HTTPResponse(status: 200)
        compiled.apply(to: &response, backend: chosen)
        #expect(response.fields.values("via") == ["rule", "backend"])
    }

    struct Path: CustomTestStringConvertible, Sendable {
        let target: String
        let prefix: String
        let rewrite: RouteFilter.PathRewrite
        let expected: String

        init(_ target: String, _ prefix: String, by replacement: String, _ expected: String) {
            self.init(target, prefix, .prefix(replacement), expected)
        }

        init(_ target: String, _ prefix: String, _ rewrite: RouteFilter.PathRewrite, _ expected: String) {
            self.target = target
            self.prefix = prefix
            self.rewrite = rewrite
            self.expected = expected
        }

        var testDescription: String { "\(target), \(prefix) by \(rewrite) -> \(expected)" }
    }

    /// The first eleven are the table at HTTPPathModifier.replacePrefixMatch of the Gateway API.
    @Test(
        "paths are rewritten",
        arguments: [
            Path("/foo/bar", "/foo", by: "/xyz", "/xyz/bar"), Path("/foo/bar", "/foo", by: "/xyz/", "/xyz/bar"),
            Path("/foo/bar", "/foo/", by: "/xyz", "/xyz/bar"), Path("/foo/bar", "/foo/", by: "/xyz/", "/xyz/bar"),
            Path("/foo", "/foo", by: "/xyz", "/xyz"), Path("/foo/", "/foo", by: "/xyz", "/xyz/"),
            Path("/foo/bar", "/foo", by: "", "/bar"), Path("/foo/", "/foo", by: "", "/"),
            Path("/foo", "/foo", by: "", "/"), Path("/foo/", "/foo", by: "/", "/"), Path("/foo", "/foo", by: "/", "/"),
            Path("/", "/", by: "/xyz", "/xyz/"), Path("/bar", "/", by: "/xyz", "/xyz/bar"),
            Path("/foo?foo=/foo", "/foo", by: "/xyz", "/xyz?foo=/foo"), Path("/foo/foo", "/foo", by: "/x", "/x/foo"),
            Path("/foo/bar?a?b", "/foo", .whole("/one"), "/one?a?b"), Path("/", "/", .whole("/one"), "/one"),
            Path("*", "/", .whole("/one"), "*"), Path("", "/", by: "/xyz", ""),
        ])
    func paths(_ item: Path) throws {
        var request = Routes.request(item.target)
        let rule = Routes.rule([Routes.match(.prefix(item.prefix))], filters: [Self.rewrite(path: item.rewrite)])
        let (compiled, prefix) = try Routes.only(rule, request)
        compiled.apply(to: &request, backend: nil, matchedPrefix: prefix)
        #expect(request.target == item.expected)
    }

    @Test("faults, rate limits and mirrors are found; a filter that is not there is told")
    func resources() throws {
        let fault = FilterResource.Fault(
            delay: nil, abort: .init(status: 503, share: 50), until: WallTime(seconds: 1))
        let limit = FilterResource.RateLimit(requests: 1, interval: .seconds(1), burst: 1, isPerCaller: false)
        let filters = [
            FilterResource(reference: try Routes.name("fault"), action: .fault(fault)),
            FilterResource(reference: try Routes.name("limit"), action: .rateLimit(limit)),
        ]
        let mirror = RouteFilter.Mirror(backend: try Self.backend("m"), numerator: 1, denominator: 3)
        let full = Routes.rule(
            filters: [
                .mirror(mirror), .resource(try Routes.name("fault")), .resource(try Routes.name("limit")),
                .mirror(mirror),
            ])
        let missing = Routes.rule([Routes.match(.exact("/x"))], filters: [.resource(try Routes.name("other/fault"))])
        let table = try Routes.table([try Routes.route("r", [full, missing])], filters: filters)
        guard case .matched(let rule, _) = table?.match(Routes.request("/"), path: "/"),
            case .matched(let other, _) = table?.match(Routes.request("/x"), path: "/x")
        else {
            Issue.record("There is a rule for each.")
            return
        }
        #expect(rule.fault == fault && rule.rateLimit == limit && rule.mirrors == [mirror, mirror])
        #expect(!rule.hasMissingFilter && other.hasMissingFilter && other.fault == nil)
        #expect(rule.name == "0" && rule.label == "default/r[0]" && other.label == "default/r[1]")
    }
}
