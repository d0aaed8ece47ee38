// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import LinuxSystem
package import MeshModel
package import TLSSession

/// The identity that a proxy has of its control plane: chain, key and bundle in one directory inside the state directory,
/// which is replaced as a whole.
///
/// ```
///   identity.new   written and synced, file by file          a crash here: the old set is in place
///   identity       ─▶ identity.old                           a crash here: ``recover()`` puts the new one in its place
///   identity.new   ─▶ identity                               from here on the new set
///   identity.old   removed
/// ```
package struct IdentityDirectory: Sendable {
    private let stateDirectory: String

    package init(in stateDirectory: String) { self.stateDirectory = stateDirectory }

    private var path: String { "\(stateDirectory)/identity" }
    private var newPath: String { "\(path).new" }
    private var oldPath: String { "\(path).old" }
    private static let names = ["chain.pem", "key.pem", "bundle.pem"]

    package var paths: IdentityPaths {
        IdentityPaths(chain: "\(path)/chain.pem", key: "\(path)/key.pem", bundle: "\(path)/bundle.pem")
    }

    /// False for a proxy that has never joined.
    package var exists: Bool { Files.exists(path) }

    /// The roots of another trust domain; nil where its name is longer than a file's may be.
    package func bundlePath(of other: TrustDomain) -> String? {
        other.name.utf8.count > 200 ? nil : "\(stateDirectory)/trust-\(other.name).pem"
    }

    /// Ends what a crash may have left half done. To be called before anything is read.
    package func recover() {
        if !Files.exists(path) {
            let isWhole = Self.names.allSatisfy { Files.exists("\(newPath)/\($0)") } && Files.exists(oldPath)
            try? Files.rename(isWhole ? newPath : oldPath, to: path)
        }
        for left in [newPath, oldPath] { Self.remove(left) }
    }

    /// Puts a set in the place of the one that is there.
    package func replace(chain: String, key: PrivateKey, bundle: String) throws(Problem) {
        var keyText = try key.pem()
        defer { wipe(&keyText) }
        do throws(SystemError) {
            for left in [newPath, oldPath] { Self.remove(left) }
            try Files.makeDirectory(newPath, permissions: 0o700)
            try Files.create("\(newPath)/chain.pem", permissions: 0o600, Array(chain.utf8))
            try Files.create("\(newPath)/key.pem", permissions: 0o600, keyText)
            try Files.create("\(newPath)/bundle.pem", permissions: 0o600, Array(bundle.utf8))
            try Files.syncDirectory(newPath)
            if Files.exists(path) { try Files.rename(path, to: oldPath) }
            try Files.rename(newPath, to: path)
            try Files.syncDirectory(stateDirectory)
            Self.remove(oldPath)
        } catch {
            recover()
            throw Problem(.stateNotWritten, at: path, "cannot be replaced: \(error)")
        }
    }

    /// Replaces the roots of the own trust domain and leaves the rest of the set.
    package func replace(bundle: String) throws(Problem) { try Files.replace(paths.bundle, with: Array(bundle.utf8)) }

    private static func remove(_ directory: String) {
        guard Files.exists(directory) else { return }
        for name in names + names.map({ "\($0).new" }) { try? Files.remove("\(directory)/\(name)") }
        try? Files.removeDirectory(directory)
    }
}

extension Files {
    /// Writes a file of the state directory, 0600, so that whoever reads it finds the old or the new, whole, even after a
    /// power failure.
    package static func replace(_ path: String, with bytes: [UInt8]) throws(Problem) {
        let new = "\(path).new"
        do throws(SystemError) {
            // What a crash has left.
            if exists(new) { try remove(new) }
            try create(new, permissions: 0o600, bytes)
            try rename(new, to: path)
            try syncDirectory(directory(of: path))
        } catch {
            throw Problem(.stateNotWritten, at: path, "cannot be written: \(error)")
        }
    }
}
