// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import MeshTesting
import Redirection
import Testing

@Suite("The rules of a configuration")
struct GoldenTests {
    @Test("are those kept beside the tests", arguments: CaptureScenario.all, AddressFamily.allCases)
    func golden(_ scenario: CaptureScenario, _ family: AddressFamily) throws {
        let plan = try RedirectPlan(family, scenario.settings, scenario.ports)
        let text = plan.tables.compactMap { Convergence.text(from: nil, to: OwnRules($0) { _ in .none }) }.joined()
        try GoldenFile("\(scenario.name).\(family == .ipv4 ? "ipv4" : "ipv6").rules").expect(text)
    }

    @Test("do not depend on the order in which lists are written", arguments: CaptureScenario.all)
    func order(_ scenario: CaptureScenario) throws {
        var turned = scenario.settings
        turned.proxyUsers.reverse()
        turned.inbound.ports.skip.reverse()
        turned.inbound.ports.include.reverse()
        turned.inbound.sources.include.reverse()
        turned.inbound.interfaces.include.reverse()
        turned.outbound.ports.include.reverse()
        turned.outbound.destinations.skip.reverse()
        turned.outbound.destinations.include.reverse()
        turned.outbound.users.include.reverse()
        for family in AddressFamily.allCases {
            #expect(
                try RedirectPlan(family, turned, scenario.ports)
                    == RedirectPlan(family, scenario.settings, scenario.ports))
        }
    }

    @Test("every redirect asks for the first packet, every inbound one for an address of the namespace")
    func redirects() throws {
        for scenario in CaptureScenario.all {
            for family in AddressFamily.allCases {
                let plan = try RedirectPlan(family, scenario.settings, scenario.ports)
                for chain in plan.table(.nat)?.chains ?? [] {
                    for case let rule in chain.rules {
                        guard case .redirect = rule.verdict else { continue }
                        // Datagrams have no first packet, but nat sees only the first of each flow.
                        let isName = chain.name == RedirectPlan.namesChain && rule.text.contains("-p udp ")
                        #expect(isName || rule.text.contains("-p tcp -m tcp --syn "), "\(scenario) \(rule.text)")
                        let isInbound = chain.name.hasPrefix("WEFT_INBOUND")
                        #expect(rule.text.contains("--dst-type LOCAL") == isInbound, "\(scenario) \(rule.text)")
                    }
                }
            }
        }
    }

    @Test("no rule says ACCEPT, every comment fits, every chain name fits")
    func limits() throws {
        for scenario in CaptureScenario.all {
            for family in AddressFamily.allCases {
                for table in try RedirectPlan(family, scenario.settings, scenario.ports).tables {
                    for chain in table.chains {
                        // XT_EXTENSION_MAXNAMELEN less the terminator.
                        #expect(chain.name.utf8.count <= 28)
                        for rule in chain.rules {
                            #expect(!rule.text.contains("ACCEPT"))
                            #expect(rule.reason.description.utf8.count <= 255)
                            #expect(!rule.reason.description.contains { "\"'\\".contains($0) })
                        }
                    }
                    for hook in table.hooks {
                        #expect(hook.text(.table).contains("-j \(hook.chain)"))
                        #expect("\(hook.reason) (made this table)".utf8.count <= 255)
                    }
                }
            }
        }
    }

    struct Refusal: CustomTestStringConvertible {
        let testDescription: String
        let code: ErrorCode
        let change: @Sendable (inout CaptureSettings, inout ProxyPorts) -> Void
    }

    @Test(
        "are refused where they could not work",
        arguments: [
            Refusal(testDescription: "no proxy user", code: .proxyUserMissing) { settings, _ in settings.proxyUsers = []
            },
            Refusal(testDescription: "root as proxy user", code: .proxyUserMissing) { settings, _ in
                settings.proxyUsers += [UserID(0)].compactMap(\.self)
            },
            Refusal(testDescription: "one port for both directions", code: .conflict) { _, ports in
                ports.inbound = ports.outbound
            },
            Refusal(testDescription: "names on the outbound port", code: .conflict) { _, ports in
                ports.names = ports.outbound
            },
            Refusal(testDescription: "names without a port", code: .conflict) { settings, _ in settings.names = true },
            Refusal(testDescription: "metrics on the inbound port", code: .conflict) { _, ports in
                ports.metrics = ports.inbound
            },
        ])
    func refusals(_ refusal: Refusal) {
        var settings = CaptureScenario.all[0].settings
        var ports = ProxyPorts()
        refusal.change(&settings, &ports)
        #expect {
            try RedirectPlan(.ipv4, settings, ports)
        } throws: { error in
            (error as? Problem)?.code == refusal.code
        }
    }
}
