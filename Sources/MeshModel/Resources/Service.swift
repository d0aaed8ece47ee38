// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// A name that callers use, with virtual addresses, ports and the endpoints behind them.
package struct Service: Hashable, Sendable {
    /// A port that callers dial and the port of the endpoints behind it.
    package struct PortMapping: Hashable, Sendable {
        package let port: Port
        package let targetPort: Port
        package let hint: ProtocolHint

        package init(port: Port, targetPort: Port, hint: ProtocolHint) {
            self.port = port
            self.targetPort = targetPort
            self.hint = hint
        }
    }

    /// One member of a service.
    package struct Member: Hashable, Sendable {
        /// Where the member is.
        package enum Place: Hashable, Sendable {
            /// A workload of the mesh or beside it, by reference; all its addresses of the right family count as one
            /// endpoint.
            case workload(ResourceReference)
            /// An address nobody vouches for: plaintext, unless it is a workload's.
            case address(IPAddress)
            /// Whatever addresses DNS has for a name, each as if it were written here.
            case name(DNSName)
        }

        package let place: Place
        /// Beats the target port of every port of the service.
        package let port: Port?
        /// The share of what the service gets, against those of the others; with 0 the member gets nothing.
        package let weight: Int

        package init(_ place: Place, port: Port? = nil, weight: Int = 1) {
            self.place = place
            self.port = port
            self.weight = weight
        }

        package static func workload(_ reference: ResourceReference) -> Member { Member(.workload(reference)) }

        package static func address(_ address: IPAddress) -> Member { Member(.address(address)) }
    }

    package let reference: ResourceReference
    /// Virtual addresses; none where only routes and gateways lead here.
    package let addresses: [IPAddress]
    package let ports: [PortMapping]
    package let members: [Member]
    package let ejection: EjectionSettings
    package let balancing: BalancingSettings
    package let breaker: BreakerSettings
    package let resolution: ResolutionSettings
    /// One attempt to connect to an endpoint; nil: as the proxy says for all.
    package let connectTimeout: Duration?
    package let health: HealthCheck?

    package init(
        reference: ResourceReference, addresses: [IPAddress], ports: [PortMapping], members: [Member],
        ejection: EjectionSettings = EjectionSettings(), balancing: BalancingSettings = BalancingSettings(),
        breaker: BreakerSettings = BreakerSettings(), resolution: ResolutionSettings = ResolutionSettings(),
        connectTimeout: Duration? = nil, health: HealthCheck? = nil
    ) {
        self.reference = reference
        self.addresses = addresses
        self.ports = ports
        self.members = members
        self.ejection = ejection
        self.balancing = balancing
        self.breaker = breaker
        self.resolution = resolution
        self.connectTimeout = connectTimeout
        self.health = health
    }

    package func mapping(for port: UInt16) -> PortMapping? {
        ports.first { $0.port.number == port }
    }

    /// The names that somebody has to look up for it; those of members without weight too, so that they are ready.
    package var names: [DNSName] {
        members.compactMap { member in if case .name(let name) = member.place { name } else { nil } }
    }

    /// The same service with other members.
    package func with(members: [Member]) -> Service {
        Service(
            reference: reference, addresses: addresses, ports: ports, members: members, ejection: ejection,
            balancing: balancing, breaker: breaker, resolution: resolution, connectTimeout: connectTimeout,
            health: health)
    }
}
