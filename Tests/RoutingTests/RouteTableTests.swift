// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import HTTPCodec
import MeshModel
import Routing
import Testing

@Suite("The rule for a request")
struct RouteTableTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let target: String
        var host = "api"
        var method = "GET"
        var headers: [(String, String)] = []
        let expected: String

        init(
            _ target: String, host: String = "api", method: String = "GET", headers: [(String, String)] = [],
            _ expected: String
        ) {
            self.target = target
            self.host = host
            self.method = method
            self.headers = headers
            self.expected = expected
        }

        var testDescription: String {
            "\(method) \(host) \(target) \(headers.map { "\($0): \($1)" }) -> \(expected)"
        }
    }

    /// The cases of the Gateway API's conformance test HTTPRouteMatching, and more of the kind.
    @Test(
        "paths, methods, header fields and query parameters",
        arguments: [
            Case("/exact", "default/r/exact"), Case("/exact/", "default/r/root"), Case("/exact/a", "default/r/root"),
            Case("/v2", "default/r/v2"), Case("/v2/", "default/r/v2"), Case("/v2/example", "default/r/v2"),
            Case("/v2example", "default/r/root"), Case("/v", "default/r/root"), Case("/V2", "default/r/root"),
            Case("/v2/long/er", "default/r/longer"), Case("/v2/longer", "default/r/v2"),
            Case("/x12", "default/r/expression"), Case("/x12/", "default/r/root"), Case("/ax12", "default/r/root"),
            Case("/v2/x1", "default/r/v2-expression"),
            Case("/", headers: [("Version", "two")], "default/r/header"),
            Case("/", headers: [("version", "two")], "default/r/header"),
            Case("/", headers: [("version", "Two")], "default/r/root"),
            Case("/", headers: [("version", "two"), ("color", "blue")], "default/r/headers"),
            Case("/", headers: [("list", "a"), ("x", "y"), ("LIST", "b")], "default/r/list"),
            Case("/", headers: [("list", "b"), ("list", "a")], "default/r/root"),
            Case("/", headers: [("twin", "first")], "default/r/twin"),
            Case("/", headers: [("twin", "second")], "default/r/root"),
            Case("/", method: "POST", "default/r/post"), Case("/", method: "post", "default/r/root"),
            Case("/", method: "POST", headers: [("version", "two"), ("color", "blue")], "default/r/post"),
            Case("/v2", method: "POST", "default/r/v2"),
            Case("/?animal=whale", "default/r/whale"), Case("/?x=1&animal=whale&y", "default/r/whale"),
            Case("/?animal=whales", "default/r/root"), Case("/?animal=dolphin&animal=whale", "default/r/root"),
            Case("/?animal=whale&animal=dolphin", "default/r/whale"), Case("/?an%69mal=wh%61le", "default/r/whale"),
            Case("/?animal=whale&color=blue", "default/r/blue-whale"), Case("/?Animal=whale", "default/r/root"),
            Case("/?text=a%20b%2B", "default/r/text"), Case("/?text=a+b%2B", "default/r/root"),
            Case("/?text=%zz%4", "default/r/broken"), Case("/?text=", "default/r/empty"),
            Case("/?text", "default/r/empty"),
            Case("*", method: "OPTIONS", "default/r/root"), Case("", method: "CONNECT", "default/r/root"),
        ])
    func matching(_ item: Case) throws {
        let route = try Routes.route(
            "r",
            [
                Routes.rule([Routes.match(.prefix("/"))], name: "root"),
                Routes.rule([Routes.match(.prefix("/v2/"))], name: "v2"),
                Routes.rule([Routes.match(.prefix("/v2/long"))], name: "longer"),
                Routes.rule([Routes.match(.exact("/exact"))], name: "exact"),
                Routes.rule([Routes.match(.expression("/x[0-9]+"))], name: "expression"),
                Routes.rule([Routes.match(.expression("/v2/x."))], name: "v2-expression"),
                Routes.rule([Routes.match(headers: [("version", "two")])], name: "header"),
                Routes.rule([Routes.match(headers: [("version", "two"), ("color", "blue")])], name: "headers"),
                Routes.rule([Routes.match(headers: [("list", "a, b")])], name: "list"),
                Routes.rule([Routes.match(headers: [("twin", "first"), ("Twin", "second")])], name: "twin"),
                Routes.rule([Routes.match(method: "POST")], name: "post"),
                Routes.rule([Routes.match(query: [("animal", "whale")])], name: "whale"),
                Routes.rule([Routes.match(query: [("animal", "whale"), ("color", "blue")])], name: "blue-whale"),
                Routes.rule([Routes.match(query: [("text", "a b+")])], name: "text"),
                Routes.rule([Routes.match(query: [("text", "%zz%4")])], name: "broken"),
                Routes.rule([Routes.match(query: [("text", "")])], name: "empty"),
            ])
        let request = Routes.request(item.target, host: item.host, method: item.method, headers: item.headers)
        #expect(Routes.verdict(try Routes.table([route]), request) == item.expected)
    }

    @Test(
        "hosts: exact before wildcards, longer ones before shorter ones, then any",
        arguments: [
            Case("/", host: "shop.example", "default/exact[0]"),
            Case("/", host: "SHOP.example:8080", "default/exact[0]"),
            Case("/", host: "shop.example.", "default/exact[0]"), Case("/", host: "a.example", "default/wide[0]"),
            Case("/", host: "a.b.example", "default/wide[0]"), Case("/", host: "a.deep.example", "default/deep[0]"),
            Case("/", host: "deep.example", "default/wide[0]"), Case("/", host: "example", "default/any[0]"),
            Case("/", host: "xexample", "default/any[0]"), Case("/", host: "", "default/any[0]"),
            Case("/", host: "[fd00::1]:80", "default/any[0]"),
            // What the more exact host does not match falls to the next.
            Case("/any", host: "shop.example", "default/any[1]"),
        ])
    func hosts(_ item: Case) throws {
        let root = Routes.rule([Routes.match(.exact("/"))])
        let table = try Routes.table([
            try Routes.route("any", [root, Routes.rule([Routes.match(.exact("/any"))])]),
            try Routes.route("wide", hosts: ["*.example"], [root]),
            try Routes.route("deep", hosts: ["*.deep.example"], [root]),
            try Routes.route("exact", hosts: ["other.example", "shop.example"], [root]),
        ])
        #expect(Routes.verdict(table, Routes.request(item.target, host: item.host)) == item.expected)
    }

    struct Tie: CustomTestStringConvertible, Sendable {
        let testDescription: String
        /// Name and creation of each route, in the order of the file.
        let routes: [(String, Int64?)]
        let first: String

        init(_ name: String, _ routes: [(String, Int64?)], _ first: String) {
            testDescription = name
            self.routes = routes
            self.first = first
        }
    }

    @Test(
        "equal matches: the oldest route, then the first by name, then the first rule",
        arguments: [
            Tie("the oldest", [("a", 200), ("b", 100)], "default/b[0]"),
            Tie("by name", [("b", 100), ("a", 100)], "default/a[0]"),
            Tie("by namespace before the name", [("x/a", 100), ("w/b", 100)], "w/b[0]"),
            Tie("a date before none", [("a", nil), ("b", 100)], "default/b[0]"),
            Tie("none, by their places", [("b", nil), ("a", nil)], "default/b[0]"),
        ])
    func ties(_ tie: Tie) throws {
        let twice = [Routes.rule(), Routes.rule()]
        let table = try Routes.table(tie.routes.map { try Routes.route($0.0, created: $0.1, twice) })
        #expect(Routes.verdict(table, Routes.request("/")) == tie.first)
    }

    @Test("a route is for its service and the port it names", arguments: [(80, "a"), (81, "b"), (82, "no table")])
    func ports(_ port: UInt16, _ expected: String) throws {
        let routes = [
            try Routes.route("a", port: 80, [Routes.rule(name: "a")]),
            try Routes.route("b", port: 81, [Routes.rule(name: "b")]),
        ]
        let verdict = Routes.verdict(try Routes.table(routes, port: port), Routes.request("/"))
        #expect(verdict == (expected == "no table" ? expected : "default/\(expected)/\(expected)"))
        #expect(RouteTable(routes, service: try Routes.name("other"), port: .known(80), filters: []) == nil)
    }

    @Test("nothing matches: routes without a rule for it, or without rules")
    func notFound() throws {
        let route = try Routes.route("r", [Routes.rule([Routes.match(.prefix("/a"))])])
        #expect(Routes.verdict(try Routes.table([route]), Routes.request("/b")) == "none")
        #expect(Routes.verdict(try Routes.table([try Routes.route("r", [])]), Routes.request("/")) == "none")
    }

    @Test("an expression that costs too much refuses only what it decides")
    func tooCostly() throws {
        var match = Routes.match(.prefix("/"))
        match.headers = [
            ValueMatch(name: "x", value: "(a+)+b", isExpression: true), ValueMatch(name: "y", value: "1"),
        ]
        let table = try Routes.table([
            try Routes.route("r", [Routes.rule([match], name: "costly"), Routes.rule(name: "root")])
        ])
        let bomb = ("x", String(repeating: "a", count: 4000) + "cb")
        #expect(Routes.verdict(table, Routes.request("/", headers: [bomb, ("y", "1")])) == "too costly")
        #expect(Routes.verdict(table, Routes.request("/", headers: [bomb, ("y", "2")])) == "default/r/root")
        #expect(Routes.verdict(table, Routes.request("/", headers: [("x", "aab"), ("y", "1")])) == "default/r/costly")
        // One that cannot be compiled decides nothing either.
        let broken = try Routes.table([try Routes.route("r", [Routes.rule([Routes.match(.expression("("))])])])
        #expect(Routes.verdict(broken, Routes.request("/")) == "too costly")
    }

    @Test(
        "what a prefix match has matched",
        arguments: [("/foo", "/foo"), ("/foo/", "/foo"), ("/", "/")])
    func prefix(_ prefix: String, _ expected: String) throws {
        let rule = Routes.rule([Routes.match(.prefix(prefix))])
        #expect(try Routes.only(rule, Routes.request("/foo/bar")).1 == expected)
        let exact = Routes.rule([Routes.match(.exact("/foo/bar"))])
        #expect(try Routes.only(exact, Routes.request("/foo/bar")).1 == nil)
    }
}
