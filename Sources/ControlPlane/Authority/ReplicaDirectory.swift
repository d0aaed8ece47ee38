// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CertificateAuthority
internal import LinuxSystem
package import MeshModel

/// What one replica keeps on its own disk, because nobody else may have it: the keys of its intermediate and, where it has
/// the root, the root's. Everything else is in the store.
///
/// ```
/// DIR/ca, DIR/ca.*            what it issues with (``AuthoritySeat``)
/// DIR/replica                 the replica's name
/// DIR/control.sock            the administrator's socket
/// DIR/weft.db                 the store, where it is SQLite
/// ```
package struct ReplicaDirectory: Sendable {
    package let path: String

    package var socketPath: String { "\(path)/control.sock" }
    package var databasePath: String { "\(path)/weft.db" }
    private var namePath: String { "\(path)/replica" }

    /// Makes the directory if it is not there; it must belong to us and be closed to everybody else.
    package init(_ path: String) throws(Problem) {
        self.path = path
        do throws(SystemError) {
            if !Files.exists(path) { try Files.makeDirectory(path, permissions: 0o700) }
            let facts = try Files.facts(path)
            guard facts.isDirectory, facts.user == ThisProcess.effectiveUser, facts.permissions & 0o077 == 0 else {
                throw SystemError(.notPermitted, path)
            }
        } catch {
            throw Problem(
                .stateDirectory, at: path, "cannot be used: \(error)",
                remedy: "`install -d -m 0700 -o \(ThisProcess.effectiveUser) \(path)`, or name another with `--data`")
        }
    }

    /// The name that this replica has had since its first start: certificates and leases go by it.
    package func replicaName(wanted: ResourceName?) throws(Problem) -> ResourceName {
        do throws(SystemError) {
            if Files.exists(namePath) {
                let text = String(decoding: try Files.read(namePath, limit: 1024).bytes, as: UTF8.self)
                if let name = ResourceName(text.filter { $0 != "\n" }) { return name }
            }
            var random = KernelRandom()
            let drawn = "control-" + String(random.next() % 0x1_0000_0000, radix: 36)
            guard let name = wanted ?? ResourceName(drawn) else {
                preconditionFailure("The drawn name is a DNS label.")
            }
            try Files.create(namePath, permissions: 0o600, Array("\(name)\n".utf8))
            return name
        } catch {
            throw Problem(.stateDirectory, at: namePath, "cannot be written: \(error)")
        }
    }
}
