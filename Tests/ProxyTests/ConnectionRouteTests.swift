// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension Sidecars {
    /// Routes of whole connections, to a service "front" at 10.96.0.40 and fd96::40 that has no endpoint of its own.
    ///
    ///     client ── 10.96.0.40:80 ──▶ weft-proxy ══▶ one:9000 (service "one")
    ///                                           ══▶ two:9000 (service "two")
    @Suite("Routes of connections")
    struct ConnectionRouteTests {
        private struct Scene {
            let mesh: Mesh
            let client: MeshPod
            let one: MeshPod
            let two: MeshPod

            init(_ settings: [String: String] = [:], adding add: (Mesh) -> Void) async throws {
                mesh = try await Mesh()
                client = try await mesh.pod("client", settings)
                one = try await mesh.pod("one")
                two = try await mesh.pod("two")
                mesh.service("front", at: ["10.96.0.40", "fd96::40"], port: 80, targetPort: 9000, [])
                for (pod, address) in [("one", "10.96.0.41"), ("two", "10.96.0.42")] {
                    mesh.service(pod, at: [address], port: 80, targetPort: 9000, [pod])
                }
                add(mesh)
                try await mesh.start()
            }

            func echo() async throws {
                for pod in [one, two] { try await pod.serve("echo", "0.0.0.0:9000", "[::]:9000") }
            }

            func call(_ target: String = "10.96.0.40:80") async throws {
                let caller = try client.connect(target)
                try await caller.hears("hello", to: "hello")
                try await caller.stop()
            }

            func isReset(_ code: String, _ target: String = "10.96.0.40:80", saying line: String? = nil) async throws {
                let caller = try client.connect(target)
                if let line { caller.type(line) }
                try await caller.line(containing: "Connection reset")
                try await client.tells("a connection that ends with \(code)") { $0.code == code }
            }
        }

        private static let parent = "parentRefs: [{kind: Service, name: front}]"

        private static func weights(_ one: Int, _ two: Int) -> String {
            "{\(parent), rules: [{backendRefs: [{name: one, port: 80, weight: \(one)}, {name: two, port: 80, weight: \(two)}]}]}"
        }

        @Test("a TCPRoute shares connections by weight, encrypted, and says so")
        func weights() async throws {
            let scene = try await Scene { $0.add("db", kind: "TCPRoute", Self.weights(1, 1)) }
            try await scene.echo()
            let crowd = try scene.client.start("lab-tool", "crowd", "10.96.0.40:80", "60")
            crowd.type("hello")
            try await crowd.line(containing: "round hello right=60 wrong=0")
            let list = try await scene.client.connections()
            let shares = [scene.one, scene.two].map { pod in
                list.filter { $0.service == "default/\(pod.name)" && $0.peer == pod.spiffeID }.count
            }
            // That one of them has fewer than nine happens to one run in 10^8.
            #expect(shares.reduce(0, +) == 60 && shares.allSatisfy { $0 > 8 }, "\(shares)")
            #expect(list.allSatisfy { $0.route == "default/db[0]" && $0.originalDestination == "10.96.0.40:80" })
            crowd.type("stop")
            try await crowd.line(containing: "closed unclean=0")
            try await scene.call("[fd96::40]:80")
            try await scene.client.tells("a connection by IPv6") { $0.upstream?.hasSuffix("]:9000") == true }
        }

        @Test("weights change with the configuration; none at all resets")
        func reload() async throws {
            let scene = try await Scene { $0.add("db", kind: "TCPRoute", Self.weights(1, 0)) }
            try await scene.echo()
            for _ in 0..<4 { try await scene.call() }
            scene.mesh.add("db", kind: "TCPRoute", Self.weights(0, 1))
            #expect(try await scene.client.reload())
            for _ in 0..<4 { try await scene.call() }
            try await scene.client.tells("a connection to two") { $0.service == "default/two" }
            let told = try scene.client.told.filter { $0.outcome == "completed" }
            #expect(
                told.map(\.service) == Array(repeating: "default/one", count: 4)
                    + Array(repeating: "default/two", count: told.count - 4))
            scene.mesh.add("db", kind: "TCPRoute", Self.weights(0, 0))
            #expect(try await scene.client.reload())
            try await scene.isReset("WEFT3111")
        }

        private static func names(_ one: String, _ two: String) -> (Mesh) -> Void {
            { mesh in
                mesh.add(
                    "to-one", kind: "TLSRoute",
                    "{\(parent), hostnames: [\(one)], rules: [{backendRefs: [{name: one, port: 80}]}]}")
                mesh.add(
                    "to-two", kind: "TLSRoute",
                    "{\(parent), hostnames: [\(two)], rules: [{backendRefs: [{name: two, port: 80}]}]}")
                // Stands back where a TLSRoute is.
                mesh.add("bytes", kind: "TCPRoute", weights(1, 0))
            }
        }

        @Test("a TLSRoute goes by the server name, and touches nothing of the TLS")
        func serverNames() async throws {
            let scene = try await Scene(adding: Self.names("one.example", "'*.example'"))
            for pod in [scene.one, scene.two] { try await pod.serveTLS(port: 9000, as: pod.name) }
            for (name, certificate) in [("one.example", "one"), ("ONE.example", "one"), ("x.example", "two")] {
                let session = try await scene.client.pod.handshake("10.96.0.40:80", name, as: MeshPod.applicationUser)
                #expect(session.output.contains("CN = \(certificate)"), "\(name): \(session.output)")
            }
            let told = try await scene.client.tells("one.example") { $0.route == "default/to-one[0]" }
            #expect(told.security == "mutual-tls" && told.protocol == "tls" && told.service == "default/one")
            // A name that nobody has, and none.
            for name in ["other.test", nil] {
                let session = try await scene.client.pod.handshake("10.96.0.40:80", name, as: MeshPod.applicationUser)
                #expect(!session.output.contains("BEGIN CERTIFICATE"))
                try await scene.client.tells("\(String(describing: name))") {
                    $0.code == "WEFT3045" && $0.reason?.contains(name ?? "none was sent") == true
                }
            }
        }

        @Test("what is not TLS is reset, and so is a client that says nothing")
        func notTLS() async throws {
            let scene = try await Scene(
                ["timeouts": "{handshake: 300ms}"], adding: Self.names("a.example", "b.example"))
            try await scene.isReset("WEFT3046", saying: "GET / HTTP/1.1")
            try await scene.isReset("WEFT3022")
            #expect(try scene.client.told.allSatisfy { $0.upstream == nil })
        }

        @Test("a first message in pieces is read as far as it goes, and arrives as it was sent")
        func pieces() async throws {
            let scene = try await Scene(adding: Self.names("one.example", "two.example"))
            try await scene.echo()
            let hello = ClientHelloRecipe(serverName: "two.example", padding: 3000).fragmented([5, 40, 700])
            let path = "\(scene.mesh.directory)/hello"
            try Data(hello).write(to: URL(fileURLWithPath: path))
            try await scene.client.pod.shell(
                """
                { head -c 3 \(path); for at in 3 400 900 1500; do sleep 0.1; tail -c +$((at + 1)) \(path) | \
                    head -c $(( (at == 3 ? 400 : at == 400 ? 900 : at == 900 ? 1500 : \(hello.count)) - at )); done; } |
                    setpriv --reuid=1000 --regid=1000 --clear-groups nc -N 10.96.0.40 80 > \(path)-back
                cmp \(path) \(path)-back
                """)
            let told = try await scene.client.tells("the connection") { $0.route == "default/to-two[0]" }
            #expect(told.outcome == "completed" && told.downstreamBytesReceived == UInt64(hello.count))
            #expect(told.downstreamBytesSent == UInt64(hello.count) && told.upstreamBytesSent == UInt64(hello.count))
        }
    }
}

extension Pod {
    /// What the real `openssl s_client` sees; without a name it sends none.
    func handshake(_ target: String, _ serverName: String?, as user: UInt32? = nil) async throws -> ProgramResult {
        let name = serverName.map { ["-servername", $0] } ?? ["-noservername"]
        return try await run(["openssl", "s_client", "-connect", target] + name, as: user, input: "Q")
    }
}
