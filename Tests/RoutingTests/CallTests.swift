// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import HTTPCodec
import MeshModel
import Testing

@testable import Routing

@Suite("Calls of gRPC")
struct CallTests {
    private static func match(_ call: CallMatch, headers: [(String, String)] = []) -> RouteMatch {
        var match = Routes.match(headers: headers)
        match.call = call
        return match
    }

    private static func route(
        _ name: String, hosts: [String] = [], created: Int64? = nil, _ rules: [RouteRule]
    ) throws -> Route {
        let route = try Routes.route(name, hosts: hosts, created: created, rules)
        return Route(
            kind: .grpc, reference: route.reference, createdAt: route.createdAt, parents: route.parents,
            hostnames: route.hostnames, rules: rules)
    }

    @Test(
        "service, then method, then header fields",
        arguments: [
            ("/shop.v1.Cart/Add", [:], "both"), ("/shop.v1.Cart/Remove", [:], "service"),
            ("/shop.v1.Cart/List", [:], "service-expression-method"), ("/shop.v1.Other/Add", [:], "expression"),
            ("/shop.v1.Long/Add", [:], "long-expression"), ("/bank.Cart/Add", [:], "method"),
            ("/bank.Cart/Pay", [:], "any"), ("/bank.Cart/Pay", ["x-a": "1"], "header"),
            ("/shop.v1.Cart/Add", ["x-a": "1"], "both-header"), ("/shop.v1.cart/Add", [:], "expression"),
            ("/Add", [:], "any"), ("//Add", [:], "any"), ("/a/b/Add", [:], "any"), ("/xshop.v1.Cart/Get", [:], "any"),
            ("/shop.v1.CartX/Get", [:], "expression"), ("/bank.Cart/Get1", [:], "method-expression"),
        ] as [(String, [String: String], String)])
    func precedence(_ path: String, _ headers: [String: String], _ expected: String) throws {
        let (cart, expression) = ("shop.v1.Cart", "shop\\.v1\\..*")
        let rules: [(String, CallMatch, [(String, String)])] = [
            ("any", CallMatch(), []), ("header", CallMatch(), [("x-a", "1")]),
            ("method", CallMatch(method: "Add"), []),
            ("method-expression", CallMatch(method: "Get[0-9]", isExpression: true), []),
            ("expression", CallMatch(service: expression, isExpression: true), []),
            ("long-expression", CallMatch(service: "shop\\.v1\\.Long.*", isExpression: true), []),
            ("service", CallMatch(service: cart), []), ("both", CallMatch(service: cart, method: "Add"), []),
            ("both-header", CallMatch(service: cart, method: "Add"), [("x-a", "1")]),
            (
                "service-expression-method",
                CallMatch(service: "shop\\.v1\\.Car(t|p)", method: "L.*", isExpression: true), []
            ),
        ]
        var all = rules.map { name, call, headers in Routes.rule([Self.match(call, headers: headers)], name: name) }
        // The named service goes before any expression.
        if expected == "service-expression-method" { all.removeAll { $0.name == "service" } }
        let table = try Routes.table([try Self.route("r", all)])
        let request = Routes.request(path, method: "POST", headers: headers.map { ($0.key, $0.value) })
        #expect(Routes.verdict(table, request) == "default/r/\(expected)")
    }

    @Test("only a POST is a call", arguments: [("POST", "default/r[0]"), ("GET", "none"), ("post", "none")])
    func methods(_ method: String, _ expected: String) throws {
        let table = try Routes.table([try Self.route("r", [Routes.rule([Self.match(CallMatch())])])])
        #expect(Routes.verdict(table, Routes.request("/a.B/C", method: method)) == expected)
    }

    @Test("the rule says that it is a GRPCRoute's")
    func kinds() throws {
        let table = try Routes.table([try Self.route("r", [Routes.rule([Self.match(CallMatch())])])])
        guard case .matched(let rule, _) = table?.match(Routes.request("/a/b", method: "POST"), path: "/a/b") else {
            Issue.record("There is a rule for every call.")
            return
        }
        #expect(rule.kind == .grpc)
    }

    struct Mix: CustomTestStringConvertible, Sendable {
        let testDescription: String
        /// Hosts and creation of the HTTPRoute `h` and the GRPCRoute `g`; `h` stands first.
        let http: ([String], Int64?)
        let grpc: ([String], Int64?)
        let displaced: [String]

        init(_ name: String, _ http: ([String], Int64?), _ grpc: ([String], Int64?), _ displaced: [String]) {
            (testDescription, self.http, self.grpc, self.displaced) = (name, http, grpc, displaced)
        }
    }

    @Test(
        "an HTTPRoute and a GRPCRoute for a common host do not mix: the older one holds",
        arguments: [
            Mix("the older HTTPRoute", ([], 1), ([], 2), ["default/g"]),
            Mix("the older GRPCRoute", ([], 2), ([], 1), ["default/h"]),
            Mix("the first by name", ([], 1), ([], 1), ["default/h"]),
            Mix("the first in the file", ([], nil), ([], nil), ["default/g"]),
            Mix("different hosts", (["a.example"], 1), (["b.example"], 2), []),
            Mix("a wildcard", (["*.example"], 1), (["b.example"], 2), ["default/g"]),
            Mix("every host", (["a.example"], 1), ([], 2), ["default/g"]),
        ])
    func mixing(_ mix: Mix) throws {
        let routes = [
            try Routes.route("h", hosts: mix.http.0, created: mix.http.1, [Routes.rule()]),
            try Self.route("g", hosts: mix.grpc.0, created: mix.grpc.1, [Routes.rule([Self.match(CallMatch())])]),
        ]
        let table = try #require(try Routes.table(routes))
        #expect(table.displaced.map(\.description) == mix.displaced)
        for (route, host) in [("h", mix.http.0.first), ("g", mix.grpc.0.first)] {
            let isHeld = !mix.displaced.contains("default/\(route)")
            let name = host.map { $0.hasPrefix("*") ? "x.example" : $0 } ?? "any.test"
            let verdict = Routes.verdict(table, Routes.request("/a/b", host: name, method: "POST"))
            #expect((verdict == "default/\(route)[0]") == isHeld, "\(route) \(verdict)")
        }
    }
}
