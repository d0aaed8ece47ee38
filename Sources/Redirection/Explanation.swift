// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// A connection as the rules see its first packet.
package struct ConnectionFacts: Hashable, Sendable {
    package enum Direction: Hashable, Sendable {
        /// Made in this namespace by a process of `user`; `service` is the DSCP byte of its socket.
        case outbound(user: UserID, service: UInt8)
        /// Coming in from elsewhere.
        case inbound
    }

    package enum Transport: Hashable, Sendable {
        case tcp
        case udp
    }

    package let direction: Direction
    package let transport: Transport
    package let destination: SocketAddress

    /// Whether the destination is an address of this namespace.
    package let isLocalDestination: Bool

    /// Who connects, for what comes in; nil if not said.
    package let source: IPAddress?

    /// The interface the packet leaves or comes by; nil if not known.
    package let interface: String?

    package init(
        _ direction: Direction, over transport: Transport = .tcp, to destination: SocketAddress,
        isLocalDestination: Bool, source: IPAddress? = nil, interface: String? = nil
    ) {
        self.direction = direction
        self.transport = transport
        self.destination = destination
        self.isLocalDestination = isLocalDestination
        self.source = source
        self.interface = interface
    }
}

/// Which rule decides about a connection, found by walking the plan as the kernel walks its rules.
package struct Explanation: Hashable, Sendable {
    package struct Step: Hashable, Sendable {
        package let chain: String
        /// Counted from 1.
        package let position: Int
        package let rule: RedirectRule
    }

    package enum Outcome: Hashable, Sendable {
        case redirected(Port)
        case notCaptured
    }

    package let outcome: Outcome

    /// The rules that matched, in order; the last one decides. Empty if none matched, and then nothing is captured.
    package let steps: [Step]

    /// What was taken for granted where a rule asks for something that is not known.
    package let assumptions: [String]

    package var decision: Step? { steps.last }
}

extension RedirectPlan {
    /// Follows the connection's first packet through the chains. The destination must be of this plan's family.
    package func explain(_ connection: ConnectionFacts) -> Explanation {
        precondition(connection.destination.address.family == family, "Each family has its own rules.")
        var name = connection.direction == .inbound ? RedirectPlan.inboundChain : RedirectPlan.outboundChain
        var steps: [Explanation.Step] = []
        var assumptions: [String] = []
        let hook = table(.nat)?.hooks.first { $0.chain == name }
        guard hook?.matches.contains(.tcp) != true || connection.transport == .tcp else {
            return Explanation(outcome: .notCaptured, steps: [], assumptions: [])
        }
        // Each list leads to the next one only, so the walk ends.
        while let chain = table(.nat)?.chain(name) {
            var next: String?
            for (index, rule) in chain.rules.enumerated() {
                guard connection.meets(rule, &assumptions) else { continue }
                steps.append(Explanation.Step(chain: chain.name, position: index + 1, rule: rule))
                switch rule.verdict {
                case .enter(let chain): next = chain
                case .redirect(let port):
                    return Explanation(outcome: .redirected(port), steps: steps, assumptions: assumptions)
                case .skip, .drop:
                    return Explanation(outcome: .notCaptured, steps: steps, assumptions: assumptions)
                }
                break
            }
            guard let next else { break }
            name = next
        }
        return Explanation(outcome: .notCaptured, steps: steps, assumptions: assumptions)
    }

    /// Whether the connection would be handed to the proxy.
    package func captures(_ connection: ConnectionFacts) -> Bool {
        if case .redirected = explain(connection).outcome { true } else { false }
    }
}

extension ConnectionFacts {
    fileprivate func meets(_ rule: RedirectRule, _ assumptions: inout [String]) -> Bool {
        for match in rule.matches {
            switch meets(match) {
            case true?: continue
            case false?: return false
            case nil:
                // Only what else would hold: the other conditions may rule the rule out anyway.
                if rule.matches.allSatisfy({ meets($0) != false }) {
                    let assumption = "assuming that the connection does not meet `\(match.condition)`"
                    if !assumptions.contains(assumption) { assumptions.append(assumption) }
                }
                return false
            }
        }
        return true
    }

    /// Nil where it cannot be known.
    private func meets(_ match: RuleMatch) -> Bool? {
        switch match {
        case .source(let range): return range.prefixLength == 0 ? true : source.map { range.contains($0) }
        case .destination(let range): return range.contains(destination.address)
        case .inputInterface(let name), .outputInterface(let name): return interface.map { name.matches($0) }
        case .tcp, .tcpStart: return transport == .tcp
        case .udp: return transport == .udp
        case .tcpReset, .invalidState: return false
        case .destinationPorts(let ranges):
            guard let port = Port(destination.port) else { return false }
            return ranges.contains { $0.contains(port) }
        case .owner(let range):
            guard case .outbound(let user, _) = direction else { return false }
            return range.contains(user)
        case .typeOfService(let value):
            guard case .outbound(_, let service) = direction else { return false }
            return service & RuleMatch.serviceMask == value
        case .localDestination: return isLocalDestination
        }
    }
}
