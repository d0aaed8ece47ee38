// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// PREROUTING. The metrics port is the only exemption that nobody has to ask for. Link-local destinations are captured,
/// so that the proxy can refuse them: a neighbour on the same cable would else walk past strict mode.
extension RedirectPlan {
    static func inboundChains(
        _ family: AddressFamily, _ inbound: CaptureSettings.Inbound, _ ports: ProxyPorts
    ) -> [Chain] {
        let metrics = RedirectRule([.tcp, .destinationPorts([PortRange(ports.metrics)])], .skip, .metricsPort)
        // Only what is for this namespace: a router or a host of containers must not catch what it passes on.
        let capture = RedirectRule([.tcpStart, .localDestination], .redirect(to: ports.inbound), .inbound)
        return Gate.chains(
            inboundChain, first: [metrics] + inboundSkips(family, inbound), inboundGates(family, inbound), last: capture
        )
    }

    private static func inboundSkips(
        _ family: AddressFamily, _ inbound: CaptureSettings.Inbound
    ) -> [RedirectRule] {
        func skips(_ subject: String, _ matches: [RuleMatch], tcp: Bool = false) -> [RedirectRule] {
            matches.map { match in
                RedirectRule(
                    (tcp ? [.tcp] : []) + [match], .skip,
                    Reason("skipped-inbound-\(subject)", "in the list of what is not captured"))
            }
        }
        return skips("interface", Entries.interfaces(inbound.interfaces.skip).map { .inputInterface($0) })
            + skips("source", Entries.ranges(inbound.sources.skip, family).map { .source($0) })
            + skips("port", RuleMatch.batches(inbound.ports.skip), tcp: true)
    }

    private static func inboundGates(_ family: AddressFamily, _ inbound: CaptureSettings.Inbound) -> [Gate] {
        var gates: [Gate] = []
        if !inbound.interfaces.include.isEmpty {
            gates.append(
                Gate(
                    subject: "inbound-interface", chain: "WEFT_INBOUND_INTERFACES",
                    alternatives: Entries.interfaces(inbound.interfaces.include).map { .inputInterface($0) }))
        }
        if !inbound.sources.include.isEmpty {
            gates.append(
                Gate(
                    subject: "inbound-source", chain: "WEFT_INBOUND_SOURCES",
                    alternatives: Entries.ranges(inbound.sources.include, family).map { .source($0) }))
        }
        if !inbound.ports.include.isEmpty {
            gates.append(
                Gate(
                    subject: "inbound-port", chain: "WEFT_INBOUND_PORTS",
                    alternatives: RuleMatch.batches(inbound.ports.include)))
        }
        return gates
    }

    /// A late segment of a redirected connection may fall out of conntrack's window. It then keeps the port that the
    /// client dialled, where no connection is, and the kernel answers with a reset that ends the healthy one. That reset
    /// fits no connection either, which is how it is told from all others.
    static func resetTable(_ interfaces: Selection<InterfaceName>) -> TablePlan {
        let matches: [RuleMatch] = [.tcpReset, .invalidState]
        var rules = [RedirectRule([.outputInterface(.loopback)], .skip, .loopback)]
        rules += Entries.interfaces(interfaces.skip).map { name in
            RedirectRule(
                [.outputInterface(name)], .skip,
                Reason("skipped-inbound-interface", "in the list of what is not captured"))
        }
        let included = Entries.interfaces(interfaces.include)
        if included.isEmpty {
            rules.append(RedirectRule(matches, .drop, .invalidReset))
        } else {
            rules += included.map { RedirectRule([.outputInterface($0)] + matches, .drop, .invalidReset) }
        }
        return TablePlan(
            table: .mangle, chains: [Chain(name: resetChain, rules: rules)],
            hooks: [Hook(builtin: "OUTPUT", matches: [.tcp], chain: resetChain, reason: .resetHook)])
    }
}
