// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// The table of good and bad certificates that every verifier of ours is held to: the one on swift-certificates, for the
/// authority and the control plane, and the one on OpenSSL, for the sidecar. Two verifiers that differ on a row are a hole
/// or an outage, so the table is one, and speaks only bytes and words of the model.
///
/// Each row breaks one rule and leaves the others whole, so that its code is the only right one. Keys are fresh in each
/// run; RSA keys take some milliseconds, the rest is quick.
package struct CertificateTable {
    /// In January 2027. Any moment does; a fixed one makes failures repeat.
    package static let moment = WallTime(seconds: 1_800_000_000)

    let now: WallTime

    /// Every row. A test that makes real handshakes, where libraries read the clock, gives its own moment.
    package static func cases(now: WallTime = moment) throws -> [CertificateCase] {
        let table = CertificateTable(now: now)
        return try [
            table.goodChains(), table.goodBundles(), table.names(), table.malformedIdentities(), table.trustDomains(),
            table.leaves(), table.encodings(), table.issuers(), table.constraints(), table.dates(), table.signatures(),
            table.paths(), table.strengths(),
        ].flatMap(\.self)
    }

    /// One mesh with the usual three certificates, bent in one place. Accepted as the mesh's usual identity if `code` is
    /// nil.
    func bent(
        _ name: String, _ code: ErrorCode? = nil, root: TestMesh.Edit = { _ in },
        intermediate: TestMesh.Edit = { _ in }, leaf: TestMesh.Edit = { _ in }
    ) throws -> CertificateCase {
        let mesh = try TestMesh(now: now, root: root, intermediate: intermediate)
        let chain = [try mesh.leaf(nil, leaf), mesh.intermediate]
        return CertificateCase(name, mesh, chain, try code.map { .rejected($0) } ?? accepted(mesh.identity))
    }

    /// As ``bent(_:_:root:intermediate:leaf:)``, with a leaf for another identity.
    func named(_ name: String, _ identity: String, _ code: ErrorCode? = nil) throws -> CertificateCase {
        let mesh = try TestMesh(now: now)
        let chain = [try mesh.leaf(identity), mesh.intermediate]
        return CertificateCase(name, mesh, chain, try code.map { .rejected($0) } ?? accepted(identity))
    }

    func accepted(_ identity: String) throws -> CertificateCase.Expectation {
        guard let identity = SPIFFEID(identity) else { preconditionFailure("\(identity) is meant to be good.") }
        return .accepted(identity)
    }

    func trustDomain(_ name: String) -> TrustDomain {
        guard let domain = TrustDomain(name) else { preconditionFailure("\(name) is meant to be good.") }
        return domain
    }
}

extension TestMesh {
    /// As ``leaf(_:by:_:)`` with an optional edit first, for rows that change nothing else.
    func leaf(_ identity: String?, _ edit: Edit) throws -> MintedCertificate { try leaf(identity, by: nil, edit) }
}
