// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// What happens to a packet that a rule matches.
package enum Verdict: Hashable, Sendable {
    /// Not captured. Always RETURN, never ACCEPT: rules of others after our hook still decide.
    case skip
    /// Handed to the proxy.
    case redirect(to: Port)
    /// The decision goes on in another chain and does not come back.
    case enter(String)
    /// Thrown away.
    case drop
}

/// Why a rule is there. It stands beside the rule as its comment, so that it is read on the machine where it acts.
package struct Reason: Hashable, Sendable, CustomStringConvertible {
    /// A word that stays the same from version to version.
    package let name: String

    /// For people. Without quotes, which iptables-save would escape.
    package let sentence: String

    package init(_ name: String, _ sentence: String) {
        self.name = name
        self.sentence = sentence
    }

    /// At most 255 bytes, as the kernel has it.
    package var description: String { "weft/\(name): \(sentence)" }
}

/// One rule as data.
package struct RedirectRule: Hashable, Sendable {
    package let matches: [RuleMatch]
    package let verdict: Verdict
    package let reason: Reason

    package init(_ matches: [RuleMatch], _ verdict: Verdict, _ reason: Reason) {
        self.matches = matches
        self.verdict = verdict
        self.reason = reason
    }
}

/// The reasons of rules that are always the same.
extension Reason {
    static let selfCall = Reason("self-call", "the proxy dials its own pod: its inbound side answers")
    static let proxyOwnTraffic = Reason("proxy-own-traffic", "sent by the proxy itself, else it would go in circles")
    static let nameDatagrams = Reason("names", "questions about names: the proxy answers or passes them on")
    static let nameStreams = Reason("names-tcp", "questions about names whose answers are long")
    static let loopback = Reason("loopback", "stays in this pod: loopback and the own addresses are direct")
    static let linkLocal = Reason("link-local", "link-local addresses are not captured unless listed")
    static let outbound = Reason("outbound", "everything else goes out through the proxy")
    static let metricsPort = Reason("metrics-port", "the proxy answers metrics and probes itself")
    static let inbound = Reason("inbound", "everything for this pod comes in through the proxy")
    static let invalidReset = Reason("invalid-reset", "it fits no connection and would end a healthy one")
    static let outboundHook = Reason("outbound-hook", "what leaves this pod")
    static let inboundHook = Reason("inbound-hook", "what comes to this pod")
    static let resetHook = Reason("reset-hook", "resets that leave this pod")
}
