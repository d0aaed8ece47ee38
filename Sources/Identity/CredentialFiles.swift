// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
internal import MeshModel
internal import TLSSession

/// Certificates and keys in PEM files, with what is asked of such files.
enum CredentialFiles {
    private static let fileLimit = 1 << 20
    private static let chainLimit = 8

    /// A chain and the key of its leaf.
    static func pair(chain chainPath: String, key keyPath: String) throws(Problem) -> ([Certificate], PrivateKey) {
        let chain = try certificates(chainPath, limit: chainLimit, "a certificate chain, leaf first")
        let key = try key(keyPath)
        guard let leaf = chain.first, key.fits(leaf) else {
            throw Problem(
                .keyMismatch, at: keyPath, "does not belong to the first certificate of \(chainPath)",
                remedy: "install both from the same issue")
        }
        return (chain, key)
    }

    static func certificates(_ path: String, limit: Int, _ expected: String) throws(Problem) -> [Certificate] {
        guard let certificates = Certificate.list(pem: try read(path).bytes, limit: limit) else {
            throw Problem(.identityMalformed, at: path, "does not hold \(expected) in PEM")
        }
        return certificates
    }

    private static func key(_ path: String) throws(Problem) -> PrivateKey {
        var (bytes, facts) = try read(path)
        defer { wipe(&bytes) }
        let allowed: Set<UInt32> = [0o400, 0o440, 0o600, 0o640]
        guard allowed.contains(facts.permissions & 0o777) else {
            throw Problem(
                .identityPermissions, at: path, "has mode \(String(facts.permissions, radix: 8))",
                remedy: "make it 0600 or 0640: `chmod 600 \(path)`")
        }
        guard facts.user == 0 || facts.user == ThisProcess.effectiveUser else {
            throw Problem(
                .identityPermissions, at: path, "belongs to uid \(facts.user)",
                remedy: "it must belong to root or to uid \(ThisProcess.effectiveUser), which the proxy runs as")
        }
        guard let key = PrivateKey.read(pem: bytes) else {
            throw Problem(.identityMalformed, at: path, "does not hold an unencrypted private key in PEM")
        }
        return key
    }

    private static func read(_ path: String) throws(Problem) -> (bytes: [UInt8], facts: FileFacts) {
        do throws(SystemError) {
            return try Files.read(path, limit: fileLimit)
        } catch {
            throw Problem(.identityFileUnreadable, at: path, "cannot be read: \(error.errno)")
        }
    }
}
