// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import CertificateAuthority
import ControlAPI
import LinuxSystem
import MeshModel

/// The configuration of a proxy that has just joined: who it is, where its control plane is, and that everything is
/// captured but its own traffic.
struct ProxyFile {
    private let text: String
    private static let standardState = "/var/lib/weft"

    init(_ joined: JoinAnswer, state: String, owner: FileOwner, answersNames: Bool) {
        func list(_ addresses: [ControlAddress]) -> String {
            addresses.map { "\"\($0)\"" }.joined(separator: ", ")
        }
        var control = "addresses: [\(list(joined.control))]"
        // Only what the proxy would not take for granted.
        if !joined.join.isEmpty, ControlSettings(addresses: joined.control).joining.addresses != joined.join {
            control += ", joinAddresses: [\(list(joined.join))]"
        }
        var lines = [
            "kind: Proxy",
            "metadata: {name: \(joined.workload.name), namespace: \(joined.workload.namespace)}",
            "spec:",
            "  control: {\(control)}",
            "  capture: {proxyUIDs: [\(owner.user)]}",
        ]
        if state != Self.standardState { lines.append("  stateDirectory: \(YAMLText.quoted(state))") }
        if answersNames { lines.append("  names: {enabled: true}") }
        text = lines.joined(separator: "\n") + "\n"
    }

    /// The path, or nil where a file is there already: that is somebody's work.
    func write(to path: String) throws(Problem) -> String? {
        guard !Files.exists(path) else { return nil }
        do throws(SystemError) {
            let directory = Files.directory(of: path)
            if !Files.exists(directory) { try Files.makeDirectory(directory, permissions: 0o755) }
            try Files.create(path, permissions: 0o644, Array(text.utf8))
            // The proxy is somebody else, and the umask may have kept the file from it.
            try Files.setPermissions(path, 0o644)
        } catch {
            throw Problem(
                .writeFailed, at: path, "the proxy's configuration cannot be written: \(error.errno)",
                remedy: "name another file with `--config`, or write it yourself")
        }
        return path
    }
}
