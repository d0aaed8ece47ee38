// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshTesting
import Testing

/// Real connections through real rules. Who answers tells which way a connection went.
extension Capture {
    @Suite("What is captured")
    struct TrafficTests {
        /// A pod with rules, a stand-in for the proxy and an application, and listeners outside.
        private struct Scene {
            let app: Pod
            let outside: Pod
            let proxy: RunningProgram

            init(_ flags: [String] = [], families: NetworkLab.Families = .dualStack, backend: Backend = .nft)
                async throws
            {
                let lab = try NetworkLab.here
                app = try await lab.pod("app", families)
                outside = lab.outside
                proxy = try await app.startProxy()
                _ = try await app.listen(
                    ["0.0.0.0:80", "0.0.0.0:81", "0.0.0.0:15020"]
                        + (families == .ipv4Only ? [] : ["[::]:80", "[::]:81", "[::]:15020"]))
                _ = try await outside.listen(["0.0.0.0:80", "0.0.0.0:53", "0.0.0.0:81", "[::]:80", "[::]:81"])
                let applied = try await app.weftInit(
                    ["apply", "--backend", backend.rawValue]
                        + (flags.contains("--proxy-uid") ? [] : ["--proxy-uid", "1337"])
                        + flags)
                #expect(applied.succeeded, "\(applied)")
            }
        }

        private static let outbound4 = "127.0.0.1:15001"
        private static let outbound6 = "[::1]:15001"
        private static let inbound4 = "0.0.0.0:15006"
        private static let inbound6 = "[::]:15006"

        @Test(
            "an application's connections go to the proxy, which learns where they meant to go",
            arguments: Backend.allCases)
        func outbound(_ backend: Backend) async throws {
            let scene = try await Scene(backend: backend)
            #expect(try await scene.app.answerer("10.77.0.1:80") == Self.outbound4)
            try await scene.proxy.line(containing: "to=10.77.0.1:80")
            #expect(try await scene.app.answerer("[fd77::1]:80") == Self.outbound6)
            try await scene.proxy.line(containing: "to=[fd77::1]:80")
            // A service address that nobody has.
            #expect(try await scene.app.answerer("10.96.0.1:443") == Self.outbound4)
            try await scene.proxy.line(containing: "to=10.96.0.1:443")
            #expect(try await scene.app.answerer("10.77.0.1:80", as: 0) == Self.outbound4)
        }

        @Test(
            "what comes from outside goes to the proxy, which learns which port was meant", arguments: Backend.allCases)
        func inbound(_ backend: Backend) async throws {
            let scene = try await Scene(backend: backend)
            #expect(try await scene.outside.answerer("\(scene.app.address4):80") == Self.inbound4)
            try await scene.proxy.line(containing: "to=\(scene.app.address4):80")
            #expect(try await scene.outside.answerer("[\(scene.app.address6)]:80") == Self.inbound6)
            try await scene.proxy.line(containing: "to=[\(scene.app.address6)]:80")
            // A port where nobody listens is captured too: it is the proxy that refuses it.
            #expect(try await scene.outside.answerer("\(scene.app.address4):4444") == Self.inbound4)
        }

        @Test("loopback and the own addresses are direct", arguments: Backend.allCases)
        func direct(_ backend: Backend) async throws {
            let scene = try await Scene(backend: backend)
            #expect(try await scene.app.answerer("127.0.0.1:80") == "0.0.0.0:80")
            #expect(try await scene.app.answerer("127.0.0.53:80") == "0.0.0.0:80")
            #expect(try await scene.app.answerer("[::1]:80") == "[::]:80")
            #expect(try await scene.app.answerer("\(scene.app.address4):80") == "0.0.0.0:80")
            #expect(try await scene.app.answerer("[\(scene.app.address6)]:80") == "[::]:80")
        }

        @Test("the proxy's own connections are never captured", arguments: Backend.allCases)
        func proxyOwn(_ backend: Backend) async throws {
            let scene = try await Scene(["--proxy-uid", "1337,1400"], backend: backend)
            for user in [UInt32(1337), 1400] {
                #expect(try await scene.app.answerer("10.77.0.1:80", as: user) == "0.0.0.0:80")
                #expect(try await scene.app.answerer("[fd77::1]:80", as: user) == "[::]:80")
                #expect(try await scene.app.answerer("\(scene.app.address4):80", as: user) == "0.0.0.0:80")
            }
            #expect(try await scene.app.answerer("10.77.0.1:80", as: 1338) == Self.outbound4)
        }

        @Test("the proxy's tagged call to its own pod comes in through its inbound side", arguments: Backend.allCases)
        func selfCall(_ backend: Backend) async throws {
            let scene = try await Scene(backend: backend)
            #expect(try await scene.app.answerer("\(scene.app.address4):80", as: 1337, service: 0x28) == Self.inbound4)
            try await scene.proxy.line(containing: "to=\(scene.app.address4):80")
            #expect(
                try await scene.app.answerer("[\(scene.app.address6)]:80", as: 1337, service: 0x28) == Self.inbound6)
            try await scene.proxy.line(containing: "to=[\(scene.app.address6)]:80")
            // Others gain nothing by wearing the tag, and the tag does nothing beyond the pod.
            #expect(try await scene.app.answerer("\(scene.app.address4):80", as: 1000, service: 0x28) == "0.0.0.0:80")
            #expect(try await scene.app.answerer("10.77.0.1:80", as: 1337, service: 0x28) == "0.0.0.0:80")
            #expect(try await scene.app.answerer("10.77.0.1:80", as: 1000, service: 0x28) == Self.outbound4)
        }

