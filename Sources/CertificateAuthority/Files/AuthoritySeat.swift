// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
package import MeshModel

/// Where a replica of the control plane keeps what it issues with, and what may take its place:
///
/// ```
/// DIR/ca                  in force; as ``AuthorityDirectory`` makes it, or without the root's key
/// DIR/ca.next             prepared, with a root of its own: the next rotation
/// DIR/ca.pending.pem      a key that waits for its certificate, 0600
/// DIR/ca.old              what was in force before, until the root it came from is retired
/// ```
///
/// A place is taken by renaming whole directories; ``recover()`` ends what was stopped half-way.
package struct AuthoritySeat: Sendable {
    private let path: String

    package init(in directory: String) { path = "\(directory)/ca" }

    package var inForce: AuthorityDirectory { AuthorityDirectory(path) }
    package var next: AuthorityDirectory { AuthorityDirectory("\(path).next") }
    package var old: AuthorityDirectory { AuthorityDirectory(oldPath) }
    private var oldPath: String { "\(path).old" }
    private var pendingName: String { "ca.pending.pem" }
    private var pendingPath: String { "\(Files.directory(of: path))/\(pendingName)" }

    package var exists: Bool { Files.exists(path) }
    package var hasNext: Bool { Files.exists(next.path) }

    /// Ends what a crash has left half done: a place was empty for a moment.
    package func recover() {
        guard !Files.exists(path) else { return }
        if Files.exists(oldPath) { try? Files.rename(hasNext ? next.path : oldPath, to: path) }
    }

    /// Puts the next authority in the place of the one in force.
    package func takeNext() throws(Problem) {
        do throws(SystemError) {
            if Files.exists(path) {
                removeOld()
                try Files.rename(path, to: oldPath)
            }
            try Files.rename(next.path, to: path)
            try Files.syncDirectory(Files.directory(of: path))
        } catch {
            recover()
            throw Problem(.writeFailed, at: path, "cannot be replaced: \(error)")
        }
    }

    /// Forgets what was in force before, its keys with it.
    package func removeOld() { Self.removeAll(oldPath) }

    private static func removeAll(_ directory: String) {
        for name in [
            AuthorityDirectory.rootKeyName, AuthorityDirectory.intermediateKeyName, AuthorityDirectory.intermediateName,
            AuthorityDirectory.rootName,
        ] { try? Files.remove("\(directory)/\(name)") }
        try? Files.removeDirectory("\(directory)/offline")
        try? Files.removeDirectory(directory)
    }

    // MARK: Without the root's key

    /// The key of an intermediate that somebody else is to sign; made where there is none.
    package func pendingKey() throws(Problem) -> SigningKey {
        if Files.exists(pendingPath) { return try PEMFile.key(pendingPath, .authority) }
        let key = SigningKey()
        let files: [FileSet.File] = [.secret(pendingName, key.pem)]
        try FileSet(directory: Files.directory(of: path), directoryPermissions: 0o700, files: files).create()
        return key
    }

    /// Takes the certificate of the pending key and puts it in force. Nothing changes where it does not fit one of `roots`.
    package func install(intermediate text: String, roots: [SignedCertificate]) throws(Problem) -> IssuingAuthority {
        guard let certificates = SignedCertificate.all(inPEM: text), let certificate = certificates.first,
            certificates.count == 1
        else { throw Problem(.authorityMalformed, "it does not hold exactly one certificate in PEM") }
        guard let root = roots.first(where: { certificate.isSigned(by: $0) }) else {
            throw Problem(.authorityMalformed, "the intermediate is signed by none of the mesh's roots")
        }
        let key = try pendingKey()
        let authority = try IssuingAuthority(roots: [root], certificate: certificate, key: key)
        let files: [FileSet.File] = [
            .secret(AuthorityDirectory.intermediateKeyName, key.pem),
            .open(AuthorityDirectory.intermediateName, certificate.pem), .open(AuthorityDirectory.rootName, root.pem),
        ]
        Self.removeAll(next.path)
        try FileSet(directory: next.path, directoryPermissions: 0o700, files: files).createDirectory()
        try takeNext()
        try? Files.remove(pendingPath)
        return authority
    }
}
