// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// One place a connection can be made to, and what must answer there. An object, since each request hands it on several
/// times: that is one reference, not one for each text in it.
package final class Endpoint: Hashable, Sendable {
    package let address: SocketAddress
    /// Tells one workload from the next that gets the same address.
    package let workloadUID: String
    package let security: EndpointSecurity
    package let hint: ProtocolHint
    /// Its share of what the service gets, against those of the others; at least one.
    package let weight: Int
    /// How far it is from the workload beside this proxy.
    package let distance: Locality.Distance
    /// Made once: a balancer looks its endpoints up with every request.
    private let hash: Int

    package init(
        address: SocketAddress, workloadUID: String, security: EndpointSecurity, hint: ProtocolHint, weight: Int = 1,
        distance: Locality.Distance = .elsewhere
    ) {
        self.address = address
        self.workloadUID = workloadUID
        self.security = security
        self.hint = hint
        self.weight = weight
        self.distance = distance
        var hasher = Hasher()
        hasher.combine(address)
        hasher.combine(workloadUID)
        hash = hasher.finalize()
    }

    /// Weight and distance say how willingly a place is used, not which one it is: what was learned of it stays when they
    /// change.
    package static func == (left: Endpoint, right: Endpoint) -> Bool {
        left === right
            || left.hash == right.hash && left.address == right.address && left.workloadUID == right.workloadUID
                && left.security == right.security && left.hint == right.hint
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(hash) }
}

/// How an endpoint is talked to.
package enum EndpointSecurity: Hashable, Sendable {
    /// `weft/1`, and this identity must answer. Never downgraded. (Indirect, for endpoints are copied for each request: one
    /// reference in the place of several texts.)
    indirect case mutualTLS(SPIFFEID)
    /// Plaintext, and why.
    case plaintext(PlaintextReason)
}
