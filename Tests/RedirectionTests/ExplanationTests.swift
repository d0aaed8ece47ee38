// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import MeshTesting
import Redirection
import Testing

@Suite("Which rule decides")
struct ExplanationTests {
    /// One connection under one configuration, with the reason that decides; nil where no rule matches.
    struct Case: CustomTestStringConvertible {
        let scenario: String
        let testDescription: String
        let connection: ConnectionFacts
        let reason: String?
        let port: UInt16?

        init(
            _ scenario: String, _ name: String, _ connection: ConnectionFacts, _ reason: String?, to port: UInt16? = nil
        ) {
            self.scenario = scenario
            testDescription = "\(scenario): \(name)"
            self.connection = connection
            self.reason = reason
            self.port = port
        }
    }

    private static func outbound(
        _ user: Int, _ target: String, over transport: ConnectionFacts.Transport = .tcp,
        by interface: String? = "eth0", service: UInt8 = 0, isLocal: Bool = false
    ) -> ConnectionFacts {
        guard let user = UserID(user), let target = SocketAddress(target) else {
            preconditionFailure("A case is wrong.")
        }
        return ConnectionFacts(
            .outbound(user: user, service: service), over: transport, to: target, isLocalDestination: isLocal,
            interface: interface)
    }

    private static func local(_ user: Int, _ target: String) -> ConnectionFacts {
        outbound(user, target, over: .udp, by: "lo", isLocal: true)
    }

    private static func inbound(
        _ target: String, from source: String? = "10.1.1.1", by interface: String? = "eth0", isLocal: Bool = true
    ) -> ConnectionFacts {
        guard let target = SocketAddress(target) else { preconditionFailure("A case is wrong.") }
        return ConnectionFacts(
            .inbound, to: target, isLocalDestination: isLocal, source: source.flatMap { IPAddress($0) },
            interface: interface)
    }

