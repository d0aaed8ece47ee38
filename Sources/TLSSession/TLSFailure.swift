// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// Why a TLS session came to nothing.
package enum TLSFailure: Error, Hashable, Sendable {
    /// We do not accept the peer's certificate.
    case certificate(CertificateRejection)
    /// The peer sent a fatal alert, by its name in RFC 8446 section 6.2.
    case alert(String)
    /// The peer speaks TLS, but not `weft/1`.
    case noCommonProtocol
    /// The bytes are no TLS, or break its rules.
    case protocolError(String)
}

/// Why a certificate was not accepted.
package struct CertificateRejection: Error, Hashable, Sendable {
    package let code: ErrorCode
    /// For the record: what was found, `the leaf: expired 2h ago`.
    package let detail: String

    package init(_ code: ErrorCode, _ detail: String) {
        self.code = code
        self.detail = detail
    }

    init(_ problem: Problem) {
        code = problem.code
        let place = problem.place.map { "\($0): " } ?? ""
        let remedy = problem.remedy.map { "; \($0)" } ?? ""
        detail = place + problem.message + remedy
    }
}

/// A peer whose certificate was accepted. One value serves all connections that show the same chain.
package final class VerifiedPeer: Sendable {
    package let identity: SPIFFEID
    /// The latest begin in the chain.
    let start: WallTime
    /// The earliest end in the chain; no stream is begun after it.
    package let expiry: WallTime
    package let serialNumber: String

    init(identity: SPIFFEID, start: WallTime, expiry: WallTime, serialNumber: String) {
        self.identity = identity
        self.start = start
        self.expiry = expiry
        self.serialNumber = serialNumber
    }
}
