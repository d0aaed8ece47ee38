// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshTesting
import Testing

extension Sidecars {
    /// Gateways: clients outside the mesh come in.
    ///
    ///     outside ── edge:5432 (TCP), edge:8444 (TLS by server name) ──▶ weft-proxy ══▶ one:9000, two:9000
    @Suite("Gateways")
    struct GatewayTests {
        private struct Scene {
            let mesh: Mesh
            let edge: MeshPod
            let one: MeshPod
            let two: MeshPod

            var outside: Pod { mesh.lab.outside }

            init(_ settings: [String: String] = [:], adding add: (Mesh) -> Void) async throws {
                mesh = try await Mesh()
                edge = try await mesh.pod("edge", settings)
                one = try await mesh.pod("one")
                two = try await mesh.pod("two")
                for (pod, address) in [("one", "10.96.0.41"), ("two", "10.96.0.42")] {
                    mesh.service(pod, at: [address], port: 80, targetPort: 9000, [pod])
                }
                add(mesh)
                try await mesh.start()
            }

            func call(_ target: String) async throws {
                let caller = try outside.start("lab-tool", "connect", target)
                try await caller.hears("hello", to: "hello")
                try await caller.stop()
            }

            func cannotConnect(_ target: String) async throws {
                let caller = try outside.start("lab-tool", "connect", target)
                // What is captured is strict, and would wait for a silent client.
                caller.type("hello")
                try await caller.line(containing: "failed: Connection re")
            }
        }

        private static let bytes = "{listeners: [{name: db, port: 5432, protocol: TCP}]}"

        /// A gateway with a TCPRoute. Every pod reads of it and serves it; the tests come to "edge".
        private static func tcp(_ mesh: Mesh) {
            mesh.add(
                "route", kind: "TCPRoute",
                "{parentRefs: [{name: gate}], rules: [{backendRefs: [{name: one, port: 80}]}]}")
            mesh.add("gate", kind: "Gateway", bytes)
        }

        @Test("a TCP listener leads into the mesh, by mutual TLS, and says so; by both families", arguments: [1, 3])
        func connections(_ threads: Int) async throws {
            let scene = try await Scene(["dataThreads": "\(threads)"], adding: Self.tcp)
            try await scene.one.serve("echo", "0.0.0.0:9000", "[::]:9000")
            try await scene.call("\(scene.edge.address):5432")
            let told = try await scene.edge.tells("outbound", to: 5432, outcome: "completed")
            #expect(told.listener == "default/gate/db" && told.route == "default/route[0]")
            #expect(told.service == "default/one" && told.peer == scene.one.spiffeID && told.security == "mutual-tls")
            #expect(told.originalDestination == "\(scene.edge.address):5432")
            #expect(told.client.hasPrefix("\(scene.outside.address4):"))
            try await scene.call("[\(scene.edge.address6)]:5432")
            try await scene.edge.tells("a connection by IPv6") {
                $0.originalDestination == "[\(scene.edge.address6)]:5432" && $0.outcome == "completed"
            }
            // The workload beside it comes in as everybody does.
            let own = try scene.edge.connect("\(scene.edge.address):5432")
            try await own.hears("own", to: "own")
            try await own.stop()
            let crowd = try scene.outside.start("lab-tool", "crowd", "\(scene.edge.address):5432", "50")
            crowd.type("hello")
            try await crowd.line(containing: "round hello right=50 wrong=0")
            crowd.type("stop")
            try await crowd.line(containing: "closed unclean=0")
        }

        @Test("a TLS listener passes on what its routes are for, and tells the others by an alert")
        func passthrough() async throws {
            let scene = try await Scene { mesh in
                mesh.add(
                    "gate", kind: "Gateway",
                    "{listeners: [{name: tls, port: 8444, protocol: TLS, hostname: '*.example', tls: {mode: Passthrough}}]}"
                )
                for (pod, host) in [("one", "one.example"), ("two", "'*.example'")] {
                    mesh.add(
                        "to-\(pod)", kind: "TLSRoute",
                        "{parentRefs: [{name: gate}], hostnames: [\(host)], rules: [{backendRefs: [{name: \(pod), port: 80}]}]}"
                    )
                }
            }
            for pod in [scene.one, scene.two] { try await pod.serveTLS(port: 9000, as: pod.name) }
            let target = "\(scene.edge.address):8444"
            for (name, certificate) in [("one.example", "one"), ("x.example", "two")] {
                let session = try await scene.outside.handshake(target, name)
                #expect(session.output.contains("CN = \(certificate)"), "\(name): \(session.output) \(session.error)")
            }
            let told = try await scene.edge.tells("one.example") { $0.route == "default/to-one[0]" }
            #expect(told.listener == "default/gate/tls" && told.peer == scene.one.spiffeID && told.protocol == "tls")
            for name in ["other.test", nil] {
                let session = try await scene.outside.handshake(target, name)
                #expect(session.error.contains("unrecognized name"), "\(session.error)")
            }
            try await scene.edge.tells("a name that nobody has") { $0.code == "WEFT3045" }
            let page = try await scene.outside.curl(
                "-k", "--resolve", "one.example:8444:\(scene.edge.address)", "https://one.example:8444/")
            #expect(page.status == 200)
        }

