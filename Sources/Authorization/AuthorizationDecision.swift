// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// Who connects, from where, to which port of the workload.
package struct ConnectionFacts: Sendable {
    let peer: SPIFFEID?
    let source: IPAddress
    let port: UInt16

    /// `peer`: proved by the handshake, nil for plaintext; `source` as the kernel sees it; `port`: where the connection was
    /// made to, which is the workload's own port, not a service's.
    package init(peer: SPIFFEID?, source: IPAddress, port: UInt16) {
        self.peer = peer
        self.source = source
        self.port = port
    }
}

/// What came of judging a connection or a request.
package struct AuthorizationDecision: Equatable, Sendable {
    package let isAllowed: Bool

    /// The rule that decided: `deny default/api-callers[0]`, `allow default/api-callers[1]`, `no allow rule of
    /// default/api-callers matched`, `no deny rule matched`, `no policy` (on this port); before a request is known also
    /// `perhaps default/api-callers[1]`. A rule's own name follows in brackets: `deny default/api-callers[0] (readers)`.
    package let reason: String

    /// What audit policies would have denied, in the same words, or nil. It never changes the decision.
    package let auditReason: String?

    /// True if it is allowed only since no policy is for the port, and the mesh allows by default.
    package var isUnpoliced: Bool { isAllowed && reason == Self.noPolicy }

    static let noPolicy = "no policy"

    package init(isAllowed: Bool, reason: String, auditReason: String? = nil) {
        self.isAllowed = isAllowed
        self.reason = reason
        self.auditReason = auditReason
    }
}
