// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// The tables of iptables that a plan uses.
package enum RuleTable: String, Hashable, Sendable, CaseIterable {
    /// The redirects.
    case nat
    /// The drop of stray resets; a table of its own, since nat sees first packets only.
    case mangle
}

/// A chain of ours with its rules, in order.
package struct Chain: Hashable, Sendable {
    package let name: String
    package let rules: [RedirectRule]
}

/// The rule of a built-in chain that leads to one of ours. A plan owns its hooks: it removes and adds them itself.
package struct Hook: Hashable, Sendable {
    /// PREROUTING or OUTPUT.
    package let builtin: String
    package let matches: [RuleMatch]
    package let chain: String
    package let reason: Reason
}

/// What a plan wants of one table.
package struct TablePlan: Hashable, Sendable {
    package let table: RuleTable
    package let chains: [Chain]
    package let hooks: [Hook]

    package func chain(_ name: String) -> Chain? { chains.first { $0.name == name } }
}

/// What is captured in one network namespace for one address family, as data.
///
///     PREROUTING -> WEFT_INBOUND    metrics port | skips | [lists] | REDIRECT to the inbound port
///     OUTPUT     -> WEFT_OUTBOUND   self call | proxy's own | [names] | loopback | skips | [lists] | REDIRECT to the outbound port
///     names         WEFT_NAMES      skips | [uids] | REDIRECT to the port for names
///     OUTPUT     -> WEFT_RESETS     (table mangle) stray resets | DROP
///
/// Where a list says what alone is captured, each list but the last leads to a chain of its own (``Gate``). The rules are
/// computed from the settings only; the same settings give the same rules on every machine.
package struct RedirectPlan: Hashable, Sendable {
    package let family: AddressFamily
    package let tables: [TablePlan]

    /// All chains of ours begin with this; whatever begins with it is taken for ours.
    package static let chainPrefix = "WEFT_"
    package static let outboundChain = "WEFT_OUTBOUND"
    package static let inboundChain = "WEFT_INBOUND"
    package static let namesChain = "WEFT_NAMES"
    package static let resetChain = "WEFT_RESETS"

    /// The DSCP (AF11) that the outbound side sets when it dials an address of its own pod. Nobody else of the proxy's
    /// uid does, so the tag alone tells such a call from the proxy's call to the application beside it.
    package static let selfCallService: UInt8 = 0x28

    package init(_ family: AddressFamily, _ settings: CaptureSettings, _ ports: ProxyPorts) throws(Problem) {
        try RedirectPlan.check(settings, ports)
        self.family = family
        let nat = TablePlan(
            table: .nat,
            chains: RedirectPlan.inboundChains(family, settings.inbound, ports)
                + RedirectPlan.outboundChains(family, settings, ports)
                + RedirectPlan.nameChains(family, settings, ports),
            hooks: [
                Hook(
                    builtin: "PREROUTING", matches: [.tcp], chain: RedirectPlan.inboundChain, reason: .inboundHook),
                // One hook for everything that leaves: names go by UDP too.
                Hook(
                    builtin: "OUTPUT", matches: settings.names ? [] : [.tcp], chain: RedirectPlan.outboundChain,
                    reason: .outboundHook),
            ])
        tables = settings.dropInvalid ? [nat, RedirectPlan.resetTable(settings.inbound.interfaces)] : [nat]
    }

    package func table(_ table: RuleTable) -> TablePlan? { tables.first { $0.table == table } }

    /// What no plan can be made from: without a user of its own the proxy's traffic would be redirected to itself.
    private static func check(_ settings: CaptureSettings, _ ports: ProxyPorts) throws(Problem) {
        guard !settings.proxyUsers.isEmpty else {
            throw Problem(
                .proxyUserMissing, "nothing tells the proxy's own traffic apart",
                remedy: "give `--proxy-uid` or `capture.proxyUIDs`")
        }
        guard settings.proxyUsers.allSatisfy({ $0.number != 0 }) else {
            throw Problem(
                .proxyUserMissing, "the proxy's uid is 0, so that everything run by root would bypass the mesh",
                remedy: "give the proxy a uid of its own")
        }
        guard Set(ports.all).count == ports.all.count else {
            let names = ports.names.map { "; that for names is \($0)" } ?? ""
            throw Problem(
                .conflict,
                "the outbound, inbound and metrics ports are \(ports.outbound), \(ports.inbound) and"
                    + " \(ports.metrics)\(names)", remedy: "give each a port of its own")
        }
        guard !settings.names || ports.names != nil else {
            throw Problem(
                .conflict, "questions about names are to be captured, but there is no port to bring them to",
                remedy: "give `--names-port` or `names.port`")
        }
    }
}
