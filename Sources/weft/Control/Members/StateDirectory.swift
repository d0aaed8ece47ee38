// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import CertificateAuthority
import ControlAPI
import LinuxSystem
import MeshModel

/// The state directory of a proxy, as far as joining and leaving touch it:
///
/// ```
/// DIR                    0700, the proxy's own
/// DIR/join-<id>.pem      0600: the key that a token is being exchanged for
/// DIR/identity/          0700: chain.pem, key.pem, bundle.pem, 0600; replaced as a whole
/// ```
struct StateDirectory {
    let path: String
    private let owner: FileOwner

    init(_ path: String, owner: FileOwner) {
        self.path = path
        self.owner = owner
    }

    var identityPath: String { "\(path)/identity" }
    private var newPath: String { "\(identityPath).new" }
    private static let names = ["chain.pem", "key.pem", "bundle.pem"]

    /// Makes the directory where it is missing. A proxy that finds it open to others, or somebody else's, does not start, so
    /// that it is better said here.
    func prepare() throws(Problem) {
        let facts: FileFacts
        do throws(SystemError) {
            if !Files.exists(path) {
                try Files.makeDirectory(path, permissions: 0o700)
                try give(path)
            }
            facts = try Files.facts(path)
        } catch {
            throw Problem(.stateDirectory, at: path, "cannot be used: \(error)", remedy: remedy)
        }
        guard facts.isDirectory, facts.user == owner.user, facts.permissions & 0o077 == 0 else {
            throw Problem(
                .stateDirectory, at: path,
                "belongs to uid \(facts.user) with mode \(String(facts.permissions, radix: 8)), and the proxy is \(owner.user)",
                remedy: remedy)
        }
        guard !Files.exists(identityPath) else {
            throw Problem(
                .wouldOverwrite, at: identityPath, "is there already: this machine has joined",
                remedy: "`weft leave` first, or name another directory with `--state`")
        }
    }

    private var remedy: String { "`install -d -m 0700 -o \(owner.user) \(path)`" }

    // MARK: The key that waits for its answer

    private func pendingPath(_ id: String) -> String { "\(path)/join-\(id).pem" }

    /// The key that this token was tried with before, or a fresh one, on the disk before anybody hears of it.
    func pendingKey(for id: String) throws(Problem) -> SigningKey {
        let pending = pendingPath(id)
        if Files.exists(pending) { return try PEMFile.key(pending, .workload) }
        let key = SigningKey()
        do throws(SystemError) {
            try Files.create(pending, permissions: 0o600, Array(key.pem.utf8))
            try Files.syncDirectory(path)
        } catch {
            throw Problem(.writeFailed, at: pending, "cannot be written: \(error.errno)")
        }
        return key
    }

    func forgetPendingKey(of id: String) { try? Files.remove(pendingPath(id)) }

    // MARK: The identity

    /// Writes the set whole: until the last step there is none, after it there is all of it.
    func keep(_ answer: JoinAnswer, _ key: SigningKey) throws(Problem) {
        let bundle = answer.trust[answer.identity.trustDomain] ?? ""
        let texts = [answer.chain, key.pem, bundle]
        do throws(SystemError) {
            Self.remove(newPath)
            try Files.makeDirectory(newPath, permissions: 0o700)
            for (name, text) in zip(Self.names, texts) {
                try Files.create("\(newPath)/\(name)", permissions: 0o600, Array(text.utf8))
                try give("\(newPath)/\(name)")
            }
            try give(newPath)
            try Files.syncDirectory(newPath)
            try Files.rename(newPath, to: identityPath)
            try Files.syncDirectory(path)
        } catch {
            Self.remove(newPath)
            throw Problem(
                .writeFailed, at: identityPath, "cannot be written: \(error)",
                remedy: "mend it and run the same command again: the key is kept")
        }
    }

    /// Who this machine is; throws where it has not joined.
    static func identity(in path: String) throws(Problem) -> SPIFFEID {
        let chain = "\(path)/identity/chain.pem"
        guard Files.exists(chain) else {
            throw Problem(.notJoined, at: path, "has no identity", remedy: "`weft join`, or name it with `--state`")
        }
        guard let identity = try PEMFile.certificates(chain, .workload).first?.identity else {
            throw Problem(.identityMalformed, at: chain, "its leaf carries no SPIFFE ID")
        }
        return identity
    }

    /// Takes the identity away, with what the proxy keeps of the mesh.
    static func forget(in path: String) throws(Problem) {
        let identity = "\(path)/identity"
        do throws(SystemError) {
            // The key first: from then on nobody can be this workload here.
            for name in ["key.pem", "chain.pem", "bundle.pem"] where Files.exists("\(identity)/\(name)") {
                try Files.remove("\(identity)/\(name)")
            }
            try Files.removeDirectory(identity)
            // What was told to this workload is no other's, and another mesh counts its revisions anew.
            for name in (try? DirectoryNames.all(path)) ?? [] where Self.isOfMesh(name) {
                try Files.remove("\(path)/\(name)")
            }
            try Files.syncDirectory(path)
        } catch {
            throw Problem(.writeFailed, at: identity, "cannot be removed: \(error)")
        }
    }

    /// Besides the identity: the snapshot, the key of a renewal, the roots of other trust domains.
    private static func isOfMesh(_ name: String) -> Bool {
        ["snapshot.json", "revision", "renewal.pem"].contains(name)
            || name.hasPrefix("trust-") && name.hasSuffix(".pem")
    }

    private static func remove(_ directory: String) {
        for name in names { try? Files.remove("\(directory)/\(name)") }
        try? Files.removeDirectory(directory)
    }

    private func give(_ file: String) throws(SystemError) {
        let facts = try Files.facts(file)
        guard facts.user != owner.user || facts.group != owner.group ?? facts.group else { return }
        try Files.setOwner(file, user: owner.user, group: owner.group)
    }
}
