// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Authorization
import MeshModel
import Testing

@Suite("Decisions about connections")
struct PolicySetTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let policies: [Policy]
        let connection: ConnectionFacts
        let isAllowed: Bool
        let reason: String
        let audit: String?

        init(
            _ name: String, _ policies: [Policy], _ connection: ConnectionFacts, _ isAllowed: Bool, _ reason: String,
            audit: String? = nil
        ) {
            testDescription = name
            self.policies = policies
            self.connection = connection
            self.isAllowed = isAllowed
            self.reason = reason
            self.audit = audit
        }
    }

    private static let shop = identity("/ns/shop/sa/cart")
    private static let foreign = identity("/ns/default/sa/web", in: "other.example")

    private static let order: [Case] = [
        Case("no policy", [], connection(), true, "no policy"),
        Case("allowed", [policy("p", allow(.identity(web)))], connection(), true, "allow default/p[0]"),
        Case(
            "not the one who is allowed", [policy("p", allow(.identity(web)))], connection(shop), false,
            "no allow rule of default/p matched"),
        Case("denied", [policy("p", deny(.identity(web)))], connection(), false, "deny default/p[0]"),
        Case(
            "a deny rule alone leaves the others be", [policy("p", deny(.identity(web)))], connection(shop), true,
            "no deny rule matched"),
        Case(
            "deny before allow in one policy", [policy("p", allow(.authenticated), deny(.identity(web)))], connection(),
            false, "deny default/p[1]"),
        Case(
            "deny before allow over policies",
            [policy("a", allow(.identity(web))), policy("z", deny(namespace("default")))],
            connection(), false, "deny default/z[0]"),
        Case(
            "any allow rule of any policy will do",
            [policy("a", allow(.identity(shop))), policy("b", allow(.identity(web)))],
            connection(), true, "allow default/b[0]"),
        Case(
            "those that did not match are named",
            [policy("a", allow(.unauthenticated)), policy("b", allow(.identity(shop)))],
            connection(), false, "no allow rule of default/a, default/b matched"),
        Case(
            "three of them at most", ["a", "b", "c", "d", "e"].map { policy($0, allow(.unauthenticated)) },
            connection(),
            false, "no allow rule of default/a, default/b, default/c and 2 more matched"),
        Case("anybody", [policy("p", allow())], connection(nil), true, "allow default/p[0]"),
        Case("nobody", [policy("p", deny())], connection(), false, "deny default/p[0]"),
    ]

    private static let callers: [Case] = [
        Case("own namespace", [policy("p", allow(namespace("shop")))], connection(shop), true, "allow default/p[0]"),
        Case(
            "another namespace", [policy("p", allow(namespace("shop")))], connection(web), false,
            "no allow rule of default/p matched"),
        Case(
            "a namespace that only begins so", [policy("p", allow(namespace("shop")))],
            connection(identity("/ns/shop2/sa/x")), false, "no allow rule of default/p matched"),
        Case(
            "the namespace further down the path", [policy("p", allow(namespace("shop")))],
            connection(identity("/x/ns/shop/sa/x")), false, "no allow rule of default/p matched"),
        Case(
            "nothing behind the namespace", [policy("p", allow(namespace("shop")))], connection(identity("/ns/shop")),
            false,
            "no allow rule of default/p matched"),
        Case(
            "the namespace of another trust domain", [policy("p", allow(namespace("default")))], connection(foreign),
            false,
            "no allow rule of default/p matched"),
        Case(
            "the same path in another trust domain", [policy("p", allow(.identity(web)))], connection(foreign), false,
            "no allow rule of default/p matched"),
        Case(
            "a trust domain", [policy("p", allow(.trustDomain(foreign.trustDomain)))], connection(foreign), true,
            "allow default/p[0]"),
        Case(
            "not this trust domain", [policy("p", allow(.trustDomain(foreign.trustDomain)))], connection(web), false,
            "no allow rule of default/p matched"),
        Case("authenticated", [policy("p", allow(.authenticated))], connection(foreign), true, "allow default/p[0]"),
        Case(
            "plaintext is not authenticated", [policy("p", allow(.authenticated, .trustDomain(web.trustDomain)))],
            connection(nil), false, "no allow rule of default/p matched"),
        Case("plaintext denied", [policy("p", deny(.unauthenticated))], connection(nil), false, "deny default/p[0]"),
        Case("not plaintext", [policy("p", deny(.unauthenticated))], connection(), true, "no deny rule matched"),
        Case("an address", [policy("p", allow(range("10.0.0.0/8")))], connection(nil), true, "allow default/p[0]"),
        Case(
            "another address", [policy("p", allow(range("10.0.0.0/8")))], connection(web, from: "11.0.0.1"), false,
            "no allow rule of default/p matched"),
        Case(
            "a mapped address is IPv4", [policy("p", deny(range("10.0.0.0/8")))], connection(from: "::ffff:10.0.0.1"),
            false,
            "deny default/p[0]"),
        Case(
            "any of them", [policy("p", allow(.identity(shop), range("10.0.0.0/8")))], connection(), true,
            "allow default/p[0]"),
    ]

    private static let ports: [Case] = [
        Case("on its port", [policy("p", allow(ports: ["8080"]))], connection(), true, "allow default/p[0]"),
        Case(
            "an allow rule closes its own ports", [policy("p", allow(.identity(shop), ports: ["8000-8099"]))],
            connection(),
            false, "no allow rule of default/p matched"),
        Case(
            "and no others", [policy("p", allow(.identity(shop), ports: ["8000-8099"]))], connection(port: 9090), true,
            "no policy"),
        Case(
            "unless another rule has no ports",
            [policy("p", allow(.identity(shop), ports: ["8000-8099"]), allow(.identity(shop)))], connection(port: 9090),
            false,
            "no allow rule of default/p matched"),
        Case("deny on its port", [policy("p", deny(ports: ["22", "8080"]))], connection(), false, "deny default/p[0]"),
        Case("deny on another port", [policy("p", deny(ports: ["22"]))], connection(), true, "no policy"),
        Case("port 0 is no port", [policy("p", deny(ports: ["1-65535"]))], connection(port: 0), true, "no policy"),
    ]

    private static let audits: [Case] = [
        Case(
            "audit denies nothing", [policy("p", deny(), mode: .audit)], connection(), true, "no policy",
            audit: "deny default/p[0]"),
        Case(
            "audit closes nothing", [policy("p", allow(.identity(shop)), mode: .audit)], connection(), true,
            "no policy",
            audit: "no allow rule of default/p matched"),
        Case(
            "audit allows nothing",
            [policy("e", allow(.identity(shop))), policy("p", allow(.identity(web)), mode: .audit)], connection(),
            false,
            "no allow rule of default/e matched"),
        Case(
            "what an enforced rule allows would stay allowed",
            [policy("e", allow(.identity(web))), policy("p", allow(.identity(shop)), mode: .audit)], connection(), true,
            "allow default/e[0]"),
        Case(
            "unless audit denies it", [policy("e", allow()), policy("p", deny(.identity(web)), mode: .audit)],
            connection(),
            true, "allow default/e[0]", audit: "deny default/p[0]"),
        Case(
            "both deny", [policy("e", deny()), policy("p", deny(), mode: .audit)], connection(), false,
            "deny default/e[0]",
            audit: "deny default/p[0]"),
        Case(
            "audit on another port",
            [policy("p", deny(ports: ["1"]), allow(.unauthenticated, ports: ["1"]), mode: .audit)],
            connection(), true, "no policy"),
        Case(
            "an audited rule that needs a request is silent before it",
            [policy("p", deny(http: request("GET")), allow(http: request("PUT")), mode: .audit)], connection(), true,
            "no policy"),
    ]

    private static let targets: [Case] = [
        Case(
            "of this workload", [policy("p", deny(), target: .workload(reference("api-1")))], connection(), false,
            "deny default/p[0]"),
        Case(
            "of another one", [policy("p", deny(), target: .workload(reference("api-2")))], connection(), true,
            "no policy"),
        Case(
            "of one with this name elsewhere", [policy("p", deny(), target: .workload(reference("shop/api-1")))],
            connection(), true, "no policy"),
        Case("of another namespace", [policy("shop/p", deny())], connection(), true, "no policy"),
        Case(
            "of the service, on the port behind it", [policy("p", deny(), target: .service(reference("api")))],
            connection(),
            false, "deny default/p[0]"),
        Case(
            "not on the port that callers dial", [policy("p", deny(), target: .service(reference("api")))],
            connection(port: 80), true, "no policy"),
        Case(
            "ports of the rule among those of the service",
            [policy("p", deny(ports: ["81-9000"]), target: .service(reference("api")))], connection(port: 8443), false,
            "deny default/p[0]"),
        Case(
            "ports of the rule beyond those of the service",
            [policy("p", deny(ports: ["1-9000"]), target: .service(reference("api")))], connection(port: 22), true,
            "no policy"),
        Case(
            "of a service that names the address", [policy("p", deny(), target: .service(reference("by-address")))],
            connection(), false, "deny default/p[0]"),
        Case(
            "of a service, on the port that its member has",
            [policy("p", deny(), target: .service(reference("own-port")))], connection(port: 9090), false,
            "deny default/p[0]"),
        Case(
            "of a service, on a target port that its member does not use",
            [policy("p", deny(), target: .service(reference("own-port")))], connection(port: 8080), true, "no policy"),
        Case(
            "of a service of others", [policy("p", deny(), target: .service(reference("other")))], connection(), true,
            "no policy"),
        Case(
            "of a service that does not exist", [policy("p", deny(), target: .service(reference("gone")))],
            connection(), true,
            "no policy"),
    ]

    private static func services() throws -> [Service] {
        func service(_ name: String, _ member: Service.Member) throws -> Service {
            func mapping(_ port: UInt16, _ target: UInt16) -> Service.PortMapping {
                Service.PortMapping(port: .known(port), targetPort: .known(target), hint: .detect)
            }
            return Service(
                reference: reference(name), addresses: [try #require(IPAddress("10.96.0.10"))],
                ports: [mapping(80, 8080), mapping(443, 8443)], members: [member])
        }
        return [
            try service("api", .workload(reference("api-1"))),
            try service("by-address", .address(try #require(IPAddress("10.0.0.2")))),
            try service("other", .workload(reference("api-2"))),
            try service("own-port", Service.Member(.workload(reference("api-1")), port: .known(9090))),
        ]
    }

    @Test("who is let in, and why", arguments: order + callers + ports + audits + targets)
    func table(item: Case) throws {
        let set = policies(item.policies, services: try Self.services())
        let expected = AuthorizationDecision(isAllowed: item.isAllowed, reason: item.reason, auditReason: item.audit)
        #expect(set.judge(item.connection) == expected)
    }

    @Test("as long as the own trust domain is unknown, namespaces count against the caller")
    func withoutTrustDomain() {
        let allowing = policies([policy("p", allow(namespace("default")))], trustDomain: nil)
        #expect(!allowing.judge(connection()).isAllowed)
        let denying = policies([policy("p", deny(namespace("default")))], trustDomain: nil)
        #expect(!denying.judge(connection()).isAllowed && !denying.judge(connection(Self.foreign)).isAllowed)
        #expect(denying.judge(connection(Self.shop)).isAllowed && denying.judge(connection(nil)).isAllowed)
    }

    @Test("no policies allow everything and need nothing")
    func none() {
        #expect(PolicySet.none.judge(connection(nil)).isAllowed)
        #expect(!PolicySet.none.needsRequests(port: 8080) && !PolicySet.none.auditsRequests(port: 8080))
    }

    @Test("a rule's name stands in the reason")
    func names() {
        var rule = deny()
        rule.name = "nobody"
        #expect(policies([policy("p", allow(), rule)]).judge(connection()).reason == "deny default/p[1] (nobody)")
    }
}
