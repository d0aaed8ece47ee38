// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
package import MeshModel

/// The files of an offline authority:
///
/// ```
/// DIR/root.pem               what everyone trusts
/// DIR/intermediate.pem       what issues
/// DIR/intermediate-key.pem   its key, 0600
/// DIR/offline/root-key.pem   the root's key, 0600: needed again only to renew the intermediate, so `offline` can be
///                            carried away whole
/// ```
package struct AuthorityDirectory: Sendable {
    package let path: String

    package static let rootName = "root.pem"
    package static let intermediateName = "intermediate.pem"
    package static let intermediateKeyName = "intermediate-key.pem"
    package static let rootKeyName = "offline/root-key.pem"

    package init(_ path: String) { self.path = path }

    package func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Makes an authority, tries it out, and writes it, all of it or nothing. The directory must not exist yet, or be
    /// empty.
    package func create(
        trustDomain: TrustDomain, rootLifetime: Duration, intermediateLifetime: Duration, now: WallTime
    ) async throws(Problem) -> (root: RootAuthority, intermediate: IssuingAuthority) {
        let root = try RootAuthority.create(trustDomain: trustDomain, lifetime: rootLifetime, now: now)
        let key = SigningKey()
        let certificate = try root.signIntermediate(key.publicKey, lifetime: intermediateLifetime, now: now)
        let intermediate = try IssuingAuthority(roots: [root.certificate], certificate: certificate, key: key)
        try await Self.tryOut(intermediate, now: now)
        let files: [FileSet.File] = [
            .secret(Self.rootKeyName, root.key.pem),
            .secret(Self.intermediateKeyName, key.pem),
            .open(Self.intermediateName, certificate.pem),
            .open(Self.rootName, root.certificate.pem),
        ]
        try FileSet(directory: path, directoryPermissions: 0o700, files: files).createDirectory()
        return (root, intermediate)
    }

    /// Issues a certificate that is thrown away. Not every name that SPIFFE allows can stand in a name constraint: `a.`,
    /// `.a` and `1.2.3` cannot.
    private static func tryOut(_ authority: IssuingAuthority, now: WallTime) async throws(Problem) {
        let identity = SPIFFEID(
            trustDomain: authority.trustDomain, namespace: .defaultNamespace, serviceAccount: .defaultNamespace)
        let shortest = CertificateLifetime.workloadRange.lowerBound
        let trial = try authority.issue(SigningKey().publicKey, identity: identity, lifetime: shortest, now: now)
        do throws(Problem) {
            try await trial.requireAccepted(now: now)
        } catch {
            throw Problem(
                .badIdentity, "an authority cannot be held to the trust domain `\(authority.trustDomain)`: \(error)",
                remedy: "take a name that could be a host's")
        }
    }

    /// Reads what issuing needs, which the root's key is not part of.
    package func issuingAuthority() throws(Problem) -> IssuingAuthority {
        let roots = try PEMFile.certificates(file(Self.rootName), .authority)
        let intermediates = try PEMFile.certificates(file(Self.intermediateName), .authority)
        guard intermediates.count == 1 else {
            throw Problem(
                .authorityMalformed, at: file(Self.intermediateName), "it holds \(intermediates.count) certificates",
                remedy: "it has to hold one")
        }
        let key = try PEMFile.key(file(Self.intermediateKeyName), .authority)
        return try IssuingAuthority(roots: roots, certificate: intermediates[0], key: key)
    }

    /// Signs the intermediate's key once more and swaps its certificate; no key changes. `rootKeyPath` is where the root's
    /// key has been brought; nil for where it was made.
    package func renewIntermediate(
        rootKeyPath: String?, lifetime: Duration, now: WallTime
    ) throws(Problem) -> IssuingAuthority {
        let old = try issuingAuthority()
        let root = try rootAuthority(keyPath: rootKeyPath)
        guard let publicKey = old.certificate.publicKey else {
            throw Problem(.authorityMalformed, at: file(Self.intermediateName), "its key is not on P-256")
        }
        let certificate = try root.signIntermediate(publicKey, lifetime: lifetime, now: now)
        let renewed = try old.renewed(with: certificate)
        let files: [FileSet.File] = [.open(Self.intermediateName, certificate.pem)]
        try FileSet(directory: path, directoryPermissions: 0o700, files: files).replace()
        return renewed
    }

    /// The root with its key. `keyPath` is where the key has been brought; nil for where it was made.
    package func rootAuthority(keyPath: String? = nil) throws(Problem) -> RootAuthority {
        let keyPath = keyPath ?? file(Self.rootKeyName)
        let key = try PEMFile.key(keyPath, .authority)
        let roots = try PEMFile.certificates(file(Self.rootName), .authority)
        guard let certificate = roots.first(where: { $0.publicKey == key.publicKey }) else {
            throw Problem(
                .authorityMalformed, at: keyPath, "the key belongs to no root in \(file(Self.rootName))")
        }
        return try RootAuthority(certificate: certificate, key: key)
    }
}
