// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension Sidecars {
    /// A service "named" at 10.96.0.40 whose endpoint is a name; its name server runs outside of the mesh.
    ///
    ///     client ── 10.96.0.40:80 ──▶ weft-proxy ── what is shop_b.lab? ──▶ 10.77.0.1:53
    ///                                     ╘══ one:9000, two:9000, or plainly outside
    @Suite("Names of endpoints")
    struct NameTests {
        private struct Scene {
            let mesh: Mesh
            let client: MeshPod
            let one: MeshPod
            let two: MeshPod
            let names: RunningProgram
            let zone: String

            init(_ records: String, service: String, hosts: String = "") async throws {
                mesh = try await Mesh()
                client = try await mesh.pod("client", ["log": "{format: json, level: debug}"])
                one = try await mesh.pod("one")
                two = try await mesh.pod("two")
                zone = "\(mesh.directory)/zone"
                try Self.filled(records, one, two).write(toFile: zone, atomically: true, encoding: .utf8)
                names = try mesh.lab.outside.start(["lab-tool", "dns", "\(NetworkLab.gateway4):53", zone])
                try await names.line(containing: "listening")
                try client.pod.useNames(server: NetworkLab.gateway4, search: "lab", hosts: hosts)
                mesh.add("named", kind: "Service", service)
                mesh.add(
                    "named-route", kind: "HTTPRoute",
                    "{parentRefs: [{kind: Service, name: named}], rules: [{backendRefs: [{name: named, port: 80}]}]}")
                try await mesh.start()
                for pod in [one, two] { try await pod.serve("http", "\(pod.address):9000") }
            }

            private static func filled(_ text: String, _ one: MeshPod, _ two: MeshPod) -> String {
                text.replacingOccurrences(of: "ONE", with: one.address)
                    .replacingOccurrences(of: "TWO", with: two.address)
            }

            func answer(_ records: String) throws {
                try Self.filled(records, one, two).write(toFile: zone, atomically: true, encoding: .utf8)
            }

            func get(_ arguments: String...) async throws -> CurlResult {
                try await client.pod.curl(
                    arguments + ["http://10.96.0.40/echo"], as: MeshPod.applicationUser)
            }

            /// Requests until one reaches that pod, and then some to see that no other does.
            func reachesOnly(_ pod: MeshPod) async throws {
                try await eventually("requests reach \(pod.name)") {
                    try await get().body.contains("\(pod.address):9000 read") ? true : nil
                }
                for _ in 0..<8 {
                    let result = try await get()
                    #expect(result.body.contains("\(pod.address):9000 read"), "\(result)")
                }
            }
        }

        private static func service(_ more: String = "") -> String {
            "{addresses: [10.96.0.40], ports: [{port: 80}], endpoints: [{hostname: shop_b, port: 9000}]\(more)}"
        }

        @Test("a name is the workloads that it leads to, by mutual TLS, and follows DNS")
        func following() async throws {
            let scene = try await Scene(
                "shop_b.lab A ONE 1", service: Self.service(", balancing: {algorithm: roundRobin}"))
            // Readiness has waited for the first answer.
            let first = try await scene.get()
            #expect(first.status == 200 && first.body.contains("\(scene.one.address):9000 read"), "\(first)")
            let told = try await scene.client.tellsRequest("the request") { $0.status == 200 }
            #expect(told.security == "mutual-tls" && told.peer == scene.one.spiffeID, "\(told)")
            try scene.answer("shop_b.lab A TWO 1")
            try await scene.reachesOnly(scene.two)
            // Gone from DNS, it stays; the failure is told.
            try scene.answer("other.lab A ONE 1")
            try await scene.client.measures("a failed lookup") {
                $0.value("weft_name_lookups_total", ["result": "failed"]) > 0
            }
            try await scene.reachesOnly(scene.two)
            #expect(try await scene.client.metrics().value("weft_unresolved_names") == 0)
            let names = try await scene.client.ask("/names")
            #expect(
                names.body.contains(#""name":"shop_b""#)
                    && names.body.contains(#""addresses":["\#(scene.two.address)"]"#)
                    && names.body.contains("there is no such name"), "\(names)")
            #expect(scene.client.proxy.output.contains("WEFT6014"))
            try scene.answer("shop_b.lab A ONE 1\nshop_b.lab A TWO 1")
            try await eventually("both are used") {
                let bodies = try await [scene.get(), scene.get(), scene.get(), scene.get()].map(\.body)
                return [scene.one, scene.two].allSatisfy { pod in bodies.contains { $0.contains(pod.address) } }
                    ? true : nil
            }
        }

        @Test("a name that DNS does not have is 503 with a code of its own, and holds up nothing else")
        func missing() async throws {
            let scene = try await Scene("other.lab A ONE 1", service: Self.service())
            let result = try await scene.get()
            #expect(result.status == 503 && result.body.contains("WEFT3044"), "\(result)")
            let connection = try await scene.client.curl("http://\(scene.one.address):9000/")
            #expect(connection.status == 200)
            #expect(try await scene.client.metrics().value("weft_unresolved_names") == 1)
            try scene.answer("shop_b.lab A ONE 60")
            try await scene.reachesOnly(scene.one)
        }

        @Test("a silent server holds up readiness for five seconds and no longer")
        func silent() async throws {
            let start = ContinuousClock.now
            let scene = try await Scene("shop_b.lab DROP", service: Self.service())
            #expect(ContinuousClock.now - start > .seconds(4))
            #expect(try await scene.get().status == 503)
            try scene.answer("shop_b.lab A ONE 60")
            try await scene.reachesOnly(scene.one)
        }

        @Test("/etc/hosts comes first, and its changes are seen")
        func hosts() async throws {
            let scene = try await Scene(
                "shop_b.lab A 10.77.0.99 60", service: Self.service(", resolution: {interval: 1s}"),
                hosts: "10.77.0.3 shop_b")
            #expect(scene.one.address == "10.77.0.3")
            try await scene.reachesOnly(scene.one)
            try scene.client.pod.writeHosts("\(scene.two.address) shop_b")
            try await scene.reachesOnly(scene.two)
            #expect(!scene.names.output.contains("asked shop_b"), "\(scene.names.output)")
        }

        @Test("a logical name is one endpoint, and what is outside the mesh is reached plainly")
        func logical() async throws {
            let scene = try await Scene(
                "shop_b.lab A 203.0.113.7 60\nshop_b.lab A 203.0.113.8 60",
                service: Self.service(", resolution: {mode: logical}"))
            for address in ["203.0.113.7", "203.0.113.8"] {
                try await scene.mesh.lab.outside.shell("ip address add \(address)/32 dev br0")
                try await scene.mesh.lab.outside.serve("http", ["\(address):9000"])
            }
            for _ in 0..<8 {
                let result = try await scene.get()
                #expect(result.body.contains("203.0.113.7:9000 read"), "\(result)")
            }
            let told = try await scene.client.tellsRequest("the request") { $0.status == 200 }
            #expect(told.security == "plaintext")
        }

        @Test("a reload that brings a name takes effect with its answer; a changed weight is taken along")
        func reload() async throws {
            let scene = try await Scene("shop_b.lab A ONE 60\nother.lab A TWO 60", service: Self.service())
            try await scene.reachesOnly(scene.one)
            scene.mesh.add(
                "named", kind: "Service",
                "{addresses: [10.96.0.40], ports: [{port: 80}], endpoints: [{hostname: other, port: 9000}, "
                    + "{hostname: shop_b, port: 9000, weight: 0}]}")
            #expect(try await scene.client.reload())
            try await scene.reachesOnly(scene.two)
            #expect(scene.client.proxy.output.components(separatedBy: "WEFT3044").count == 1)
        }
    }
}
