// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension Sidecars {
    /// Every wait has an end, and every end a name. The limits are set short here; the two pods are those of ``Sidecars``.
    @Suite("Timeouts")
    struct TimeoutTests {
        @Test("a connection over which nothing moves is let go")
        func idle() async throws {
            let pair = try await Pair(client: ["timeouts": "{idle: 1s}"])
            try await pair.server.serve("echo", "0.0.0.0:9000")
            let caller = try pair.client.connect("\(pair.server.address):9000")
            try await caller.hears("hello", to: "hello")
            try await caller.line(containing: "failed: Connection reset")
            let told = try await pair.client.tells("outbound", to: 9000)
            #expect(told.outcome == "idle-timeout" && (told.durationMs ?? 0) >= 1000, "\(told)")
        }

        @Test("a connection of which one side has ended is let go when the other stays silent")
        func halfClose() async throws {
            let pair = try await Pair(client: ["timeouts": "{halfClose: 1s}"])
            try await pair.server.serve("deaf", "0.0.0.0:9000")
            _ = try pair.client.start("sh", "-c", "echo hello | nc -N \(pair.server.address) 9000")
            let told = try await pair.client.tells("outbound", to: 9000)
            #expect(told.outcome == "half-close-timeout", "\(told)")
        }

        @Test("a client that ends at once may wait for its answer as long as it likes")
        func earlyEnd() async throws {
            let pair = try await Pair(client: ["timeouts": "{open: 2s}"])
            try await pair.server.serve("deaf", "0.0.0.0:9000")
            let caller = try pair.client.start("sh", "-c", "echo hello | nc -N \(pair.server.address) 9000")
            // The server has been reached; that it has not answered yet is no failure to open.
            try await pair.client.lists("the call as open") { $0.state == "relaying" }
            try await eventually("more time than opening may take") {
                try await (pair.client.connections().first?.ageMs ?? 3000) > 2500 ? true : nil
            }
            #expect(try pair.client.told.isEmpty)
            #expect(caller.isRunning)
        }

        @Test("a destination that does not answer", arguments: [true, false])
        func connect(isMeshed: Bool) async throws {
            let mesh = try await Mesh()
            let client = try await mesh.pod("client", ["timeouts": "{connect: 1s}"])
            // An address whose packets go nowhere.
            try await mesh.lab.outside.shell("ip route add blackhole 198.51.100.0/24")
            let spec = isMeshed ? ", spiffeID: spiffe://mesh.example/ns/default/sa/lost" : ", meshed: false"
            mesh.add("lost", kind: "Workload", "{addresses: [198.51.100.7]\(spec)}")
            try await mesh.start()
            let caller = try client.connect("198.51.100.7:80")
            try await caller.line(containing: "failed: Connection reset")
            let told = try await client.tells("outbound", to: 80)
            #expect(["connect-timeout", "connect-unreachable"].contains(told.outcome), "\(told)")
            #expect(told.plaintextReason == (isMeshed ? nil : "not-meshed"), "\(told)")
        }

        @Test("a service that gives a connect less time than the proxy does", arguments: [true, false])
        func connectOfService(isMeshed: Bool) async throws {
            let mesh = try await Mesh()
            let client = try await mesh.pod("client", ["timeouts": "{connect: 60s}"])
            // Packets leave, and nothing comes back.
            try await mesh.lab.outside.shell("iptables -t raw -I PREROUTING -d 198.51.100.7 -j DROP")
            let spec = isMeshed ? ", spiffeID: spiffe://mesh.example/ns/default/sa/lost" : ", meshed: false"
            mesh.add("lost", kind: "Workload", "{addresses: [198.51.100.7]\(spec)}")
            for (name, address) in [("bytes", "10.96.0.60"), ("requests", "10.96.0.61")] {
                mesh.add(
                    name, kind: "Service",
                    "{addresses: [\(address)], ports: [{port: 80}], endpoints: [{workload: lost}], "
                        + "timeouts: {connect: 250ms}}")
            }
            mesh.add(
                "requests-route", kind: "HTTPRoute",
                "{parentRefs: [{kind: Service, name: requests}], rules: [{backendRefs: [{name: requests, port: 80}]}]}")
            try await mesh.start()
            let caller = try client.connect("10.96.0.60:80")
            try await caller.line(containing: "failed: Connection reset")
            let told = try await client.tells("outbound", to: 80)
            #expect(told.outcome == "connect-timeout", "\(told)")
            let result = try await client.curl("http://10.96.0.61/")
            #expect(result.status == 504 && result.body.contains("WEFT3005"), "\(result)")
        }

        @Test("a connection to a service with routes over which no request comes is let go")
        func silent() async throws {
            let mesh = try await Mesh()
            let client = try await mesh.pod("client", ["http": "{idleTimeout: 1s}"])
            let server = try await mesh.pod("server")
            mesh.service("shop", at: ["10.96.0.62"], port: 80, targetPort: 9000, ["server"])
            mesh.add(
                "shop-route", kind: "HTTPRoute",
                "{parentRefs: [{kind: Service, name: shop}], rules: [{backendRefs: [{name: shop, port: 80}]}]}")
            try await mesh.start()
            try await server.serve("echo", "0.0.0.0:9000")
            let caller = try client.connect("10.96.0.62:80")
            try await caller.line(containing: "ended")
        }

        @Test("a peer that accepts and never speaks TLS")
        func handshake() async throws {
            let mesh = try await Mesh()
            let client = try await mesh.pod("client", ["timeouts": "{handshake: 1s}"])
            let address = NetworkLab.gateway4
            mesh.add(
                "mute", kind: "Workload",
                "{addresses: [\(address)], spiffeID: spiffe://mesh.example/ns/default/sa/mute}")
            try await mesh.start()
            try await mesh.lab.outside.serve("deaf", ["\(address):9000"])
            let caller = try client.connect("\(address):9000")
            try await caller.line(containing: "failed: Connection reset")
            #expect(try await client.tells("outbound", to: 9000).outcome == "handshake-timeout")
        }

        @Test("a peer that should be meshed and answers in plaintext is a failure, not a downgrade")
        func plaintextPeer() async throws {
            let mesh = try await Mesh()
            let client = try await mesh.pod("client")
            let address = NetworkLab.gateway4
            mesh.add(
                "bare", kind: "Workload",
                "{addresses: [\(address)], spiffeID: spiffe://mesh.example/ns/default/sa/bare}")
            try await mesh.start()
            try await mesh.lab.outside.serve("greet", ["\(address):9000"])
            let caller = try client.connect("\(address):9000")
            caller.type("hello")
            try await caller.line(containing: "failed: Connection reset")
            let told = try await client.tells("outbound", to: 9000)
            #expect(told.outcome == "peer-not-weft" && told.code == "WEFT3054", "\(told)")
            #expect(!caller.output.contains("answer"))
        }
    }
}