        @Test("DNS over TCP is captured, the metrics port is not")
        func ports() async throws {
            let scene = try await Scene()
            #expect(try await scene.app.answerer("10.77.0.1:53") == Self.outbound4)
            #expect(try await scene.outside.answerer("\(scene.app.address4):15020") == "0.0.0.0:15020")
            #expect(try await scene.outside.answerer("[\(scene.app.address6)]:15020") == "[::]:15020")
        }

        @Test("real clients see nothing of it: curl and nc")
        func realClients() async throws {
            let scene = try await Scene()
            let telnet = try await scene.app.curl("telnet://10.77.0.1:80", "--max-time", "1", as: 1000)
            #expect(telnet.exitCode == 28, "\(telnet)")
            try await scene.proxy.line(containing: "to=10.77.0.1:80")
            let nc = try scene.app.start(["nc", "10.77.0.1", "81"], as: 1000)
            nc.type("hello")
            try await nc.line(containing: "\(Self.outbound4) says: hello")
            try await nc.stop()
        }

        @Test("a pod with IPv6 only")
        func ipv6Only() async throws {
            let scene = try await Scene(families: .ipv6Only)
            #expect(try await scene.app.answerer("[fd77::1]:80") == Self.outbound6)
            #expect(try await scene.outside.answerer("[\(scene.app.address6)]:80") == Self.inbound6)
        }

        @Test("a pod with IPv4 only")
        func ipv4Only() async throws {
            let scene = try await Scene(families: .ipv4Only)
            #expect(try await scene.app.answerer("10.77.0.1:80") == Self.outbound4)
            #expect(try await scene.outside.answerer("\(scene.app.address4):80") == Self.inbound4)
        }

        @Test("while the proxy is away connections are refused, never passed")
        func refused() async throws {
            let scene = try await Scene()
            try await scene.proxy.stop()
            #expect(try await scene.app.answerer("10.77.0.1:80").contains("refused"))
            #expect(try await scene.outside.answerer("\(scene.app.address4):80").contains("refused"))
        }

        @Test("connections that were open before go on, in both directions", arguments: Backend.allCases)
        func midStream(_ backend: Backend) async throws {
            let lab = try NetworkLab.here
            let app = try await lab.pod("app")
            _ = try await app.listen("0.0.0.0:80", "[::]:80")
            _ = try await lab.outside.listen("0.0.0.0:80", "[::]:80")
            let open = [
                try app.connect("10.77.0.1:80"), try app.connect("[fd77::1]:80"),
                try lab.outside.connect("\(app.address4):80"), try lab.outside.connect("[\(app.address6)]:80"),
            ]
            for program in open {
                program.type("before")
                try await program.line(containing: "before")
            }
            try await app.must("weft-init", "apply", "--proxy-uid", "1337", "--backend", backend.rawValue)
            for program in open {
                program.type("after")
                let answer = try await program.line(containing: "after")
                #expect(answer.contains(":80 says"))
            }
            // And new ones do not.
            #expect(try await app.answerer("10.77.0.1:80").contains("refused"))
        }

        @Test("a router captures what is for itself, not what it passes on", arguments: Backend.allCases)
        func router(_ backend: Backend) async throws {
            let lab = try NetworkLab.here
            let router = try await lab.pod("router", .ipv4Only)
            let inner = try await lab.bareNamespace("inner")
            try await inner.shell(
                """
                ip link set lo up
                ip link add eth0 type veth peer name eth1 netns \(router.namespace)
                ip address add 10.88.0.2/24 dev eth0
                ip link set eth0 up
                ip -n \(router.namespace) address add 10.88.0.1/24 dev eth1
                ip -n \(router.namespace) link set eth1 up
                ip route add default via 10.88.0.1
                """)
            try await router.shell("echo 1 > /proc/sys/net/ipv4/ip_forward")
            try await lab.outside.must("ip", "route", "add", "10.88.0.0/24", "via", router.address4)
            _ = try await inner.listen("0.0.0.0:80")
            _ = try await router.startProxy()
            try await router.must("weft-init", "apply", "--proxy-uid", "1337", "--backend", backend.rawValue)
            #expect(try await lab.outside.answerer("10.88.0.2:80") == "0.0.0.0:80")
            #expect(try await lab.outside.answerer("\(router.address4):80") == Self.inbound4)
            #expect(try await lab.outside.answerer("10.88.0.1:80") == Self.inbound4)
        }

        @Test("a late segment does not end a redirected connection", arguments: [true, false])
        func lateSegment(_ drops: Bool) async throws {
            let scene = try await Scene(drops ? [] : ["--no-drop-invalid"])
            let client = try scene.outside.connect("\(scene.app.address4):80")
            client.type("first")
            try await client.line(containing: "first")
            // The entry is lost, as it is to a segment beyond conntrack's window, and is not made anew in mid-stream.
            let local = try await client.line(containing: "connected local=").dropFirst("connected local=".count)
            let port = local.prefix { $0 != " " }.split(separator: ":").last.map(String.init) ?? ""
            try await scene.app.shell("echo 0 > /proc/sys/net/netfilter/nf_conntrack_tcp_loose")
            try await scene.app.must("conntrack", "-D", "-p", "tcp", "--orig-port-src", port)
            client.type("second")
            if drops {
                // Without its entry the segment is not for anybody; the connection waits instead of breaking.
                try await eventually("the drop of a reset") {
                    let rules = try await scene.app.must("iptables-nft-save", "-c", "-t", "mangle")
                    let drop = rules.split(separator: "\n").first { $0.contains("invalid-reset") } ?? ""
                    return drop.isEmpty || drop.hasPrefix("[0:") ? nil : true
                }
                #expect(client.isRunning)
            } else {
                try await client.line(containing: "failed: Connection reset")
            }
        }
    }
}
