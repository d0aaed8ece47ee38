// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import LinuxSystem
import MeshModel

/// `weft dev` for who is not root: the same in a user namespace, in which we are. Sidecars and services are users of their
/// own, so that one id is not enough: the subordinate ids of /etc/subuid are mapped, which takes newuidmap(1).
enum DevUserNamespace {
    private static let unshare = [
        "--user", "--map-root-user", "--map-auto", "--net", "--mount", "--pid", "--fork", "--kill-child",
    ]

    /// Becomes the same command inside; throws where that cannot be, with what is missing.
    static func enter(_ programs: DevPrograms) throws(Problem) -> Never {
        let find = { (name: String) in programs.find(name) }
        guard let unshare = find("unshare") else { throw refusal("unshare (package util-linux) is missing") }
        guard find("newuidmap") != nil else { throw refusal("newuidmap (package uidmap) is missing") }
        let result = try programs.attempt([unshare] + Self.unshare + ["true"])
        guard result.succeeded else {
            let said = result.error.split(separator: "\n").last.map(String.init) ?? "it failed"
            throw refusal("a user namespace with subordinate ids cannot be made (\(said)); \(hint)")
        }
        let words = [unshare] + Self.unshare + ["--mount-proc", programs.weft] + ThisProcess.arguments
        do throws(SystemError) {
            try ThisProcess.become(words + ["--inside-user-namespace"])
        } catch {
            throw refusal("unshare cannot be started: \(error.errno)")
        }
    }

    /// What is missing most often, in the order in which the kernel and newuidmap ask for it.
    private static var hint: String {
        if number("/proc/sys/kernel/unprivileged_userns_clone") == 0 {
            return "the kernel's kernel.unprivileged_userns_clone is 0"
        }
        if number("/proc/sys/user/max_user_namespaces") == 0 { return "the kernel's user.max_user_namespaces is 0" }
        if number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1 {
            return "the kernel's kernel.apparmor_restrict_unprivileged_userns is 1"
        }
        return "look for a line of yours in /etc/subuid and /etc/subgid, such as you:100000:65536"
    }

    private static func number(_ path: String) -> Int? {
        guard let bytes = try? Files.read(path, limit: 64).bytes else { return nil }
        return Int(String(decoding: bytes, as: UTF8.self).trimmed)
    }

    private static func refusal(_ what: String) -> Problem {
        Problem(
            .devNotPermitted, "this takes network namespaces, and you are not root: \(what)",
            remedy: "mend that, or run `sudo \((["weft"] + ThisProcess.arguments).joined(separator: " "))`")
    }

    /// Inside: what root would have. /run is ours, for the names of namespaces and the lock of iptables; /etc is not, so
    /// that the file about resolvers is laid over for everybody here in place of /etc/netns.
    static func prepare(_ programs: DevPrograms) throws(Problem) {
        guard let mount = programs.find("mount") else {
            throw Problem(.devProgramMissing, at: "mount", "is not there", remedy: "install the package mount")
        }
        let resolvers = Files.resolved("/etc/resolv.conf")
        try programs.run([mount, "-t", "tmpfs", "-o", "mode=0755", "tmpfs", "/run"])
        let text = "/run/weft-resolv.conf"
        try DevNetwork.write(text, "nameserver \(DevPlan.gateway)\n", permissions: 0o644)
        guard let resolvers else { return }
        if resolvers.hasPrefix("/run/") {
            var directory = "/run"
            for part in Files.directory(of: resolvers).split(separator: "/").dropFirst() {
                directory += "/\(part)"
                try DevNetwork.make(directory: directory, permissions: 0o755)
            }
            try DevNetwork.write(resolvers, "nameserver \(DevPlan.gateway)\n", permissions: 0o644)
        } else {
            try programs.run([mount, "--bind", text, resolvers])
        }
    }
}
