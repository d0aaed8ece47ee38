// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import Glibc
package import MeshModel

/// The three files that a proxy's `identity` section names, in a directory of their own that the proxy may read.
package struct IdentityFiles: Sendable {
    package let directory: String
    private let owner: UInt32

    package var chain: String { "\(directory)/chain.pem" }
    package var key: String { "\(directory)/key.pem" }
    package var bundle: String { "\(directory)/bundle.pem" }

    package init(_ directory: String, owner: UInt32) throws {
        self.directory = directory
        self.owner = owner
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    }

    /// Writes a whole set: the leaf and its intermediate, the key, and the root that peers are judged by.
    package func write(_ leaf: MintedCertificate, of mesh: TestMesh, trusting roots: [MintedCertificate]? = nil) throws
    {
        try write(pem(roots ?? [mesh.root]), to: bundle, permissions: 0o644)
        try write(leaf.key.pem, to: key, permissions: 0o400)
        try write(pem([leaf, mesh.intermediate]), to: chain, permissions: 0o644)
    }

    /// Writes a whole set that somebody else has issued, into a directory that becomes its reader's own.
    package func writeSet(key: String, chain: String, bundle: String) throws {
        try giveAway()
        try write(bundle, to: self.bundle, permissions: 0o644)
        try write(key, to: self.key, permissions: 0o600)
        try write(chain, to: self.chain, permissions: 0o644)
    }

    /// Makes the directory its reader's own, who renews what is in it.
    package func giveAway() throws {
        guard chmod(directory, 0o700) == 0, chown(directory, owner, owner) == 0 else {
            throw DidNotHappen("\(directory) cannot be given away: errno \(errno)")
        }
    }

    package func writeChain(_ text: String) throws { try write(text, to: chain, permissions: 0o644) }

    /// By renaming, as whoever cares for a running reader does it.
    private func write(_ text: String, to path: String, permissions: mode_t) throws {
        let new = "\(path).new"
        try text.write(toFile: new, atomically: false, encoding: .utf8)
        guard chmod(new, permissions) == 0, chown(new, owner, owner) == 0, rename(new, path) == 0 else {
            throw DidNotHappen("\(path) cannot be written: errno \(errno)")
        }
    }

    private func pem(_ certificates: [MintedCertificate]) -> String {
        certificates.map { certificate in
            let body = Data(certificate.der).base64EncodedString(
                options: [.lineLength64Characters, .endLineWithLineFeed])
            return "-----BEGIN CERTIFICATE-----\n\(body)\n-----END CERTIFICATE-----\n"
        }.joined()
    }
}

extension WallTime {
    /// The wall clock.
    package static var today: WallTime { WallTime(seconds: Int64(Date().timeIntervalSince1970)) }
}
