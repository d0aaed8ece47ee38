// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension Sidecars {
    /// A service "echo" at 10.96.0.10 and fd96::10, port 80, in front of two pods that listen on 9000.
    ///
    ///     client ── 10.96.0.10:80 ──▶ weft-proxy ══▶ one:9000
    ///                                           ══▶ two:9000
    @Suite("Services")
    struct ServiceTests {
        private struct Scene {
            let mesh: Mesh
            let client: MeshPod
            let one: MeshPod
            let two: MeshPod

            init() async throws {
                mesh = try await Mesh()
                client = try await mesh.pod("client")
                one = try await mesh.pod("one")
                two = try await mesh.pod("two")
                mesh.service(
                    "echo", at: ["10.96.0.10", "fd96::10"], port: 80, targetPort: 9000, ["one", "two"],
                    ejection: "{consecutiveFailures: 2, base: 60s, mostPercent: 100}")
                try await mesh.start()
            }

            func call(_ target: String = "10.96.0.10:80") async throws {
                let caller = try client.connect(target)
                try await caller.hears("hello", to: "hello")
                try await caller.stop()
            }
        }

        @Test("connections are spread over the endpoints, and told under the service's name")
        func spread() async throws {
            let scene = try await Scene()
            for pod in [scene.one, scene.two] { try await pod.serve("echo", "0.0.0.0:9000", "[::]:9000") }
            // Open at the same time: of two, the one with fewer open connections is taken.
            let crowd = try scene.client.start("lab-tool", "crowd", "10.96.0.10:80", "40")
            crowd.type("hello")
            try await crowd.line(containing: "round hello right=40 wrong=0")
            let list = try await scene.client.connections()
            for pod in [scene.one, scene.two] {
                let share = list.filter { $0.upstream == "\(pod.address):9000" }
                #expect(share.count == 20, "\(pod.name) has \(share.count)")
                #expect(share.allSatisfy { $0.peer == pod.spiffeID && $0.service == "default/echo" })
            }
            #expect(list.allSatisfy { $0.originalDestination == "10.96.0.10:80" })
            crowd.type("stop")
            try await crowd.line(containing: "closed unclean=0")
            try await scene.call("[fd96::10]:80")
            try await scene.client.tells("a connection by IPv6") { $0.upstream?.hasSuffix("]:9000") == true }
        }

        @Test("an endpoint that refuses is passed over at once, then left out for a while")
        func ejection() async throws {
            let scene = try await Scene()
            try await scene.one.serve("echo", "0.0.0.0:9000")
            // Every call is answered, whichever endpoint chance tries first. That the one which refuses is not tried twice
            // in 60 calls happens to one run in 10^16.
            var metrics = try await scene.client.metrics()
            for _ in 0..<60 where metrics.value("weft_endpoint_ejections_total") == 0 {
                try await scene.call()
                metrics = try await scene.client.metrics()
            }
            #expect(metrics.value("weft_endpoint_ejections_total") == 1)
            let failovers = metrics.value("weft_failovers_total")
            #expect(failovers == 2)
            for _ in 0..<6 { try await scene.call() }
            // Left out: it is not even tried.
            #expect(try await scene.client.metrics().value("weft_failovers_total") == failovers)
        }

        @Test("where no endpoint works the client is reset and the reason named")
        func allRefuse() async throws {
            let scene = try await Scene()
            let caller = try scene.client.connect("10.96.0.10:80")
            try await caller.line(containing: "failed: Connection reset")
            #expect(try await scene.client.tells("outbound", to: 80).outcome == "connect-refused")
        }

        @Test("a port that the service does not have is refused")
        func noSuchPort() async throws {
            let scene = try await Scene()
            let caller = try scene.client.connect("10.96.0.10:81")
            try await caller.line(containing: "failed: Connection reset")
            #expect(try await scene.client.tells("outbound", to: 81).code == "WEFT3043")
        }

        @Test("a changed file takes effect with SIGHUP; a broken one changes nothing")
        func reload() async throws {
            let scene = try await Scene()
            let (mesh, client) = (scene.mesh, scene.client)
            try await scene.two.serve("echo", "0.0.0.0:9000")
            let early = try client.connect("10.96.0.20:80")
            try await early.line(containing: "failed: Connection reset")
            let open = try client.connect("10.96.0.10:80")
            try await open.hears("hello", to: "hello")

            mesh.service("late", at: ["10.96.0.20"], port: 80, targetPort: 9000, ["two"])
            #expect(try await client.reload())
            try await eventually("the new service") {
                let caller = try client.connect("10.96.0.20:80")
                caller.type("hello")
                let line = try await caller.line(containing: ": ")
                return line.contains("answer: hello") ? true : nil
            }
            mesh.add("broken", kind: "Service", "{addresses: [10.96.0.30], endpoints: [{workload: nobody}]}")
            #expect(try await !client.reload())
            let rejection = try await client.says("configuration rejected; the old one stays")
            #expect(rejection.contains("WEFT10"), "\(rejection)")
            #expect(try await client.ask("/config").body.contains("\"problem\":"))
            try await scene.call("10.96.0.20:80")

            mesh.remove("broken")
            mesh.remove("late")
            #expect(try await client.reload())
            try await eventually("the service is gone") {
                let caller = try client.connect("10.96.0.20:80")
                caller.type("hello")
                return try await caller.line(containing: ": ").contains("failed: ") ? true : nil
            }
            // Through all of it, what was open stays open.
            try await open.hears("still here", to: "still here")
        }

        @Test("a pod that calls itself by its service goes through its own inbound side, with mutual TLS")
        func selfCall() async throws {
            let mesh = try await Mesh()
            let pod = try await mesh.pod("alone")
            mesh.service("self", at: ["10.96.0.10", "fd96::10"], port: 80, targetPort: 9000, ["alone"])
            try await mesh.start()
            try await pod.serve("echo", "0.0.0.0:9000", "[::]:9000")
            for target in ["10.96.0.10:80", "[fd96::10]:80"] {
                let caller = try pod.connect(target)
                try await caller.hears("hello", to: "hello")
                try await caller.stop()
                let outbound = try await pod.tells("the call") { $0.originalDestination == target }
                let inbound = try await pod.tells("its other end") {
                    $0.direction == "inbound" && $0.trace == outbound.trace
                }
                for told in [outbound, inbound] {
                    #expect(told.security == "mutual-tls" && told.peer == pod.spiffeID, "\(told)")
                }
            }
            // By its own address it is direct: no sidecar has a part in it.
            let before = try pod.told.count
            let direct = try pod.connect("\(pod.address):9000")
            try await direct.hears("hello", to: "hello")
            #expect(try await pod.connections().isEmpty)
            #expect(try pod.told.count == before)
        }
    }
}
