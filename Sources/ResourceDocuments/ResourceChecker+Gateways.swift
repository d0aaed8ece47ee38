// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// Ports of gateways, and what is attached to their listeners.
extension ResourceChecker {
    func checkGateways(_ resources: MeshResources, _ proxy: ProxySettings?) {
        checkSharing(resources.gateways)
        let own = (proxy?.ports.all ?? []) + [proxy?.admin.port].compactMap(\.self)
        for gateway in resources.gateways {
            for (index, listener) in gateway.listeners.enumerated() where own.contains(listener.port) {
                place(.gateway, gateway.reference)?.descendant("spec", "listeners", index).complain(
                    .conflict, "port \(listener.port) is the proxy's own",
                    "give the listener another one, or change `spec.ports` of the Proxy")
            }
        }
    }

    /// Listeners of one address and port must be told apart by the first bytes of a connection.
    private func checkSharing(_ gateways: [Gateway]) {
        var seen: [Seen] = []
        for gateway in gateways {
            for (index, listener) in gateway.listeners.enumerated() {
                let next = Seen(gateway: gateway, listener: listener)
                if let (earlier, reason) = seen.lazy.compactMap({ item in item.clash(next).map { (item, $0) } }).first {
                    place(.gateway, gateway.reference)?.descendant("spec", "listeners", index).complain(
                        .conflict, "cannot share port \(listener.port) with \(earlier): \(reason)",
                        "give one of them another port or hostname")
                }
                seen.append(next)
            }
        }
    }

    private struct Seen: CustomStringConvertible {
        let gateway: Gateway
        let listener: Gateway.Listener

        var description: String { "listener `\(listener.name)` of Gateway \(gateway.reference)" }

        /// Why both cannot be served; nil if they can.
        func clash(_ other: Seen) -> String? {
            guard listener.port == other.listener.port else { return nil }
            let (mine, others) = (gateway.boundAddresses, other.gateway.boundAddresses)
            for address in mine {
                for foreign in others where address.family == foreign.family && address != foreign {
                    guard address.isUnspecified || foreign.isUnspecified else { continue }
                    return "\(foreign) is among what \(address) stands for, or the other way round"
                }
            }
            guard mine.contains(where: others.contains) else { return nil }
            let (first, second) = (listener.transport, other.listener.transport)
            if first == .tcp || second == .tcp { return "TCP needs a port for itself" }
            if first.isSecure != second.isSecure { return "one speaks TLS and the other does not" }
            if listener.hostname == other.listener.hostname { return "both are for the same hosts" }
            return nil
        }
    }

    /// The listeners that a route names as its parent must be there, and at least one of them must take it.
    func check(
        _ reference: ResourceReference, section: ResourceName?, _ port: Port?, for route: some AttachableRoute,
        at value: Value, among gateways: [ResourceReference: Gateway]
    ) {
        guard let gateway = gateways[reference] else {
            return value.complainOfDangling("Gateway", reference, among: gateways.keys)
        }
        let parent = RouteParent(.gateway(reference, section: section), port: port)
        let meant = gateway.listeners.filter { parent.means(reference, $0) }
        guard !meant.isEmpty else {
            let all = gateway.listeners.map { "`\($0.name)` (\($0.port))" }.joined(separator: ", ")
            return value.complain(
                .danglingReference, "Gateway \(reference) has no such listener", "its listeners are \(all)")
        }
        let refusals = meant.map { $0.refusal(of: route, reference) }
        guard !refusals.contains(nil) else { return }
        // The one that came nearest to taking it says most.
        if refusals.contains(.hostname) {
            let hosts = meant.compactMap(\.hostname?.description).joined(separator: ", ")
            value.complain(
                .conflict, "none of the route's `hostnames` is one of the listeners' (\(hosts))", "change one of them")
        } else if refusals.contains(.namespace) {
            value.complain(
                .conflict, "Gateway \(reference) takes routes of its own namespace only",
                "write `allowedRoutes: {namespaces: {from: All}}` at the listener")
        } else {
            let kinds = Set(meant.flatMap(\.kinds)).sorted().joined(separator: ", ")
            value.complain(
                .conflict, "the listeners meant take no \(route.kindName), only \(kinds)", "name another listener")
        }
    }
}
