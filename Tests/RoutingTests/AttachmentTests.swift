// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import Testing

@testable import Routing

@Suite("What routes are attached to")
struct AttachmentTests {
    private static func host(_ text: String) throws -> HostPattern { try #require(HostPattern(text)) }

    @Test(
        "hosts that two patterns have in common",
        arguments: [
            ("a.example", "a.example", "a.example"), ("a.example", "b.example", nil),
            ("*.example", "a.example", "a.example"), ("*.example", "example", nil),
            ("*.example", "*.a.example", "*.a.example"), ("*.example", "*.example", "*.example"),
            ("*.example", "*.test", nil), ("*.example", "*.xexample", nil), ("*.example", "a.b.example", "a.b.example"),
        ] as [(String, String, String?)])
    func intersections(_ first: String, _ second: String, _ common: String?) throws {
        #expect(try Self.host(first).intersection(Self.host(second))?.description == common)
        #expect(try Self.host(second).intersection(Self.host(first))?.description == common)
    }

    @Test(
        "the most precise host wins",
        arguments: [
            ("a.example", "exact"), ("b.example", "wide"), ("x.deep.example", "deep"), ("deep.example", "wide"),
            ("example", "any"), ("", "any"),
        ])
    func table(_ host: String, _ expected: String) throws {
        var table = HostTable<String>()
        for (pattern, value) in [("*.example", "wide"), ("*.deep.example", "deep"), ("a.example", "exact")] {
            table.update(try Self.host(pattern), default: "") { $0 = value }
        }
        table.update(nil, default: "") { $0 = "any" }
        #expect(table.best(for: host) == expected && table.forAll == "any")
        // Whoever is not content goes on to the next.
        #expect(table.first(for: host) { $0 == "any" ? $0 : nil } == "any")
        var changed = table
        changed.updateAll { $0 += "!" }
        #expect(changed.best(for: host) == expected + "!")
    }

    @Test(
        "routes of other namespaces hold for callers from there, in place of the service's own",
        arguments: [
            (nil, "default/a[0]"), ("default", "default/a[0]"), ("other", "other/b[0]"), ("third", "default/a[0]"),
        ] as [(String?, String)])
    func callers(_ namespace: String?, _ expected: String) throws {
        let routes = [
            try Routes.route("default/a", created: 1, [Routes.rule([Routes.match(.prefix("/"))])]),
            try Routes.route("other/b", created: 2, [Routes.rule([Routes.match(.prefix("/"))])]),
        ]
        let callers = try namespace.map { try #require(ResourceName($0)) }
        let table = RouteTable(
            routes, service: try Routes.name("api"), port: .known(80), callers: callers, filters: [])
        #expect(Routes.verdict(table, Routes.request("/")) == expected)
    }

    @Test("a consumer's route is nothing to other callers")
    func consumers() throws {
        let routes = [try Routes.route("other/b", [Routes.rule()])]
        let table = RouteTable(
            routes, service: try Routes.name("api"), port: .known(80), callers: .defaultNamespace, filters: [])
        #expect(table == nil)
    }

    private static func connections(
        _ kind: ConnectionRoute.Kind, _ name: String, hosts: [String] = [], created: Int64? = nil,
        backends: [(String, Int)] = [("api", 1)]
    ) throws -> ConnectionRoute {
        ConnectionRoute(
            kind: kind, reference: try Routes.name(name), createdAt: created.map { WallTime(seconds: $0) },
            parents: [RouteParent(service: try Routes.name("api"))], hostnames: try hosts.map(host),
            backends: try backends.map {
                RouteBackend(service: try Routes.name($0.0), port: .known(80), weight: $0.1)
            })
    }

    private static func table(_ routes: [ConnectionRoute]) throws -> ConnectionTable? {
        ConnectionTable(routes, service: try Routes.name("api"), port: .known(80))
    }

    @Test(
        "server names",
        arguments: [
            ("a.example", "default/exact[0]"), ("b.example", "default/wide[0]"), ("b.test", nil), (nil, nil),
        ] as [(String?, String?)])
    func names(_ name: String?, _ expected: String?) throws {
        let routes = [
            try Self.connections(.tcp, "bytes"), try Self.connections(.tls, "wide", hosts: ["*.example"]),
            try Self.connections(.tls, "exact", hosts: ["a.example"]),
            try Self.connections(.tls, "late", hosts: ["a.example"]),
        ]
        let table = try #require(try Self.table(routes))
        #expect(table.needsServerName && table.rule(serverName: name)?.label == expected)
    }

    @Test("a TLSRoute without hosts takes every name, and none", arguments: [nil, "x.test"] as [String?])
    func everyName(_ name: String?) throws {
        let table = try #require(try Self.table([try Self.connections(.tls, "all")]))
        #expect(table.needsServerName && table.rule(serverName: name)?.label == "default/all[0]")
    }

    @Test("of several TCPRoutes the oldest holds; no name is needed")
    func oldest() throws {
        let routes = [try Self.connections(.tcp, "b", created: 2), try Self.connections(.tcp, "a", created: 1)]
        let table = try #require(try Self.table(routes))
        #expect(!table.needsServerName && table.rule(serverName: nil)?.label == "default/a[0]")
        #expect(try Self.table([]) == nil)
    }

    @Test("backends get what their weights say")
    func weights() throws {
        let route = try Self.connections(.tcp, "r", backends: [("a", 3), ("b", 0), ("c", 1)])
        let rule = try #require(try Self.table([route])?.rule(serverName: nil))
        var random = SystemRandomNumberGenerator()
        var counts: [String: Int] = [:]
        for _ in 0..<4000 {
            counts[rule.chooseBackend(using: &random)?.service.name.text ?? "none", default: 0] += 1
        }
        // Ten standard deviations around a quarter.
        #expect(counts["b"] == nil && counts["none"] == nil && (726...1274).contains(counts["c"] ?? 0))
        let empty = try Self.connections(.tcp, "r", backends: [("a", 0), ("b", 0)])
        #expect(try Self.table([empty])?.rule(serverName: nil)?.chooseBackend(using: &random) == nil)
    }
}
