// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// Questions about names, wherever they were sent: to a resolver elsewhere, on loopback or on a link-local address.
///
/// Who or what is skipped is skipped here too, and so is who is not listed: a name of the mesh is of no use to a process whose
/// connections do not go through the proxy. The lists of ports, and of destinations that alone are captured, are about the
/// traffic and not about the question where it goes.
extension RedirectPlan {
    static var nameRules: [RedirectRule] {
        let port = RuleMatch.destinationPorts([PortRange(NameSettings.resolverPort)])
        return [
            RedirectRule([.udp, port], .enter(namesChain), .nameDatagrams),
            RedirectRule([.tcpStart, port], .enter(namesChain), .nameStreams),
        ]
    }

    static func nameChains(
        _ family: AddressFamily, _ settings: CaptureSettings, _ ports: ProxyPorts
    ) -> [Chain] {
        guard settings.names, let port = ports.names else { return [] }
        let redirects = [
            RedirectRule([.udp], .redirect(to: port), .nameDatagrams),
            RedirectRule([.tcpStart], .redirect(to: port), .nameStreams),
        ]
        var rules = skipsOfAnyPort(family, settings.outbound)
        if let gate = userGate(settings.outbound) {
            rules += gate.alternatives.flatMap { user in
                redirects.map { RedirectRule($0.matches + [user], $0.verdict, gate.listed) }
            }
            rules.append(RedirectRule([], .skip, gate.unlisted))
        } else {
            rules += redirects
        }
        return [Chain(name: namesChain, rules: rules)]
    }
}
