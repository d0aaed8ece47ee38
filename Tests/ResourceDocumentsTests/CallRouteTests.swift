// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import Testing

@testable import ResourceDocuments

@Suite("GRPCRoute, TLSRoute and TCPRoute")
struct CallRouteTests {
    private static let head =
        leastProxy + "---\nkind: Service\nmetadata: {name: s}\nspec: {addresses: [10.9.0.1], ports: [{port: 80}], "
        + "endpoints: []}\n---\n"

    private static func route(_ kind: String, _ rules: String, version: String = "v1", more: String = "") -> String {
        "apiVersion: gateway.networking.k8s.io/\(version)\nkind: \(kind)\nmetadata: {name: r}\n"
            + "spec: {parentRefs: [{kind: Service, name: s}], \(more)rules: \(rules)}\n"
    }

    @Test("the example of docs/grpc-route.md is read as it says")
    func callExample() throws {
        let file = try read(try example("grpc-route.md")).get()
        let route = try #require(file.resources.routes.first)
        #expect(route.kind == .grpc && route.rules.map(\.name) == ["add", "beta", nil])
        #expect(route.rules[0].matches.map(\.call) == [CallMatch(service: "shop.v1.Cart", method: "AddItem")])
        #expect(route.rules[0].backends.map(\.weight) == [90, 10])
        #expect(
            route.rules[1].matches.map(\.call) == [
                CallMatch(service: "shop\\.v2\\..+", isExpression: true), CallMatch(),
            ])
        #expect(route.rules[1].matches[1].headers == [ValueMatch(name: "x-beta", value: "yes")])
        #expect(route.rules[2].matches.map(\.call) == [CallMatch()])
    }

    @Test("the examples of docs/tls-route.md and docs/tcp-route.md are read as they say")
    func connectionExamples() throws {
        let tls = try #require(try read(try example("tls-route.md")).get().resources.connectionRoutes.first)
        #expect(tls.kind == .tls && tls.hostnames.map(\.description) == ["vault.example", "*.vault.example"])
        #expect(tls.ruleName == "shared" && tls.backends.map(\.weight) == [3, 1])
        let tcp = try #require(try read(try example("tcp-route.md")).get().resources.connectionRoutes.first)
        #expect(tcp.kind == .tcp && tcp.hostnames.isEmpty && tcp.ruleName == nil)
        #expect(tcp.backends.map(\.service.description) == ["default/database", "default/database-next"])
        #expect(tcp.backends.map(\.weight) == [95, 5] && tcp.parents.map(\.port) == [.known(5432)])
    }

    @Test("a GRPCRoute without rules is for every call")
    func noRules() throws {
        let text = "kind: GRPCRoute\nmetadata: {name: r}\nspec: {parentRefs: [{kind: Service, name: s}]}\n"
        let route = try #require(try read(Self.head + text).get().resources.routes.first)
        #expect(route.rules.count == 1 && route.rules.first?.matches.map(\.call) == [CallMatch()])
    }

    @Test("filters of calls")
    func filters() throws {
        let filters =
            "[{filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: b}]}}, "
            + "{type: RequestMirror, requestMirror: {backendRef: {name: s, port: 80}, percent: 5}}], "
            + "backendRefs: [{name: s, port: 80, filters: [{type: ResponseHeaderModifier, "
            + "responseHeaderModifier: {remove: [x]}}]}], sessionPersistence: {sessionName: x-s, type: Header}}]"
        let route = try #require(
            try read(Self.head + Self.route("GRPCRoute", filters)).get().resources.routes.first)
        #expect(route.rules[0].filters.count == 2 && route.rules[0].backends[0].filters.count == 1)
        #expect(route.rules[0].affinityHeader == "x-s")
    }

    @Test(
        "versions",
        arguments: [
            ("GRPCRoute", "v1", true), ("GRPCRoute", "v1alpha2", true), ("GRPCRoute", "v1beta1", false),
            ("TLSRoute", "v1", true), ("TLSRoute", "v1alpha2", true), ("TLSRoute", "v1alpha3", true),
            ("TLSRoute", "v1beta1", false), ("TCPRoute", "v1", true), ("TCPRoute", "v1alpha2", true),
            ("TCPRoute", "v1alpha3", false),
        ])
    func versions(_ kind: String, _ version: String, _ isGood: Bool) {
        let text = Self.route(kind, "[{backendRefs: [{name: s, port: 80}]}]", version: version)
        #expect(read(Self.head + text).codes == (isGood ? [] : [.badValue]))
        #expect(
            read(Self.head + text + "---\n" + text).codes == (isGood ? [.conflict] : [.badValue, .badValue, .conflict]))
    }

    @Test("routes of different kinds may share a name")
    func names() {
        let rules = "[{backendRefs: [{name: s, port: 80}]}]"
        let text = ["TLSRoute", "TCPRoute", "HTTPRoute", "GRPCRoute"].map { Self.route($0, rules) }
        #expect(read(Self.head + text.joined(separator: "---\n")).problems.isEmpty)
    }

    struct Case: CustomTestStringConvertible, Sendable {
        let kind: String
        let rules: String
        let problems: [String]

        init(_ kind: String, _ rules: String, _ problems: String...) {
            self.kind = kind
            self.rules = rules
            self.problems = problems
        }

        var testDescription: String { "\(kind): \(rules)" }
    }

    @Test(
        "what is wrong with them",
        arguments: [
            Case("GRPCRoute", "[{matches: [{method: {}}]}]", "WEFT1007 spec.rules[0].matches[0].method"),
            Case(
                "GRPCRoute", "[{matches: [{method: {service: a/b}}]}]",
                "WEFT1003 spec.rules[0].matches[0].method.service"),
            Case(
                "GRPCRoute", "[{matches: [{method: {service: a..b}}]}]",
                "WEFT1003 spec.rules[0].matches[0].method.service"),
            Case(
                "GRPCRoute", "[{matches: [{method: {service: a.1b}}]}]",
                "WEFT1003 spec.rules[0].matches[0].method.service"),
            Case(
                "GRPCRoute", "[{matches: [{method: {method: a.b}}]}]",
                "WEFT1003 spec.rules[0].matches[0].method.method"),
            Case(
                "GRPCRoute", "[{matches: [{method: {type: RegularExpression, method: '('}}]}]",
                "WEFT1003 spec.rules[0].matches[0].method.method"),
            Case(
                "GRPCRoute", "[{matches: [{method: {type: RegularExpression, service: '\\Qa', method: b}}]}]",
                "WEFT1003 spec.rules[0].matches[0].method"),
            Case(
                "GRPCRoute", "[{matches: [{method: {type: PathPrefix, method: a}}]}]",
                "WEFT1003 spec.rules[0].matches[0].method.type"),
            Case("GRPCRoute", "[{matches: [{path: {value: /}}]}]", "WEFT1006 spec.rules[0].matches[0].path"),
            Case("GRPCRoute", "[{timeouts: {request: 1s}}]", "WEFT1006 spec.rules[0].timeouts"),
            Case(
                "GRPCRoute", "[{filters: [{type: URLRewrite, urlRewrite: {}}]}]",
                "WEFT1003 spec.rules[0].filters[0] (f:12:67): a GRPCRoute has no filter of `type: URLRewrite`"),
            Case(
                "GRPCRoute", "[{filters: [{type: RequestRedirect, requestRedirect: {}}]}]",
                "WEFT1003 spec.rules[0].filters[0]"),
            Case("GRPCRoute", "[{backendRefs: [{name: t, port: 80}]}]", "WEFT1013 spec.rules[0].backendRefs[0]"),
            Case("TLSRoute", "[]", "WEFT1003 spec.rules (f:12:55): is empty"),
            Case("TCPRoute", "[{}]", "WEFT1007 spec.rules[0].backendRefs"),
            Case("TCPRoute", "[{backendRefs: []}]", "WEFT1003 spec.rules[0]"),
            Case(
                "TCPRoute", "[{backendRefs: [{name: s, port: 80}]}, {backendRefs: [{name: s, port: 80}]}]",
                "WEFT1003 spec.rules (f:12:55): there are 2 rules"),
            Case("TCPRoute", "[{backendRefs: [{name: s, port: 81}]}]", "WEFT1013 spec.rules[0].backendRefs[0]"),
            Case(
                "TLSRoute", "[{backendRefs: [{name: s, port: 80, filters: []}]}]",
                "WEFT1006 spec.rules[0].backendRefs[0].filters"),
            Case("TLSRoute", "[{matches: []}]", "WEFT1007 spec.rules[0].backendRefs", "WEFT1006 spec.rules[0].matches"),
        ])
    func refusals(_ item: Case) {
        let found = read(Self.head + Self.route(item.kind, item.rules)).problems
        #expect(found.count == item.problems.count, "\(found)")
        for (problem, expected) in zip(found, item.problems) { #expect(problem.hasPrefix(expected), "\(problem)") }
    }

    @Test("a TCPRoute has no hosts, a TLSRoute has")
    func hostnames() {
        let rules = "[{backendRefs: [{name: s, port: 80}]}]"
        #expect(read(Self.head + Self.route("TLSRoute", rules, more: "hostnames: [a.example], ")).problems.isEmpty)
        #expect(
            read(Self.head + Self.route("TCPRoute", rules, more: "hostnames: [a.example], ")).codes == [.unknownField])
        #expect(read(Self.head + Self.route("TLSRoute", rules, more: "hostnames: [10.0.0.1], ")).codes == [.badValue])
    }
}
