// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import MeshTesting
import Testing

@testable import EnvoyImport
@testable import Patterns
@testable import ResourceDocuments

/// The first route that matches counts in Envoy, the most specific one in Weft.
@Suite("The order of routes")
struct OrderTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let matches: [String]
        /// Nil: all is well; else the index of the route at which the error is, and a part of it.
        let error: (index: Int, says: String)?

        init(_ matches: String..., error: (Int, String)? = nil) {
            self.matches = matches
            self.error = error
        }

        var testDescription: String { matches.joined(separator: " then ") }
    }

    @Test(
        "what would be decided otherwise is mended or told",
        arguments: [
            Case("prefix: /api", "prefix: /"),
            Case("prefix: /api/v1", "prefix: /api", "path: /", "prefix: /"),
            Case("prefix: /", "prefix: /api", error: (1, "Envoy never asks this route")),
            Case("prefix: /a", "path: /a/b", error: (1, "Envoy never asks this route")),
            Case("prefix: /a", "path: /b", "prefix: /c"),
            Case("prefix: /, headers: [{name: x, exact_match: a}]", "prefix: /api", "prefix: /"),
            Case("safe_regex: {regex: '/a.c'}", "safe_regex: {regex: '/ab[cd]+'}"),
            Case("safe_regex: {regex: '/a.c'}", "prefix: /abcd"),
            Case("safe_regex: {regex: '/a.c'}", "path: /abc", error: (1, "Envoy never asks this route")),
            Case("path_separated_prefix: /a", "safe_regex: {regex: '/.*/b'}", error: (1, "some requests fit both")),
            Case("path_separated_prefix: /a", "safe_regex: {regex: '/b/.*'}"),
        ])
    func cases(_ order: Case) throws {
        let routes = order.matches.enumerated().map { index, match in
            "{match: {\(match)}, route: {cluster: \(index % 2 == 0 ? "a" : "b")}}"
        }
        let imported = try imported(Bootstraps.routes("[\(routes.joined(separator: ", "))]"))
        guard let error = order.error else {
            #expect(imported.errors.isEmpty, "\(imported.errorText)")
            return
        }
        #expect(imported.errors.count == 1, "\(imported.errorText)")
        #expect(imported.errors.first?.place?.contains("routes[\(error.index)] (") == true)
        #expect(imported.errorText.contains(error.says) && imported.errorText.contains("routes[0]"))
    }

    @Test("routes that do the same may stand in any order")
    func same() throws {
        let routes = "[{match: {prefix: /}, route: {cluster: a}}, {match: {prefix: /b}, route: {cluster: a}}]"
        #expect(try imported(Bootstraps.routes(routes)).errors.isEmpty)
    }

    private static func pick<Element>(_ all: [Element], _ random: inout SeededRandom) -> Element {
        all[Int(random.next() % UInt64(all.count))]
    }

    private static func match(_ random: inout SeededRandom) -> EnvoyMatch {
        let texts = ["/a", "/a/", "/a/b", "/ab", "/a/b/c", "/b"]
        let expressions = ["/a/.*", "/[ab]", "/a.*", ".*b", "/a/[bc]+", "/.*/b"]
        let path: PathShape =
            switch random.next() % 6 {
            case 0: .prefix("/")
            case 1, 2: .prefix(pick(texts, &random))
            case 3: .exact(pick(texts, &random))
            case 4: .segments(pick(["/a", "/a/b", "/b"], &random))
            default: .expression(pick(expressions, &random))
            }
        var match = EnvoyMatch(path: path)
        if random.next() % 4 == 0 { match.method = pick(["GET", "POST"], &random) }
        for name in ["x", "y"] where random.next() % 3 == 0 {
            let isExpression = random.next() % 3 == 0
            match.headers.append(
                .init(name: name, value: isExpression ? "[12]" : pick(["1", "2"], &random), isExpression: isExpression))
        }
        return match
    }

    private struct Request {
        let path: String
        let method: String
        let headers: [String: String]

        func fits(_ method: String?, _ conditions: [EnvoyMatch.Condition]) -> Bool {
            (method ?? self.method) == self.method
                && conditions.allSatisfy { condition in
                    guard let value = headers[condition.name] else { return false }
                    return condition.isExpression ? "12".contains(value) : value == condition.value
                }
        }

        /// As Envoy has it.
        func fits(_ match: EnvoyMatch) throws -> Bool {
            let fitsPath =
                switch match.path {
                case .exact(let text): path == text
                case .prefix(let text): path.hasPrefix(text)
                case .segments(let text): path == text || path.hasPrefix(text + "/")
                case .expression(let text): try Pattern(text).judge(path) == .match
                }
            return fitsPath && fits(match.method, match.headers)
        }

        /// As Weft has it, from what is written.
        func fits(_ placed: RouteOrder.Placed) throws -> Bool {
            let (type, value) = placed.path.written
            let fitsPath =
                switch type {
                case "Exact": path == value
                case "PathPrefix": value == "/" || path == value || path.hasPrefix(value + "/")
                default: try Pattern(value).judge(path) == .match
                }
            return fitsPath && fits(placed.method, placed.headers)
        }
    }

    @Test("where nothing is complained of, every request finds the same route", arguments: [UInt64](1...40))
    func property(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var compared = 0
        for _ in 0..<40 {
            let report = Report(file: "envoy.yaml")
            let node = Node(content: .mapping([]), mark: Mark(line: 1, column: 1))
            let routes = (0..<(2 + Int(random.next() % 4))).map { index in
                var rule = YAMLFields()
                rule.add("number", index)
                return EnvoyRoute(
                    value: EnvoyValue(node: node, path: "routes[\(index)]", report: report), name: nil,
                    match: Self.match(&random), rule: rule, replacesPrefix: random.next() % 8 == 0, doublingSlash: nil)
            }
            let order = RouteOrder(routes)
            guard report.errors.isEmpty else { continue }
            compared += 1
            for path in ["/", "/a", "/a/", "/a/b", "/ab", "/abc", "/a/bc", "/a/b/c", "/b", "/b/a", "/c/b", "/a/b/b"] {
                for method in ["GET", "POST"] {
                    for headers in [[:], ["x": "1"], ["y": "2"], ["x": "2", "y": "1"], ["x": "1", "y": "2"]] {
                        let request = Request(path: path, method: method, headers: headers)
                        let envoy = try routes.firstIndex { try request.fits($0.match) }
                        let weft = try order.matches.filter { try request.fits($0) }.min { $0.isAsked(before: $1) }
                        #expect(
                            envoy == weft?.route, "seed \(seed): \(path) \(method) \(headers) \(routes.map(\.match))")
                    }
                }
            }
        }
        #expect(compared > 5)
    }
}
