// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import Identity
import LinuxSystem
import MeshModel
import MeshTesting

/// The files of one workload in a directory of their own, removed afterwards.
final class IdentityWorkshop {
    let now = CertificateTable.moment
    let mesh: TestMesh
    let directory: String

    init() throws {
        mesh = try TestMesh(now: now)
        directory = NSTemporaryDirectory() + "weft-identity-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    /// A path inside the directory.
    func callAsFunction(_ name: String) -> String { "\(directory)/\(name)" }

    func write(_ text: String, to name: String, mode: UInt16 = 0o644) throws {
        try text.write(toFile: self(name), atomically: false, encoding: .utf8)
        try setMode(mode, of: name)
    }

    func setMode(_ mode: UInt16, of name: String) throws {
        try FileManager.default.setAttributes([.posixPermissions: NSNumber(value: mode)], ofItemAtPath: self(name))
    }

    /// Writes one issue: leaf and intermediate, key, roots.
    @discardableResult
    func install(
        _ identity: String? = nil, signedBy issuer: TestMesh? = nil, roots: [MintedCertificate]? = nil,
        in subdirectory: String = ".", edit: TestMesh.Edit = { _ in }
    ) throws -> MintedCertificate {
        let issuer = issuer ?? mesh
        let leaf = try issuer.leaf(identity, by: nil, edit)
        try write(pem(leaf, issuer.intermediate), to: "\(subdirectory)/chain.pem")
        try write(leaf.key.pem, to: "\(subdirectory)/key.pem", mode: 0o600)
        try write(pem(roots ?? [issuer.root]), to: "\(subdirectory)/bundle.pem")
        return leaf
    }

    func paths(in subdirectory: String? = nil) -> IdentityPaths {
        let base = subdirectory.map { self($0) } ?? directory
        return IdentityPaths(chain: "\(base)/chain.pem", key: "\(base)/key.pem", bundle: "\(base)/bundle.pem")
    }

    func loader(
        in subdirectory: String? = nil, trust: [TrustSettings] = [], expecting identity: SPIFFEID? = nil,
        trustDomain: TrustDomain? = nil
    ) -> IdentityLoader {
        IdentityLoader(
            paths(in: subdirectory), trust: trust, expectedIdentity: identity, trustDomain: trustDomain)
    }

    /// What loading says is wrong; nil if it goes well.
    func problem(_ loader: IdentityLoader? = nil) -> Problem? {
        do throws(Problem) {
            _ = try (loader ?? self.loader()).load(continuing: nil, now: now)
            return nil
        } catch {
            return error
        }
    }

    func pem(_ certificates: MintedCertificate...) -> String { pem(certificates) }

    func pem(_ certificates: [MintedCertificate]) -> String {
        certificates.map { certificate in
            let text = Data(certificate.der).base64EncodedString(options: .lineLength64Characters)
            return "-----BEGIN CERTIFICATE-----\n\(text)\n-----END CERTIFICATE-----\n"
        }.joined()
    }
}
