// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import LinuxSystem
import MeshModel

/// The namespaces of ``DevPlan``: made, and taken away with everything that runs in them.
struct DevNetwork {
    let programs: DevPrograms

    private static let ending: Duration = .seconds(4)

    func make(_ plan: DevPlan) throws(Problem) {
        let hub = DevPlan.name
        var lines = [
            "netns add \(hub)", "-n \(hub) link set lo up", "-n \(hub) link add br0 type bridge",
            "-n \(hub) link set br0 up", "-n \(hub) address add \(DevPlan.gateway)/24 dev br0",
        ]
        for (number, pod) in plan.pods.enumerated() {
            let space = pod.namespace
            lines += [
                "netns add \(space)", "-n \(space) link set lo up",
                "link add eth0 netns \(space) type veth peer name port\(number) netns \(hub)",
                "-n \(hub) link set port\(number) master br0 up", "-n \(space) link set eth0 up",
                "-n \(space) address add \(pod.address)/24 dev eth0",
                "-n \(space) route add default via \(DevPlan.gateway)",
            ]
        }
        for line in lines { try programs.run([programs.ip] + line.split(separator: " ").map(String.init)) }
    }

    /// What `ip netns exec` lays over /etc in a pod: its sidecar answers for any server of names.
    func writeResolvers(_ plan: DevPlan) throws(Problem) {
        // Where /etc is somebody else's, the file is laid over for all: ``DevUserNamespace``.
        guard Files.isWritable("/etc") else { return }
        for pod in plan.pods {
            let directory = "/etc/netns/\(pod.namespace)"
            try Self.make(directory: "/etc/netns", permissions: 0o755)
            try Self.make(directory: directory, permissions: 0o755)
            try Self.write("\(directory)/resolv.conf", "nameserver \(DevPlan.gateway)\n", permissions: 0o644)
        }
    }

    /// Ends every process in namespaces of ours, whoever started it, and removes them and all files. True if there was
    /// anything.
    @discardableResult
    func remove() async throws(Problem) -> Bool {
        let names = try names()
        try await end(in: names)
        for name in names { try programs.run([programs.ip, "netns", "delete", name]) }
        for path in ["/etc/netns", DevPlan.directory] where Files.exists(path) {
            // Of the first only what is ours; the second is locked by its name and goes last.
            let chosen = path == DevPlan.directory ? [] : ["-regex", "\(path)/\(DevPlan.name)\\(-[a-z]+\\)?\\(/.*\\)?"]
            try programs.run([programs.finder, path, "-xdev", "-mindepth", "1", "-depth"] + chosen + ["-delete"])
        }
        return !names.isEmpty
    }

    private func names() throws(Problem) -> [String] {
        try programs.run([programs.ip, "netns", "list"]).split(separator: "\n")
            .compactMap { $0.split(separator: " ").first.map(String.init) }
            .filter { $0 == DevPlan.name || $0.hasPrefix("\(DevPlan.name)-") }
    }

    private func processes(in names: [String]) throws(Problem) -> [Int32] {
        var all: [Int32] = []
        for name in names {
            // A namespace may be gone between the two questions.
            all += try programs.attempt([programs.ip, "netns", "pids", name]).output.split(separator: "\n")
                .compactMap { Int32($0) }
        }
        return all
    }

    /// Everybody is asked first and killed later.
    private func end(in names: [String]) async throws(Problem) {
        let deadline = ContinuousClock.now + Self.ending
        var asked: Set<Int32> = []
        while true {
            let running = try processes(in: names)
            if running.isEmpty { return }
            let isLate = ContinuousClock.now >= deadline
            guard ContinuousClock.now < deadline + Self.ending else {
                let left = running.map(String.init).joined(separator: ", ")
                throw Problem(.devStartFailed, "these processes do not end: \(left)")
            }
            for process in running where isLate || asked.insert(process).inserted {
                try? ThisProcess.send(isLate ? .kill : .terminate, to: process)
            }
            ThisProcess.reapChildren()
            try? await Task.sleep(for: .milliseconds(20))
        }
    }

    // MARK: Files

    static func make(directory: String, permissions: UInt32, owner: UInt32? = nil) throws(Problem) {
        do throws(SystemError) {
            if !Files.exists(directory) { try Files.makeDirectory(directory, permissions: permissions) }
            // Whatever the umask says.
            try Files.setPermissions(directory, permissions)
            if let owner { try Files.setOwner(directory, user: owner, group: owner) }
        } catch {
            throw Problem(.devStartFailed, at: directory, "cannot be made: \(error.errno)")
        }
    }

    static func write(_ path: String, _ text: String, permissions: UInt32) throws(Problem) {
        do throws(SystemError) {
            try Files.create(path, permissions: permissions, Array(text.utf8))
            try Files.setPermissions(path, permissions)
        } catch {
            throw Problem(.devStartFailed, at: path, "cannot be written: \(error.errno)")
        }
    }
}