        @Test("listeners come and go with the configuration, and may change their addresses")
        func reload() async throws {
            let scene = try await Scene { _ in }
            let (mesh, edge) = (scene.mesh, scene.edge)
            try await scene.one.serve("echo", "0.0.0.0:9000")
            try await scene.cannotConnect("\(edge.address):5432")
            // The rules know nothing of it, so that it is captured.
            Self.tcp(mesh)
            #expect(try await edge.reload())
            try await scene.call("\(edge.address):5432")
            let open = try scene.outside.start("lab-tool", "connect", "\(edge.address):5432")
            try await open.hears("one", to: "one")

            mesh.add(
                "gate", kind: "Gateway",
                "{addresses: [\(edge.address)], listeners: [{name: db, port: 5432, protocol: TCP}]}")
            #expect(try await edge.reload())
            try await eventually("one address alone") {
                try await edge.pod.must("ss", "-Hltn", "sport = :5432").split(separator: "\n").count == 1 ? true : nil
            }
            try await scene.call("\(edge.address):5432")

            mesh.remove("gate")
            mesh.remove("route")
            #expect(try await edge.reload())
            try await eventually("nobody listens") {
                try await edge.pod.must("ss", "-Hltn", "sport = :5432").isEmpty ? true : nil
            }
            try await scene.cannotConnect("\(edge.address):5432")
            // What was open goes on.
            try await open.hears("two", to: "two")
        }

        @Test("a port that somebody has rejects the whole configuration, at a reload and at the start")
        func taken() async throws {
            let scene = try await Scene(adding: Self.tcp)
            let (mesh, edge) = (scene.mesh, scene.edge)
            try await scene.one.serve("echo", "0.0.0.0:9000")
            let thief = try await edge.serve("echo", "0.0.0.0:5433")
            mesh.add(
                "gate", kind: "Gateway",
                "{listeners: [{name: db, port: 5432, protocol: TCP}, {name: more, port: 5434, protocol: TCP}, "
                    + "{name: taken, port: 5433, protocol: TCP}]}")
            #expect(try await !edge.reload())
            #expect(try await edge.says("configuration rejected; the old one stays").contains("WEFT6001"))
            #expect(try await edge.ask("/config").body.contains("5433"))
            #expect(try await edge.pod.must("ss", "-Hltn", "sport = :5434").isEmpty)
            try await scene.call("\(edge.address):5432")
            try await edge.killProxy()
            try edge.startProxy()
            try await eventually("the end of a proxy that cannot listen") { edge.proxy.isRunning ? nil : true }
            #expect((edge.proxy.output + edge.proxy.error).contains("WEFT6001"))
            try await thief.stop()
            try edge.startProxy()
            try await edge.ready()
            try await scene.call("\(edge.address):5434")
        }

        @Test("a listener without a route resets and says why")
        func unrouted() async throws {
            let scene = try await Scene { $0.add("gate", kind: "Gateway", Self.bytes) }
            let caller = try scene.outside.start("lab-tool", "connect", "\(scene.edge.address):5432")
            try await caller.line(containing: "failed: Connection reset")
            let told = try await scene.edge.tells("outbound", to: 5432)
            #expect(told.code == "WEFT3047" && told.listener == "default/gate/db")
        }

        @Test("a drain closes the listeners, and what is open goes on")
        func drain() async throws {
            let scene = try await Scene(["drain": "{settle: 0s, deadline: 30s}"], adding: Self.tcp)
            try await scene.one.serve("echo", "0.0.0.0:9000")
            let open = try scene.outside.start("lab-tool", "connect", "\(scene.edge.address):5432")
            try await open.hears("one", to: "one")
            scene.edge.proxy.send(15)
            try await eventually("nobody listens") {
                try await scene.edge.pod.must("ss", "-Hltn", "sport = :5432").isEmpty ? true : nil
            }
            try await open.hears("two", to: "two")
            try await open.stop()
            #expect(try await scene.edge.proxy.result().status == 0)
        }
    }
}
