// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// A chain that a peer might show, and what every verifier of ours has to say to it.
package struct CertificateCase: Sendable {
    package enum Expectation: Hashable, Sendable {
        case accepted(SPIFFEID)
        case rejected(ErrorCode)
    }

    /// A sentence or the subject of one: `a leaf with two URI names`.
    package let name: String
    /// DER, the leaf first.
    package let chain: [[UInt8]]
    /// The key of the leaf, so that the chain can be shown in a handshake. Absent where there is no chain.
    package let keyPEM: String?
    /// The roots of each trust domain that the verifier knows, DER.
    package let bundles: [TrustDomain: [[UInt8]]]
    /// The moment of verification.
    package let now: WallTime
    package let expectation: Expectation
}

extension CertificateCase: CustomStringConvertible {
    package var description: String { name }
}

extension CertificateCase {
    /// A case of one mesh, whose root alone is known.
    package init(_ name: String, _ mesh: TestMesh, _ chain: [MintedCertificate], _ expectation: Expectation) {
        self.init(name, mesh, chain, bundles: [mesh.trustDomain: [mesh.root]], expectation)
    }

    init(
        _ name: String, _ mesh: TestMesh, _ chain: [MintedCertificate],
        bundles: [TrustDomain: [MintedCertificate]], _ expectation: Expectation
    ) {
        self.init(
            name: name, chain: chain.map(\.der), keyPEM: chain.first?.key.pem,
            bundles: bundles.mapValues { $0.map(\.der) }, now: mesh.now, expectation: expectation)
    }
}