    static let cases: [Case] = [
        Case("default", "an application", outbound(1000, "10.2.0.1:80"), "outbound", to: 15001),
        Case("default", "an application over IPv6", outbound(1000, "[fd00::1]:80"), "outbound", to: 15001),
        Case("default", "root", outbound(0, "10.2.0.1:80"), "outbound", to: 15001),
        Case("default", "DNS over TCP", outbound(1000, "10.96.0.10:53"), "outbound", to: 15001),
        Case("default", "the proxy", outbound(1337, "10.2.0.1:80"), "proxy-own-traffic"),
        Case(
            "default", "the proxy to its pod, tagged",
            outbound(1337, "10.0.0.2:80", by: "lo", service: 0x28, isLocal: true),
            "self-call", to: 15006),
        Case(
            "default", "the tag with congestion bits",
            outbound(1337, "10.0.0.2:80", by: "lo", service: 0x2b, isLocal: true),
            "self-call", to: 15006),
        Case(
            "default", "the proxy to the application", outbound(1337, "10.0.0.2:80", by: "lo", isLocal: true),
            "proxy-own-traffic"),
        Case(
            "default", "an application that wears the tag", outbound(1000, "10.0.0.2:80", by: "lo", service: 0x28),
            "loopback"),
        Case("default", "the tag beyond loopback", outbound(1337, "10.2.0.1:80", service: 0x28), "proxy-own-traffic"),
        Case("default", "loopback", outbound(1000, "127.0.0.53:53", by: "lo", isLocal: true), "loopback"),
        Case("default", "the own address", outbound(1000, "10.0.0.2:80", by: "lo", isLocal: true), "loopback"),
        Case("default", "a metadata service", outbound(1000, "169.254.169.254:80"), "link-local"),
        Case("default", "an IPv6 neighbour", outbound(1000, "[fe80::1]:80"), "link-local"),
        Case("default", "a datagram", outbound(1000, "10.96.0.10:53", over: .udp), nil),
        Case("names", "a question", outbound(1000, "10.96.0.10:53", over: .udp), "names", to: 15053),
        Case("names", "a question over TCP", outbound(1000, "10.96.0.10:53"), "names-tcp", to: 15053),
        Case("names", "a question to a resolver here", local(1000, "127.0.0.53:53"), "names", to: 15053),
        Case("names", "a question over IPv6", outbound(1000, "[fd00::53]:53", over: .udp), "names", to: 15053),
        Case("names", "a resolver on the node", outbound(1000, "169.254.20.10:53", over: .udp), "names", to: 15053),
        Case("names", "what the proxy asks", outbound(1337, "10.96.0.10:53", over: .udp), "proxy-own-traffic"),
        Case("names", "what the proxy asks here", local(1337, "127.0.0.53:53"), "proxy-own-traffic"),
        Case("names", "another datagram", outbound(1000, "10.96.0.10:123", over: .udp), nil),
        Case("names", "a connection", outbound(1000, "10.2.0.1:80"), "outbound", to: 15001),
        Case("names-with-lists", "who is listed", local(1001, "127.0.0.53:53"), "listed-outbound-uid", to: 15053),
        Case("names-with-lists", "who is not", outbound(900, "9.9.9.9:53", over: .udp), "unlisted-outbound-uid"),
        Case("names-with-lists", "who is skipped", outbound(1500, "9.9.9.9:53"), "skipped-outbound-uid"),
        Case("names-with-lists", "where", outbound(1000, "10.9.9.9:53", over: .udp), "skipped-outbound-destination"),
        Case("default", "what comes in", inbound("10.0.0.2:80"), "inbound", to: 15006),
        Case(
            "default", "what comes in to a link-local address", inbound("[fe80::2]:80", from: "fe80::1"), "inbound",
            to: 15006),
        Case("default", "a scrape", inbound("10.0.0.2:15020"), "metrics-port"),
        Case("default", "the proxy's own port", inbound("10.0.0.2:15006"), "inbound", to: 15006),
        Case("default", "what only passes through", inbound("10.9.9.9:80", isLocal: false), nil),
        Case("skipped-ports", "a skipped inbound port", inbound("10.0.0.2:22"), "skipped-inbound-port"),
        Case("skipped-ports", "the end of a skipped range", inbound("10.0.0.2:9099"), "skipped-inbound-port"),
        Case("skipped-ports", "beyond a skipped range", inbound("10.0.0.2:9100"), "inbound", to: 15006),
        Case("skipped-ports", "a skipped outbound port", outbound(1, "10.2.0.1:465"), "skipped-outbound-port"),
        Case("skipped-ports", "that port inbound", inbound("10.0.0.2:465"), "inbound", to: 15006),
        Case("many-ports", "a port of the third batch", inbound("10.0.0.2:2391"), "skipped-inbound-port"),
        Case("many-ports", "the last port of all", inbound("10.0.0.2:65535"), "skipped-inbound-port"),
        Case("many-ports", "a listed outbound port", outbound(1, "10.2.0.1:4500"), "listed-outbound-port", to: 15001),
        Case("many-ports", "an unlisted outbound port", outbound(1, "10.2.0.1:443"), "unlisted-outbound-port"),
        Case("listed-inbound-ports", "listed", inbound("10.0.0.2:8080"), "listed-inbound-port", to: 15006),
        Case("listed-inbound-ports", "unlisted", inbound("10.0.0.2:8081"), "unlisted-inbound-port"),
        Case("skipped-destinations", "inside", outbound(1, "10.100.0.1:80"), "skipped-outbound-destination"),
        Case("skipped-destinations", "inside, IPv6", outbound(1, "[fd00:96::1]:80"), "skipped-outbound-destination"),
        Case("skipped-destinations", "one address", outbound(1, "192.0.2.7:80"), "skipped-outbound-destination"),
        Case("skipped-destinations", "beside it", outbound(1, "192.0.2.8:80"), "outbound", to: 15001),
        Case(
            "listed-destinations-of-one-family", "listed", outbound(1, "192.168.3.4:80"), "listed-outbound-destination",
            to: 15001),
        Case(
            "listed-destinations-of-one-family", "the other family", outbound(1, "[fd00::1]:80"),
            "unlisted-outbound-destination"),
        Case(
            "listed-link-local", "listed", outbound(1, "169.254.169.254:80"), "listed-outbound-destination", to: 15001),
        Case("listed-link-local", "its neighbour", outbound(1, "169.254.169.253:80"), "unlisted-outbound-destination"),
        Case("listed-link-local", "an IPv6 neighbour", outbound(1, "[fe80::1]:80"), "link-local"),
        Case("sources", "listed", inbound("10.0.0.2:80", from: "10.3.3.3"), "listed-inbound-source", to: 15006),
        Case("sources", "skipped", inbound("10.0.0.2:80", from: "10.77.0.250"), "skipped-inbound-source"),
        Case("sources", "unlisted", inbound("10.0.0.2:80", from: "11.0.0.1"), "unlisted-inbound-source"),
        Case("sources", "not said", inbound("10.0.0.2:80", from: nil), "unlisted-inbound-source"),
        Case("interfaces", "a listed one", inbound("10.0.0.2:80", by: "eth1"), "listed-inbound-interface", to: 15006),
        Case("interfaces", "a skipped one", inbound("10.0.0.2:80", by: "eth9"), "skipped-inbound-interface"),
        Case("interfaces", "an unlisted one", inbound("10.0.0.2:80", by: "bond0"), "unlisted-inbound-interface"),
        Case(
            "interfaces", "outbound by another", outbound(1, "10.2.0.1:80", by: "eth1"), "unlisted-outbound-interface"),
        Case("users", "listed", outbound(1000, "10.2.0.1:80"), "listed-outbound-uid", to: 15001),
        Case("users", "skipped within the list", outbound(1502, "10.2.0.1:80"), "skipped-outbound-uid"),
        Case("users", "unlisted", outbound(2000, "10.2.0.1:80"), "unlisted-outbound-uid"),
        Case("every-list", "through all of them", outbound(2500, "10.2.0.1:8001"), "listed-outbound-port", to: 15001),
        Case("every-list", "falls at the uid", outbound(1500, "10.2.0.1:8001"), "unlisted-outbound-uid"),
        Case("every-list", "falls at the destination", outbound(0, "11.2.0.1:8001"), "unlisted-outbound-destination"),
        Case("every-list", "falls at the port", outbound(0, "10.2.0.1:81"), "unlisted-outbound-port"),
        Case("every-list", "skipped before all", outbound(0, "10.2.0.1:8500"), "skipped-outbound-port"),
        Case("every-list", "comes in through all", inbound("10.0.0.2:80"), "listed-inbound-port", to: 15006),
        Case("other-ports", "outbound", outbound(1, "10.2.0.1:80"), "outbound", to: 4140),
        Case("other-ports", "the usual metrics port", inbound("10.0.0.2:15020"), "inbound", to: 4143),
        Case("nothing-outbound", "anything", outbound(1, "10.2.0.1:80"), "skipped-outbound-destination"),
    ]

