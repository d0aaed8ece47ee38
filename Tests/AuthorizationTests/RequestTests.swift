// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Authorization
import HTTPCodec
import MeshModel
import Testing

@Suite("Decisions about requests")
struct RequestTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let pattern: Policy.RequestPattern
        let request: HTTPRequest
        /// Whether a rule that allows is used, and one that denies.
        let allows: Bool
        let denies: Bool

        init(_ pattern: Policy.RequestPattern, _ request: HTTPRequest, allows: Bool, denies: Bool) {
            self.pattern = pattern
            self.request = request
            self.allows = allows
            self.denies = denies
        }

        /// Both the same.
        init(_ pattern: Policy.RequestPattern, _ request: HTTPRequest, _ matches: Bool) {
            self.init(pattern, request, allows: matches, denies: matches)
        }

        var testDescription: String {
            "\(request.method) \(request.authority) \(request.target) by \(pattern.methods) \(pattern.paths) "
                + "\(pattern.hosts) \(pattern.headers.map(\.value))"
        }
    }

    private static func get(
        _ target: String = "/", method: String = "GET", host: String = "api.example"
    ) -> HTTPRequest { HTTPRequest(method: method, authority: host, target: target) }

    private static func with(_ fields: (String, String)...) -> HTTPRequest {
        var request = get()
        for (name, value) in fields { request.fields.add(name, value) }
        return request
    }

    private static let methods: [Case] = [
        Case(request("GET"), get(), true), Case(request("GET"), get(method: "HEAD"), false),
        Case(request("PUT", "GET"), get(), true), Case(request("GET"), get(method: "get"), allows: false, denies: true),
        Case(request(), get(method: "BREW"), true), Case(request("GET"), get(method: "GETS"), false),
    ]

    private static let paths: [Case] = [
        Case(request(paths: [.exact("/a")]), get("/a"), true), Case(request(paths: [.exact("/a")]), get("/a/"), false),
        Case(request(paths: [.exact("/a")]), get("/a?b=c"), true),
        Case(request(paths: [.exact("/a")]), get("/A"), false),
        Case(request(paths: [.prefix("/a")]), get("/a"), true),
        Case(request(paths: [.prefix("/a")]), get("/a/b"), true),
        Case(request(paths: [.prefix("/a")]), get("/a/"), true),
        Case(request(paths: [.prefix("/a")]), get("/ab"), false),
        Case(request(paths: [.prefix("/a/")]), get("/a"), true),
        Case(request(paths: [.prefix("/a/")]), get("/a/b"), true),
        Case(request(paths: [.prefix("/a/")]), get("/ab"), false),
        Case(request(paths: [.prefix("/")]), get("/x"), true),
        Case(request(paths: [.prefix("/")]), get("*", method: "OPTIONS"), true),
        Case(request(paths: [.prefix("/a")]), get("*", method: "OPTIONS"), false),
        Case(request(paths: [.prefix("/")]), get("", method: "CONNECT"), allows: false, denies: true),
        Case(request("CONNECT"), get("", method: "CONNECT"), true),
        Case(request(paths: [.exact("/b"), .prefix("/a")]), get("/a/x"), true),
        Case(request(paths: [.expression("/a/[0-9]+")]), get("/a/12"), true),
        Case(request(paths: [.expression("/a/[0-9]+")]), get("/a/12/x"), false),
        Case(request(paths: [.expression("/a/[0-9]+")]), get("/x/a/12"), false),
        Case(request(paths: [.expression("/a|/b")]), get("/bc"), false),
        // What an application may read in a path.
        Case(request(paths: [.prefix("/admin")]), get("/admin;x=1"), allows: false, denies: true),
        Case(request(paths: [.prefix("/admin")]), get("/admin;x=1/users"), allows: false, denies: true),
        Case(request(paths: [.exact("/admin/users")]), get("/admin;a/users;b"), allows: false, denies: true),
        Case(request(paths: [.prefix("/admin")]), get("/;a/admin"), allows: false, denies: true),
        Case(request(paths: [.prefix("/admin")]), get("/admin%3Bx"), allows: false, denies: true),
        Case(request(paths: [.exact("/a:b")]), get("/a%3Ab"), allows: false, denies: true),
        Case(request(paths: [.exact("/a%3Ab")]), get("/a:b"), allows: false, denies: true),
        Case(request(paths: [.exact("/a%20b")]), get("/a%20b"), true),
        Case(request(paths: [.exact("/a;b")]), get("/a;b"), true),
        Case(request(paths: [.expression("/admin(/.*)?")]), get("/admin;x/y"), allows: false, denies: true),
        Case(request(paths: [.prefix("/public")]), get("/public;/x"), allows: false, denies: true),
        Case(request(paths: [.prefix("/admin")]), get("/adminx;y"), false),
        // Too costly, and not to be compiled.
        Case(
            request(paths: [.expression("/(a+)+[bc]")]), get("/" + String(repeating: "a", count: 60)), allows: false,
            denies: true),
        Case(request(paths: [.expression("(")]), get("/"), allows: false, denies: true),
    ]

    private static let hosts: [Case] = [
        Case(request(hosts: ["api.example"]), get(), true),
        Case(request(hosts: ["api.example"]), get(host: "API.Example:8080"), true),
        Case(request(hosts: ["api.example"]), get(host: "api.example."), true),
        Case(request(hosts: ["api.example"]), get(host: "api.example.:80"), true),
        Case(request(hosts: ["api.example"]), get(host: "xapi.example"), false),
        Case(request(hosts: ["api.example"]), get(host: "api.example.org"), false),
        Case(request(hosts: ["*.example"]), get(), true),
        Case(request(hosts: ["*.example"]), get(host: "example"), false),
        Case(request(hosts: ["*.example"]), get(host: "a.b.example:1"), true),
        Case(request(hosts: ["10.0.0.2"]), get(host: "10.0.0.2:8080"), true),
        Case(request(hosts: ["api.example"]), get(host: "[fd00::1]:80"), false),
        Case(request(hosts: ["api.example"]), get(host: ""), allows: false, denies: true),
        Case(request(hosts: ["api.example"]), get(host: ":80"), allows: false, denies: true),
        Case(request(hosts: ["k.example"]), get(host: "\u{212a}.example"), allows: false, denies: true),
    ]

    private static let headers: [Case] = [
        Case(request(headers: [ValueMatch(name: "x-a", value: "b")]), with(("X-A", "b")), true),
        Case(request(headers: [ValueMatch(name: "x-a", value: "b")]), with(("x-a", "B")), false),
        Case(
            request(headers: [ValueMatch(name: "x-a", value: "b")]), with(("x-a", "c , b ,d")), allows: false,
            denies: true),
        // What CGI makes one name of.
        Case(request(headers: [ValueMatch(name: "x-a", value: "b")]), with(("X_A", "b")), allows: false, denies: true),
        Case(request(headers: [ValueMatch(name: "x-a", value: "b")]), get(), false),
        Case(request(headers: [ValueMatch(name: "x-a", value: "")]), get(), false),
        Case(request(headers: [ValueMatch(name: "x-a", value: "")]), with(("x-a", "")), true),
        Case(request(headers: [ValueMatch(name: "x-a", value: "b, c")]), with(("x-a", "b"), ("x-a", "c")), true),
        Case(
            request(headers: [ValueMatch(name: "x-a", value: "b")]), with(("x-a", "b"), ("x-a", "c")), allows: false,
            denies: true),
        Case(
            request(headers: [ValueMatch(name: "x-a", value: "b|c", isExpression: true)]), with(("x-a", "c")), true),
        Case(
            request(headers: [ValueMatch(name: "x-a", value: "b", isExpression: true)]), with(("x-a", "bb")), false),
        Case(
            request(headers: [ValueMatch(name: "x-a", value: "(a+)+[bc]", isExpression: true)]),
            with(("x-a", String(repeating: "a", count: 60))), allows: false, denies: true),
        Case(
            request(headers: [ValueMatch(name: "x-a", value: "b"), ValueMatch(name: "x-c", value: "d")]),
            with(("x-a", "b")),
            false),
        Case(request(headers: [ValueMatch(name: "host", value: "api.example")]), get(), allows: false, denies: true),
        Case(request(headers: [ValueMatch(name: "x-a", value: "\u{e9}")]), with(("x-a", "e\u{301}")), false),
    ]

    private static let together: [Case] = [
        Case(request("GET", paths: [.prefix("/a")], hosts: ["api.example"]), get("/a/b"), true),
        Case(request("GET", paths: [.prefix("/a")], hosts: ["api.example"]), get("/b"), false),
        Case(request("PUT", paths: [.prefix("/a")]), get("/a"), false),
        Case(request(paths: [.prefix("/a")], hosts: ["*.other"]), get("/a"), false),
    ]

    private static func facts(_ request: HTTPRequest) -> RequestFacts {
        RequestFacts(request, path: String(request.path))
    }

    @Test("what a rule with a pattern matches", arguments: methods + paths + hosts + headers + together)
    func table(item: Case) {
        let facts = Self.facts(item.request)
        let allowing = policies([policy("p", allow(http: item.pattern))])
        let denying = policies([policy("p", deny(http: item.pattern))])
        #expect(allowing.judge(connection(), facts).isAllowed == item.allows)
        #expect(denying.judge(connection(), facts).isAllowed == !item.denies)
    }

    @Test("a connection is let in for a request that may be allowed, and not refused for one that may be denied")
    func perhaps() {
        let set = policies([policy("p", deny(http: request("PUT")), allow(.identity(web), http: request("GET")))])
        #expect(set.judge(connection()) == AuthorizationDecision(isAllowed: true, reason: "perhaps default/p[1]"))
        #expect(set.judge(connection(nil)).reason == "no allow rule of default/p matched")
        #expect(set.judge(connection(), Self.facts(Self.get())).reason == "allow default/p[1]")
        #expect(set.judge(connection(), Self.facts(Self.get(method: "PUT"))).reason == "deny default/p[0]")
        #expect(
            set.judge(connection(), Self.facts(Self.get(method: "POST"))).reason == "no allow rule of default/p matched"
        )
        #expect(!set.judge(connection(nil), Self.facts(Self.get())).isAllowed)
    }

    @Test("a rule that is sure comes before one that may be")
    func sure() {
        let set = policies([policy("p", allow(http: request("GET")), allow(.identity(web)))])
        #expect(set.judge(connection()).reason == "allow default/p[1]")
        #expect(set.judge(connection(nil)).reason == "perhaps default/p[0]")
    }

    @Test("audit tells of requests too, and decides nothing")
    func audit() {
        let set = policies([policy("p", deny(http: request("PUT")), mode: .audit), policy("e", allow())])
        let decision = set.judge(connection(), Self.facts(Self.get(method: "PUT")))
        #expect(
            decision
                == AuthorizationDecision(
                    isAllowed: true, reason: "allow default/e[0]", auditReason: "deny default/p[0]"))
        #expect(set.judge(connection(), Self.facts(Self.get())).auditReason == nil)
    }

    @Test("HTTP is needed on the ports where a rule asks for it, and never for audit")
    func needs() {
        let set = policies([
            policy("p", allow(ports: ["8080-8081"], http: request("GET")), allow(ports: ["9090"])),
            policy("d", deny(ports: ["7070"], http: request("GET"))),
            policy("a", deny(ports: ["6060"], http: request("GET")), mode: .audit),
            policy("o", deny(http: request("GET")), target: .workload(reference("api-2"))),
        ])
        #expect([8080, 8081, 7070].allSatisfy { set.needsRequests(port: $0) })
        #expect([9090, 6060, 80].allSatisfy { !set.needsRequests(port: $0) })
        #expect(set.auditsRequests(port: 6060) && !set.auditsRequests(port: 8080))
    }
}
