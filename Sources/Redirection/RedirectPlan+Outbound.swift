// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// OUTPUT. The order matters: the proxy's call to its own pod before the rest of its traffic, that before loopback, and
/// what is skipped before what is captured.
extension RedirectPlan {
    static func outboundChains(
        _ family: AddressFamily, _ settings: CaptureSettings, _ ports: ProxyPorts
    ) -> [Chain] {
        let proxies = Entries.users(settings.proxyUsers.compactMap { UserIDRange($0, $0) })
        var rules = proxies.map { user in
            RedirectRule(
                [.outputInterface(.loopback), .tcpStart, .owner(user), .typeOfService(selfCallService)],
                .redirect(to: ports.inbound), .selfCall)
        }
        rules += proxies.map { RedirectRule([.owner($0)], .skip, .proxyOwnTraffic) }
        // Before loopback, where many a machine has its resolver.
        if settings.names { rules += nameRules }
        rules.append(RedirectRule([.outputInterface(.loopback)], .skip, .loopback))
        rules += outboundSkips(family, settings.outbound)
        return Gate.chains(
            outboundChain, first: rules, outboundGates(family, settings.outbound),
            last: RedirectRule([.tcpStart], .redirect(to: ports.outbound), .outbound))
    }

    private static func outboundSkips(
        _ family: AddressFamily, _ outbound: CaptureSettings.Outbound
    ) -> [RedirectRule] {
        var rules = skipsOfAnyPort(family, outbound)
        rules += skips("port", RuleMatch.batches(outbound.ports.skip), tcp: true)
        let linkLocal = AddressRange.linkLocal(family)
        if !outbound.destinations.include.contains(where: { linkLocal.covers($0) }) {
            rules.append(RedirectRule([.destination(linkLocal)], .skip, .linkLocal))
        }
        return rules
    }

    /// What holds for whatever leaves, names too.
    static func skipsOfAnyPort(_ family: AddressFamily, _ outbound: CaptureSettings.Outbound) -> [RedirectRule] {
        skips("interface", Entries.interfaces(outbound.interfaces.skip).map { .outputInterface($0) })
            + skips("uid", Entries.users(outbound.users.skip).map { .owner($0) })
            + skips("destination", Entries.ranges(outbound.destinations.skip, family).map { .destination($0) })
    }

    private static func skips(_ subject: String, _ matches: [RuleMatch], tcp: Bool = false) -> [RedirectRule] {
        matches.map { match in
            RedirectRule(
                (tcp ? [.tcp] : []) + [match], .skip,
                Reason("skipped-outbound-\(subject)", "in the list of what is not captured"))
        }
    }

    static func userGate(_ outbound: CaptureSettings.Outbound) -> Gate? {
        guard !outbound.users.include.isEmpty else { return nil }
        return Gate(
            subject: "outbound-uid", chain: "WEFT_OUTBOUND_UIDS",
            alternatives: Entries.users(outbound.users.include).map { .owner($0) })
    }

    private static func outboundGates(_ family: AddressFamily, _ outbound: CaptureSettings.Outbound) -> [Gate] {
        var gates: [Gate] = []
        if !outbound.interfaces.include.isEmpty {
            gates.append(
                Gate(
                    subject: "outbound-interface", chain: "WEFT_OUTBOUND_INTERFACES",
                    alternatives: Entries.interfaces(outbound.interfaces.include).map { .outputInterface($0) }))
        }
        if let users = userGate(outbound) { gates.append(users) }
        if !outbound.destinations.include.isEmpty {
            gates.append(
                Gate(
                    subject: "outbound-destination", chain: "WEFT_OUTBOUND_DESTINATIONS",
                    alternatives: Entries.ranges(outbound.destinations.include, family).map { .destination($0) }))
        }
        // Ports come last: a port needs a TCP condition beside it, which the last list has.
        if !outbound.ports.include.isEmpty {
            gates.append(
                Gate(
                    subject: "outbound-port", chain: "WEFT_OUTBOUND_PORTS",
                    alternatives: RuleMatch.batches(outbound.ports.include)))
        }
        return gates
    }
}

extension InterfaceName {
    static let loopback: InterfaceName = {
        guard let name = InterfaceName("lo") else { preconditionFailure("`lo` is the name of an interface.") }
        return name
    }()
}

extension AddressRange {
    /// fe80::/10 or 169.254.0.0/16: metadata and router discovery live there, nothing of a mesh does.
    static func linkLocal(_ family: AddressFamily) -> AddressRange {
        let range =
            family == .ipv4
            ? AddressRange(base: .v4(IPv4Address(bits: 0xa9fe_0000)), prefixLength: 16)
            : AddressRange(base: .v6(IPv6Address(bits: 0xfe80 << 112)), prefixLength: 10)
        guard let range else { preconditionFailure("The lengths fit the families.") }
        return range
    }

    /// True if all of the other block lies in this one.
    func covers(_ other: AddressRange) -> Bool { prefixLength <= other.prefixLength && contains(other.base) }
}
