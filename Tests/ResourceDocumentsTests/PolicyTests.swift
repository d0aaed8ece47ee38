// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshModel
import Testing

@Suite("A policy as it is read")
struct PolicyTests {
    private static let others = """
        ---
        kind: Workload
        metadata: {name: api-1, namespace: shop}
        spec: {addresses: [10.0.0.2]}
        ---
        kind: Service
        metadata: {name: api, namespace: shop}
        spec: {addresses: [10.96.0.10], ports: [{port: 80}], endpoints: [{workload: shop/api-1}]}

        """

    private static func policy(_ spec: String) -> String {
        leastProxy + others + "---\nkind: Policy\nmetadata: {name: p, namespace: shop}\nspec: {\(spec)}\n"
    }

    @Test("every field is read")
    func fields() throws {
        let spec = """
            target: {workload: api-1}, mode: audit, rules: [
              {name: readers, effect: deny, from: [{identity: spiffe://mesh.example/ns/default/sa/web}, {namespace: shop},
                {trustDomain: other.example}, {authenticated: true}, {unauthenticated: true}, {range: 10.0.0.0/8}],
               ports: [8080, 9000-9010],
               http: [{methods: [GET, M-SEARCH], paths: [{type: PathPrefix, value: /items}, {type: Exact, value: /a%20b},
                 {type: RegularExpression, value: "/x.*"}], hosts: [api.Example, "*.shop.example"],
                 headers: [{name: X-A, value: ""}, {name: x-b, type: RegularExpression, value: "b|c"}]}]},
              {}]
            """
        let policy = try #require(try read(Self.policy(spec)).get().resources.policies.first)
        #expect(policy.reference.description == "shop/p" && policy.mode == .audit)
        let shop = try #require(ResourceName("shop"))
        let name = try #require(ResourceName("api-1"))
        #expect(policy.target == .workload(ResourceReference(namespace: shop, name: name)))
        #expect(policy.rules.count == 2 && policy.rules.last == Policy.Rule())
        let rule = try #require(policy.rules.first)
        #expect(
            rule.name == "readers" && rule.effect == .deny && rule.ports.map(\.description) == ["8080", "9000-9010"])
        let expected: [Policy.Caller] = [
            .identity(try #require(SPIFFEID("spiffe://mesh.example/ns/default/sa/web"))), .namespace(shop),
            .trustDomain(try #require(TrustDomain("other.example"))), .authenticated, .unauthenticated,
            .range(try #require(AddressRange("10.0.0.0/8"))),
        ]
        #expect(rule.callers == expected)
        var pattern = Policy.RequestPattern()
        pattern.methods = ["GET", "M-SEARCH"]
        pattern.paths = [.prefix("/items"), .exact("/a%20b"), .expression("/x.*")]
        pattern.hosts = try ["api.example", "*.shop.example"].map { try #require(HostPattern($0)) }
        pattern.headers = [
            ValueMatch(name: "x-a", value: ""), ValueMatch(name: "x-b", value: "b|c", isExpression: true),
        ]
        #expect(rule.requests == [pattern])
    }

    @Test("the target is a service, or every workload of the namespace")
    func targets() throws {
        let service = try read(Self.policy("target: {service: api}, rules: [{}]")).get().resources
        #expect(service.policies.first?.target == service.services.first.map { .service($0.reference) })
        let namespace = try read(Self.policy("rules: [{}]")).get().resources.policies.first
        #expect(
            namespace?.target == .namespace && namespace?.mode == .enforce && namespace?.rules.first?.effect == .allow)
    }

    struct Case: CustomTestStringConvertible, Sendable {
        let spec: String
        /// The path, without the place, and the rest of each problem.
        let problems: [String]

        init(_ spec: String, _ problems: String...) {
            self.spec = spec
            self.problems = problems
        }

        /// Of one rule with one HTTP pattern.
        init(http: String, _ problems: String...) {
            spec = "rules: [{http: [{\(http)}]}]"
            self.problems = problems
        }

        var testDescription: String { spec }
    }

    private static let empty = "the list is empty; leave it away for everything, or give at least one"
    private static let nothing = "there is nothing behind it; fill it, or leave it away"
    private static let oneCaller =
        "a caller is exactly one of `identity`, `namespace`, `trustDomain`, `authenticated`, `unauthenticated` and "
        + "`range`; write one entry for each"

    private static let wide: [Case] = [
        Case("target: {workload: api-1}", "WEFT1007 spec.rules: is missing"),
        Case("rules: []", "WEFT1003 spec.rules: \(empty)"),
        Case("rules: [{from: []}]", "WEFT1003 spec.rules[0].from: \(empty)"),
        Case("rules: [{ports: []}]", "WEFT1003 spec.rules[0].ports: \(empty)"),
        Case("rules: [{http: []}]", "WEFT1003 spec.rules[0].http: \(empty)"),
        Case("rules: [{from: }]", "WEFT1003 spec.rules[0].from: \(nothing)"),
        Case("rules: [{http: ~}]", "WEFT1003 spec.rules[0].http: \(nothing)"),
        Case("target: , rules: [{}]", "WEFT1003 spec.target: \(nothing)"),
        Case(http: "methods: []", "WEFT1003 spec.rules[0].http[0].methods: \(empty)"),
        Case(http: "paths: null", "WEFT1003 spec.rules[0].http[0].paths: \(nothing)"),
        Case(http: "hosts: []", "WEFT1003 spec.rules[0].http[0].hosts: \(empty)"),
        Case(http: "headers: []", "WEFT1003 spec.rules[0].http[0].headers: \(empty)"),
        Case(
            http: "",
            "WEFT1007 spec.rules[0].http[0]: a pattern without methods, paths, hosts and headers matches every request; say "
                + "what is asked for, or leave `http` away"),
        Case(
            "target: {}, rules: [{}]",
            "WEFT1007 spec.target: a target is either `workload: NAME` or `service: NAME`; leave `target` away for every "
                + "workload of the namespace"),
        Case("rules: [{from: [{}]}]", "WEFT1007 spec.rules[0].from[0]: \(oneCaller)"),
        Case(
            "rules: [{from: [{namespace: a, range: 10.0.0.0/8}]}]", "WEFT1007 spec.rules[0].from[0]: \(oneCaller)"),
        Case(
            "rules: [{from: [{authenticated: false}]}]",
            "WEFT1003 spec.rules[0].from[0].authenticated: false says nothing; write `authenticated: true` or "
                + "`unauthenticated: true`", "WEFT1007 spec.rules[0].from[0]: \(oneCaller)"),
    ]

    private static let wrong: [Case] = [
        Case("mode: of, rules: [{}]", "WEFT1003 spec.mode: `of` is none of enforce, audit"),
        Case(
            "rules: [{effect: denny}]",
            "WEFT1003 spec.rules[0].effect: `denny` is none of allow, deny; did you mean `deny`?"),
        Case("rules: [{form: []}]", "WEFT1006 spec.rules[0].form: is not a field; did you mean `from`?"),
        Case(
            "target: {workload: api-2}, rules: [{}]",
            "WEFT1013: Policy shop/p has the target `workload: shop/api-2`, which does not exist; did you mean `shop/api-1`?"
        ),
        Case(
            "target: {service: x}, rules: [{}]",
            "WEFT1013: Policy shop/p has the target `service: shop/x`, which does not exist; add a `kind: Service` of that name"
        ),
        Case(
            "target: {workload: default/api-1}, rules: [{}]",
            "WEFT1003 spec.target.workload: `default/api-1` is not a name: lower-case letters, digits and dashes, in labels "
                + "of at most 63 joined by dots",
            "WEFT1007 spec.target: a target is either `workload: NAME` or `service: NAME`; leave `target` away for every "
                + "workload of the namespace"),
        Case(
            "rules: [{ports: [90-80]}]",
            "WEFT1003 spec.rules[0].ports[0]: `90-80` is not a port or a range of ports such as 8000-8099"),
        Case(
            http: "methods: [get]",
            "WEFT1003 spec.rules[0].http[0].methods[0]: `get` is not a method in upper case, such as GET"),
        Case(
            http: "hosts: ['a:80']",
            "WEFT1003 spec.rules[0].http[0].hosts[0]: `a:80` is not a host such as api.example or *.example, without a port"
        ),
        Case(
            http: "headers: [{name: Host, value: a}]",
            "WEFT1003 spec.rules[0].http[0].headers[0].name: `host` frames a message or belongs to one hop, and is not "
                + "judged; match it by `hosts`"),
        Case(
            http: "headers: [{name: x, type: RegularExpression, value: '('}]",
            "WEFT1003 spec.rules[0].http[0].headers[0].value: `(` is not a regular expression: at byte 1, missing closing "
                + "parenthesis"),
        Case(
            http: "paths: [{value: /a}]", "WEFT1007 spec.rules[0].http[0].paths[0].type: is missing"),
        Case(
            http: "paths: [{type: Prefix, value: /a}]",
            "WEFT1003 spec.rules[0].http[0].paths[0].type: `Prefix` is none of Exact, PathPrefix, RegularExpression"),
        path("a", "`a` is not a path; begin it with a slash"),
        path("/a?b", "`/a?b` holds a `?`, but a path has no query; end it before that"),
        path("/a/../b", "`/a/../b` is not in normal form and would never match; write `/b`"),
        path("/%61", "`/%61` is not in normal form and would never match; write `/a`"),
        path("/a//b", "`/a//b` is not in normal form and would never match; write `/a/b`"),
        path("/a|b", "`/a|b` is not in normal form and would never match; write `/a%7Cb`"),
        path(
            "/a%2fb",
            "`/a%2fb` would never match: the path holds an encoded slash or backslash; write a path in normal form"),
    ]

    private static func path(_ value: String, _ problem: String) -> Case {
        Case(
            http: "paths: [{type: PathPrefix, value: '\(value)'}]",
            "WEFT1003 spec.rules[0].http[0].paths[0].value: \(problem)")
    }

    @Test("what is wrong with a policy", arguments: wide + wrong)
    func refusals(item: Case) {
        let found = read(Self.policy(item.spec)).problems.map {
            $0.replacing(#/ ?(f:\d+:\d+|\(f:\d+:\d+\))/#, with: "")
        }
        #expect(found == item.problems)
    }

    @Test("a policy that is there twice")
    func twice() {
        let policy = "---\nkind: Policy\nmetadata: {name: p}\nspec: {rules: [{}]}\n"
        #expect(read(leastProxy + policy + policy).codes == [.conflict])
    }

    @Test("the example of docs/policy.md is good")
    func example() throws {
        let path = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../docs/policy.md")
            .standardized
        let page = try String(contentsOf: path, encoding: .utf8)
        let example = page.components(separatedBy: "```yaml\n").dropFirst().first?.components(separatedBy: "```").first
        let resources = try read(leastProxy + "---\n" + #require(example)).get().resources
        #expect(
            resources.policies.map(\.rules.count) == [3, 1] && resources.policies.map(\.mode) == [.enforce, .audit])
    }
}
