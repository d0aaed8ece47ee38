// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// What discovery says of an address that somebody dialled.
package enum Destination: Hashable, Sendable {
    /// Exactly one place.
    case endpoint(Endpoint)
    /// A service; one of these is chosen for each connection.
    case service(ServiceDestination)
    /// Nothing is known and nothing has to be: it goes on as it came.
    case outside
    /// It is not to be reached.
    case refused(ErrorCode)
}

/// The endpoints of one port of a service, by their addresses of the dialled family where they have one.
package struct ServiceDestination: Hashable, Sendable {
    /// Names the balancer that remembers what was learned of the endpoints. Looked up several times for each request, so
    /// that its hash is made once.
    package struct Key: Hashable, Sendable {
        package let service: ResourceReference
        package let port: UInt16
        package let family: AddressFamily
        private let code: Int

        init(service: ResourceReference, port: UInt16, family: AddressFamily) {
            self.service = service
            self.port = port
            self.family = family
            var hasher = Hasher()
            hasher.combine(service)
            hasher.combine(port)
            hasher.combine(family)
            code = hasher.finalize()
        }

        package func hash(into hasher: inout Hasher) { hasher.combine(code) }
    }

    package let key: Key
    package let endpoints: [Endpoint]
    package let ejection: EjectionSettings
    package let balancing: BalancingSettings
    package let breaker: BreakerSettings
    /// One attempt to connect; nil: as the proxy says for all.
    package let connectTimeout: Duration?
    package let health: HealthCheck?

    /// Those of the endpoints, for their balancer.
    package var weights: [Int] { endpoints.map(\.weight) }
    package var distances: [Locality.Distance] { endpoints.map(\.distance) }
}
