// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension Sidecars {
    /// A service "shop" at 10.96.0.50 with checks, in front of two pods and perhaps somebody outside.
    @Suite("Checks of endpoints")
    struct HealthTests {
        private struct Scene {
            let mesh: Mesh
            let client: MeshPod
            let one: MeshPod
            let two: MeshPod
            let servers: [RunningProgram]
            let directory: String

            init(_ health: String, endpoints: String = "", settings: [String: String] = [:]) async throws {
                mesh = try await Mesh()
                client = try await mesh.pod("client", settings)
                one = try await mesh.pod("one")
                two = try await mesh.pod("two")
                directory = "\(mesh.directory)/sick"
                try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
                let check = health.replacingOccurrences(of: "DIRECTORY", with: directory)
                // What traffic sees is to have no say.
                mesh.add(
                    "shop", kind: "Service",
                    "{addresses: [10.96.0.50], ports: [{port: 80, targetPort: 9000}], "
                        + "endpoints: [{workload: one}, {workload: two}\(endpoints)], health: \(check), "
                        + "ejection: {consecutiveFailures: 1000, consecutiveErrors: 0, panicPercent: 0}, "
                        + "balancing: {algorithm: roundRobin}}")
                mesh.add(
                    "shop-route", kind: "HTTPRoute",
                    "{parentRefs: [{kind: Service, name: shop}], rules: [{backendRefs: [{name: shop, port: 80}]}]}")
                try await mesh.start()
                servers = [
                    try await one.serve("http", "\(one.address):9000"),
                    try await two.serve("http", "\(two.address):9000"),
                ]
            }

            func setSick(_ pod: MeshPod, _ isSick: Bool) throws {
                let path = "\(directory)/\(pod.address):9000"
                if isSick {
                    try "".write(toFile: path, atomically: true, encoding: .utf8)
                } else {
                    try FileManager.default.removeItem(atPath: path)
                }
            }

            func healthy(_ address: String, _ isHealthy: Bool) async throws {
                try await client.measures("\(address) \(isHealthy ? "healthy" : "unhealthy")") { metrics in
                    let sample = metrics.samples.first { sample in
                        sample.name == "weft_endpoint_healthy" && sample.labels["endpoint"] == address
                    }
                    return sample?.value == (isHealthy ? 1 : 0)
                }
            }

            /// Who answers eight requests; each has to be answered.
            func answerers() async throws -> Set<String> {
                var names: Set<String> = []
                for _ in 0..<8 {
                    let result = try await client.curl("http://10.96.0.50/echo")
                    #expect(result.status == 200, "\(result)")
                    names.insert(String(result.body.prefix { $0 != " " }))
                }
                return names
            }
        }

        @Test("an endpoint whose answers are bad gets nothing until they are good again", arguments: [1, 2])
        func requests(threads: Int) async throws {
            let scene = try await Scene(
                "{http: {path: /sickDIRECTORY, host: check.example, headers: [{name: X-Check, value: weft}]}, "
                    + "interval: 200ms, timeout: 2s, unhealthyThreshold: 2}",
                settings: ["dataThreads": "\(threads)"])
            let (one, two) = ("\(scene.one.address):9000", "\(scene.two.address):9000")
            try await scene.healthy(one, true)
            try await scene.healthy(two, true)
            #expect(try await scene.answerers() == [one, two])
            try scene.setSick(scene.one, true)
            try await scene.healthy(one, false)
            #expect(try await scene.answerers() == [two])
            let list = try await scene.client.ask("/health")
            #expect(list.body.contains("status 503") && list.body.contains("default/shop"), "\(list)")
            try await scene.client.proxy.line(containing: "endpoint unhealthy")
            #expect(scene.client.proxy.output.contains("WEFT6015"))
            // A reload changes nothing about it.
            scene.client.set("log", "{format: json, level: debug}")
            #expect(try await scene.client.reload())
            #expect(try await scene.answerers() == [two])
            try scene.setSick(scene.one, false)
            try await scene.healthy(one, true)
            #expect(try await scene.answerers() == [one, two])
            // Checks are no traffic: nobody counts or logs them on this side.
            let requests = try await scene.client.metrics().value("weft_requests_total")
            #expect(requests == 32, "\(requests)")
        }

        @Test("a check by connection reaches the application behind the sidecar")
        func connections() async throws {
            let scene = try await Scene("{tcp: {}, interval: 200ms, timeout: 2s, unhealthyThreshold: 2}")
            let (one, two) = ("\(scene.one.address):9000", "\(scene.two.address):9000")
            try await scene.healthy(one, true)
            try await scene.servers[0].stop(SIGKILL)
            try await scene.healthy(one, false)
            #expect(try await scene.answerers() == [two])
            try await scene.one.serve("http", one)
            try await scene.healthy(one, true)
            #expect(try await scene.answerers() == [one, two])
            // A sidecar that is gone is as bad as an application that is.
            try await scene.two.killProxy()
            try await scene.healthy(two, false)
            #expect(try await scene.answerers() == [one])
        }

        @Test("outside the mesh a check is plain, at a port of its own, and the first one decides alone")
        func outside() async throws {
            let scene = try await Scene(
                "{tcp: {}, port: 9100, interval: 200ms, timeout: 1s, unhealthyThreshold: 1000}",
                endpoints: ", {address: 203.0.113.7}")
            let (one, stranger) = ("\(scene.one.address):9000", "203.0.113.7:9000")
            for address in ["203.0.113.7"] {
                try await scene.mesh.lab.outside.shell("ip address add \(address)/32 dev br0")
                try await scene.mesh.lab.outside.serve("http", ["\(address):9000"])
            }
            try await scene.mesh.lab.outside.serve("listen", ["203.0.113.7:9100"])
            try await scene.healthy(stranger, true)
            try await scene.healthy(one, false)
            #expect(try await scene.answerers() == [stranger])
        }

        @Test("an endpoint that does not answer in time is unhealthy, and where all are, all are used")
        func silence() async throws {
            let scene = try await Scene(
                "{http: {path: /slow/3000}, interval: 200ms, timeout: 300ms, unhealthyThreshold: 1}")
            let (one, two) = ("\(scene.one.address):9000", "\(scene.two.address):9000")
            try await scene.healthy(one, false)
            try await scene.healthy(two, false)
            #expect(try await scene.answerers() == [one, two])
            let list = try await scene.client.ask("/health")
            #expect(list.body.contains("no result in 300ms"), "\(list)")
        }
    }
}
