// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshTesting
import Testing

extension Sidecars {
    /// A service "echo" in front of a pod in the client's zone and one in another.
    ///
    ///     client (eu/a) ── 10.96.0.10:80 ──▶ near:9000 (eu/a)
    ///                                   └──▶ far:9000  (eu/b), where near fails
    @Suite("Localities")
    struct LocalityTests {
        @Test("the endpoint of the own zone gets everything, and the next zone what it cannot take")
        func failover() async throws {
            let mesh = try await Mesh()
            let client = try await mesh.pod("client")
            let near = try await mesh.pod("near")
            let far = try await mesh.pod("far")
            for (pod, locality) in [(client, "eu/a"), (near, "eu/a"), (far, "eu/b")] { pod.locality = locality }
            mesh.service(
                "echo", at: ["10.96.0.10"], port: 80, targetPort: 9000, ["near", "far"],
                ejection: "{consecutiveFailures: 2, base: 60s, mostPercent: 100}")
            try await mesh.start()
            let server = try await near.serve("echo", "0.0.0.0:9000")
            try await far.serve("echo", "0.0.0.0:9000")
            let crowd = try client.start("lab-tool", "crowd", "10.96.0.10:80", "40")
            crowd.type("hello")
            try await crowd.line(containing: "round hello right=40 wrong=0")
            let list = try await client.connections()
            #expect(list.count == 40 && list.allSatisfy { $0.upstream == "\(near.address):9000" }, "\(list)")
            crowd.type("stop")
            try await crowd.line(containing: "closed unclean=0")
            try await server.stop()
            try await eventually("the far one answers") {
                let caller = try client.connect("10.96.0.10:80")
                caller.type("hello")
                let answer = try? await caller.line(containing: "hello")
                try await caller.stop()
                return answer == nil ? nil : true
            }
            try await client.tells("a connection to the far one") { $0.upstream == "\(far.address):9000" }
        }
    }
}
