// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
internal import MeshModel

/// The two interfaces of the kernel that iptables programs talk to.
enum RuleBackend: String, Hashable, Sendable, CaseIterable {
    /// nf_tables
    case nft
    /// x_tables, the old one; it has a lock and needs NET_RAW.
    case legacy
}

/// Finds the programs. Looked up in the system's directories only, whatever PATH says: they run with our privileges.
struct IptablesPrograms: Hashable, Sendable {
    let save: String
    let restore: String

    private static let directories = [
        "/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/local/bin",
    ]

    /// The programs of one backend and family; nil if they are not installed.
    static func find(_ backend: RuleBackend, _ family: AddressFamily) -> IptablesPrograms? {
        let stem = family == .ipv4 ? "iptables" : "ip6tables"
        if let exact = pair("\(stem)-\(backend.rawValue)") { return exact }
        // Distributions with one backend only have the plain names; the version tells which one it is.
        guard let plain = pair(stem), backend == kind(of: plain) else { return nil }
        return plain
    }

    private static func pair(_ stem: String) -> IptablesPrograms? {
        for directory in directories {
            let programs = IptablesPrograms(save: "\(directory)/\(stem)-save", restore: "\(directory)/\(stem)-restore")
            if Files.exists(programs.save), Files.exists(programs.restore) { return programs }
        }
        return nil
    }

    private static func kind(of programs: IptablesPrograms) -> RuleBackend? {
        let result = try? ChildProcess.run(programs.restore, ["--version"], timeout: .seconds(5))
        guard let result, result.succeeded else { return nil }
        return result.output.contains("nf_tables") ? .nft : .legacy
    }

    /// What the programs find in their environment: nothing of ours, and for legacy a lock that can be taken.
    func environment(_ backend: RuleBackend) -> [String: String] {
        var environment = ["LC_ALL": "C", "PATH": IptablesPrograms.directories.joined(separator: ":")]
        if backend == .legacy, !IptablesPrograms.canLock {
            // Where /run is read-only nobody can take the common lock; the program's own file serves, since a lock
            // needs a file but never writes to it.
            environment["XTABLES_LOCKFILE"] = restore
        }
        return environment
    }

    private static let commonLock = "/run/xtables.lock"

    private static var canLock: Bool {
        if Files.exists(commonLock) { return (try? Files.open(commonLock)) != nil }
        return Files.isWritable(Files.directory(of: commonLock))
    }
}
