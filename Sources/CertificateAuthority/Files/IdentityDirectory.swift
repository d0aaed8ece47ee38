// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
package import MeshModel

/// The three files that a proxy's `identity` section names, in one directory:
///
/// ```
/// DIR/chain.pem    the leaf, then the intermediate
/// DIR/key.pem      the leaf's key, 0600; absent where a request brought the key
/// DIR/bundle.pem   the roots
/// ```
package struct IdentityDirectory: Sendable {
    package let path: String

    package static let chainName = "chain.pem"
    package static let keyName = "key.pem"
    package static let bundleName = "bundle.pem"

    package init(_ path: String) { self.path = path }

    package func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Writes a new set, all of it or nothing. Everyone may read the certificates; the directory is made if it is missing.
    package func create(_ certificate: WorkloadCertificate, key: SigningKey?, owner: FileOwner?) throws(Problem) {
        try fileSet(certificate, key: key, roots: certificate.roots).create(owner: owner)
    }

    /// What a set that is to be renewed holds now.
    package struct Current: Sendable {
        package let identity: SPIFFEID
        /// False for a set whose key is elsewhere, since a request brought it.
        package let hasKey: Bool
        package let roots: [SignedCertificate]
    }

    package func current() throws(Problem) -> Current {
        let chain = file(Self.chainName)
        guard Files.exists(chain) else {
            throw Problem(.notRenewable, at: path, "there is no \(Self.chainName) to renew")
        }
        guard let identity = try PEMFile.certificates(chain, .workload).first?.identity else {
            throw Problem(.identityMalformed, at: chain, "its leaf carries no SPIFFE ID")
        }
        return Current(
            identity: identity, hasKey: Files.exists(file(Self.keyName)),
            roots: try PEMFile.certificates(file(Self.bundleName), .workload))
    }

    /// Replaces the set that ``current()`` has read. A bundle that lacks a root gets it first, and only grows: whoever
    /// reads half-way trusts the new chain already, and a root that was added by hand for a rotation stays. Then the key,
    /// then the chain.
    package func renew(_ certificate: WorkloadCertificate, key: SigningKey?, _ current: Current) throws(Problem) {
        let added = certificate.roots.filter { !current.roots.contains($0) }
        try fileSet(certificate, key: key, roots: added.isEmpty ? nil : current.roots + added).replace()
    }

    /// The files to write; without a bundle where `roots` is nil.
    private func fileSet(
        _ certificate: WorkloadCertificate, key: SigningKey?, roots: [SignedCertificate]?
    ) -> FileSet {
        var files: [FileSet.File] = []
        if let roots { files.append(.open(Self.bundleName, roots.map(\.pem).joined())) }
        if let key { files.append(.secret(Self.keyName, key.pem)) }
        files.append(.open(Self.chainName, certificate.chain.map(\.pem).joined()))
        return FileSet(directory: path, directoryPermissions: 0o755, files: files)
    }
}
