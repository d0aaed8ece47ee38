// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import Glibc
import Synchronization

/// Network namespaces for one test, joined by a switch of their own, so that tests can run side by side.
///
///     pod "client"              pod "server"
///     eth0 10.77.0.2, fd77::2   eth0 10.77.0.3, fd77::3
///              |                       |
///     ======== br0 ====================== (namespace of the switch)
///              10.77.0.1, fd77::1: everybody's default route
///
/// A lab belongs to one test (see the trait `.networkLab`). Programs run as children by `ip netns exec`, never by
/// entering a namespace here: the threads of the tests are shared.
package final class NetworkLab: Sendable {
    /// The lab of the running test.
    @TaskLocal package static var current: NetworkLab?

    /// Which addresses a pod has.
    package enum Families: Sendable, CaseIterable {
        case dualStack
        case ipv4Only
        case ipv6Only
    }

    private struct State {
        var pods: [Pod] = []
    }

    private let name: String
    private let logs: String
    private let state = Mutex(State())
    private static let count = Atomic<Int>(0)

    /// Namespaces of runs that were killed: their names hold the number of a process that is no more.
    private static let removeLeftOvers: Void = {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/run/netns")) ?? [] {
            guard name.hasPrefix("weft"), let owner = Int32(name.dropFirst(4).prefix { $0.isNumber }), owner > 0 else {
                continue
            }
            if kill(owner, 0) < 0, errno == ESRCH {
                _ = umount2("/run/netns/\(name)", Int32(MNT_DETACH))
                unlink("/run/netns/\(name)")
                try? FileManager.default.removeItem(atPath: "/etc/netns/\(name)")
            }
        }
    }()

    /// The switch itself, for whoever is to be outside: it has the gateway's addresses and no rules.
    package let outside: Pod

    package static let gateway4 = "10.77.0.1"
    package static let gateway6 = "fd77::1"

    init() async throws {
        _ = NetworkLab.removeLeftOvers
        name = "weft\(getpid())-\(NetworkLab.count.add(1, ordering: .relaxed).newValue)"
        logs = "\(NSTemporaryDirectory())\(name)"
        try FileManager.default.createDirectory(atPath: logs, withIntermediateDirectories: true)
        outside = Pod(
            name: "outside", namespace: "\(name)-switch", ipv4: NetworkLab.gateway4, ipv6: NetworkLab.gateway6,
            logs: logs)
        try await configure(
            """
            ip netns add \(outside.namespace)
            \(NetworkLab.settings(outside.namespace, checksDuplicates: false))
            ip -n \(outside.namespace) link set lo up
            ip -n \(outside.namespace) link add br0 type bridge
            ip -n \(outside.namespace) link set br0 up
            ip -n \(outside.namespace) address add \(NetworkLab.gateway4)/24 dev br0
            ip -n \(outside.namespace) address add \(NetworkLab.gateway6)/64 dev br0 nodad
            """)
    }

    /// The lab of the running test, which must have the trait `.networkLab`.
    package static var here: NetworkLab {
        get throws {
            guard let current else { throw DidNotHappen("this test has no lab; give it the trait .networkLab") }
            return current
        }
    }

    /// A pod on the switch. Its addresses are usable at once: duplicates are not looked for, except where asked.
    package func pod(
        _ podName: String, _ families: Families = .dualStack, checksDuplicates: Bool = false
    ) async throws -> Pod {
        let number = state.withLock { $0.pods.count } + 2
        let pod = Pod(
            name: podName, namespace: "\(name)-\(podName)", ipv4: families == .ipv6Only ? nil : "10.77.0.\(number)",
            ipv6: families == .ipv4Only ? nil : "fd77::\(number)", logs: logs)
        state.withLock { $0.pods.append(pod) }
        let space = pod.namespace
        let dad = checksDuplicates ? "" : " nodad"
        var script = """
            ip netns add \(space)
            \(NetworkLab.settings(space, checksDuplicates: checksDuplicates))
            ip -n \(space) link set lo up
            ip link add eth0 netns \(space) type veth peer name port\(number) netns \(outside.namespace)
            ip -n \(outside.namespace) link set port\(number) master br0 up
            ip -n \(space) link set eth0 up

            """
        if let ipv4 = pod.ipv4 {
            script += "ip -n \(space) address add \(ipv4)/24 dev eth0\n"
            script += "ip -n \(space) route add default via \(NetworkLab.gateway4)\n"
        }
        if let ipv6 = pod.ipv6 {
            script += "ip -n \(space) address add \(ipv6)/64 dev eth0\(dad)\n"
            script += "ip -n \(space) route add default via \(NetworkLab.gateway6)\n"
        } else {
            script += "ip netns exec \(space) sh -c 'echo 1 > /proc/sys/net/ipv6/conf/eth0/disable_ipv6'\n"
        }
        try await configure(script)
        return pod
    }

    /// Low ports are free for everybody, as container runtimes have it.
    private static func settings(_ namespace: String, checksDuplicates: Bool) -> String {
        let dad = checksDuplicates ? "" : "echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad; "
        return "ip netns exec \(namespace) sh -c '\(dad)echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start'"
    }

    /// A namespace with nothing but loopback, which is down as the kernel makes it.
    package func bareNamespace(_ podName: String) async throws -> Pod {
        let pod = Pod(name: podName, namespace: "\(name)-\(podName)", ipv4: nil, ipv6: nil, logs: logs)
        state.withLock { $0.pods.append(pod) }
        try await configure(
            "ip netns add \(pod.namespace)\n\(NetworkLab.settings(pod.namespace, checksDuplicates: false))")
        return pod
    }

    /// A directory for files of the test; goes with the lab.
    package func directory() throws -> String {
        let path = "\(logs)/files"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }

    private func configure(_ script: String) async throws {
        let program = try RunningProgram(["sh", "-euc", script], log: "\(logs)/setup")
        let result = try await program.result()
        guard result.succeeded else { throw DidNotHappen("the lab could not be set up: \(result)") }
    }

    /// Ends what runs and removes the namespaces; the logs only if the test passed.
    func tearDown(keepLogs: Bool) async {
        let pods = state.withLock { $0.pods } + [outside]
        for pod in pods { pod.stopAll() }
        // What a shell has started outlives the shell. With the last process of a namespace and its name the kernel takes
        // everything in it away.
        for pod in pods {
            let name = pod.namespace
            try? FileManager.default.removeItem(atPath: "/etc/netns/\(name)")
            try? await configure("ip netns pids \(name) | xargs -r kill -9 || true\nip netns delete \(name)")
        }
        if keepLogs { return }
        try? FileManager.default.removeItem(atPath: logs)
    }

    /// Where the outputs of all programs are, for the report of a failure.
    var logDirectory: String { logs }
}