    @Test("and why", arguments: cases)
    func explain(_ example: Case) throws {
        let scenario = try #require(CaptureScenario.all.first { $0.name == example.scenario })
        let plan = try RedirectPlan(example.connection.destination.address.family, scenario.settings, scenario.ports)
        let explanation = plan.explain(example.connection)
        #expect(explanation.decision?.rule.reason.name == example.reason)
        switch explanation.outcome {
        case .redirected(let port): #expect(port.number == example.port)
        case .notCaptured: #expect(example.port == nil)
        }
        #expect(plan.captures(example.connection) == (example.port != nil))
        for step in explanation.steps {
            #expect(plan.table(.nat)?.chain(step.chain)?.rules[step.position - 1] == step.rule)
        }
    }

    @Test("what is not known is said to be assumed")
    func assumptions() throws {
        let scenario = try #require(CaptureScenario.all.first { $0.name == "sources" })
        let plan = try RedirectPlan(.ipv4, scenario.settings, scenario.ports)
        let explanation = plan.explain(Self.inbound("10.0.0.2:80", from: nil))
        #expect(
            explanation.assumptions == [
                "assuming that the connection does not meet `-s 10.77.0.250/32`",
                "assuming that the connection does not meet `-s 10.0.0.0/8`",
            ])
        #expect(plan.explain(Self.inbound("10.0.0.2:15020", from: nil)).assumptions.isEmpty)
    }
}
