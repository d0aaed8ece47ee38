// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
package import MeshModel
package import TLSSession

/// The key that a certificate is being renewed with: one for each certificate, kept in the state directory, 0600, until the
/// answer is stored.
///
/// An answer may be lost, or the process end before it is stored. The same certificate is then renewed again, and it has to be
/// with the same key: for the control plane a second key is the sign of a second owner, and it freezes the identity.
package struct PendingKey: Sendable {
    private static let byteMax = 16 << 10

    private let path: String

    package init(in stateDirectory: String) { path = "\(stateDirectory)/renewal.pem" }

    /// The key for the renewal of this certificate: the one that was used before, or a fresh one, which is written down first.
    package func key(for leaf: Certificate) throws(Problem) -> PrivateKey {
        if let kept = kept(for: leaf) { return kept }
        let key = try PrivateKey.make()
        var text = Self.mark(of: leaf)
        defer { wipe(&text) }
        var pem = try key.pem()
        defer { wipe(&pem) }
        text += pem
        try Files.replace(path, with: text)
        return key
    }

    /// The answer is stored, or the certificate is another.
    package func discard() {
        if Files.exists(path) { try? Files.remove(path) }
    }

    /// Nil also where what lies there cannot be read: a crash never leaves half of a file, and what somebody else has written
    /// there is nobody's key.
    private func kept(for leaf: Certificate) -> PrivateKey? {
        guard Files.exists(path), var bytes = try? Files.read(path, limit: Self.byteMax).bytes else { return nil }
        defer { wipe(&bytes) }
        guard bytes.starts(with: Self.mark(of: leaf)), let key = PrivateKey.read(pem: bytes), key.isP256 else {
            return nil
        }
        return key
    }

    /// The first line: which certificate it is for.
    private static func mark(of leaf: Certificate) -> [UInt8] {
        Array("certificate \(Hexadecimal.text(of: leaf.fingerprint))\n".utf8)
    }
}
