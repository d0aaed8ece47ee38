// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension Sidecars {
    /// The two pods of ``Sidecars``, asked over the two ways that there are:
    ///
    ///     root on the host ──▶ admin.sock (0600): everything, as docs/admin.md says
    ///     anybody          ──▶ 15020: /metrics, /ready, /live
    @Suite("What a sidecar tells")
    struct AdminTests {
        @Test("the list of connections has everything that docs/admin.md says")
        func connections() async throws {
            let pair = try await Pair()
            let (client, server) = (pair.client, pair.server)
            try await server.serve("echo", "0.0.0.0:9000")
            let caller = try client.connect("\(server.address):9000")
            try await caller.hears("hello", to: "hello")

            let outbound = try await client.lists("the call") { $0.downstreamBytesSent == 6 }
            #expect(outbound.direction == "outbound" && outbound.state == "relaying")
            #expect(outbound.client.hasPrefix("\(client.address):"))
            #expect(outbound.originalDestination == "\(server.address):9000")
            #expect(outbound.upstream == "\(server.address):9000")
            #expect(outbound.protocol == "opaque" && outbound.security == "mutual-tls")
            #expect(outbound.tlsVersion == "TLSv1.3" && outbound.cipher?.hasPrefix("TLS_") == true)
            #expect(outbound.peer == server.spiffeID)
            #expect(outbound.downstreamBytesReceived == 6 && outbound.upstreamBytesSent == 6)
            #expect((outbound.ageMs ?? -1) >= 0)
            #expect(outbound.outcome == nil)

            let inbound = try await server.lists("its other end") { $0.upstreamBytesReceived == 6 }
            #expect(inbound.direction == "inbound" && inbound.peer == client.spiffeID)
            #expect(inbound.claimedClient == outbound.client && inbound.trace == outbound.trace)
            try await eventually("its age grows") {
                try await (client.connections().first?.ageMs ?? 0) > (outbound.ageMs ?? 0) ? true : nil
            }
            try await caller.stop()
            try await eventually("an empty list") { try await client.connections().isEmpty ? true : nil }
        }

        @Test("plaintext is listed with its reason")
        func plaintext() async throws {
            let pair = try await Pair(server: ["inbound": "{mode: permissive}"])
            try await pair.server.serve("echo", "0.0.0.0:9000")
            let caller = try pair.outside.start("lab-tool", "connect", "\(pair.server.address):9000")
            try await caller.hears("hello", to: "hello")
            let listed = try await pair.server.lists("the stranger") { $0.direction == "inbound" }
            #expect(listed.security == "plaintext" && listed.plaintextReason == "permissive", "\(listed)")
            #expect(listed.peer == nil && listed.tlsVersion == nil)
        }

        @Test("certificates are shown, keys never")
        func certificates() async throws {
            let pair = try await Pair()
            let shown = try await pair.server.ask("/certificates").body
            #expect(shown.contains("\"identity\":\"\(pair.server.spiffeID)\""))
            for word in ["serial", "not_before", "not_after", "sha256", "mesh.example"] {
                #expect(shown.contains(word))
            }
            let key = try String(contentsOfFile: pair.server.identity.key, encoding: .utf8)
            let body = key.split(separator: "\n").filter { !$0.hasPrefix("---") }
            for path in ["/certificates", "/config", "/connections", "/metrics"] {
                let answer = try await pair.server.ask(path).body
                #expect(!answer.contains("PRIVATE KEY"))
                for line in body { #expect(!answer.contains(line)) }
            }
            for line in body { #expect(!pair.server.proxy.output.contains(line)) }
        }

        @Test("the admin socket is for its owner alone, and everybody's port has three answers")
        func audiences() async throws {
            let pair = try await Pair()
            let stranger = try await pair.server.curl(
                "--unix-socket", pair.server.adminSocket, "http://weft/connections")
            #expect(stranger.exitCode == 7, "\(stranger)")
            let port = "http://\(pair.server.address):15020"
            for (path, status) in [
                ("/metrics", 200), ("/ready", 200), ("/live", 200), ("/connections", 404), ("/certificates", 404),
                ("/config", 404), ("/log-level", 404),
            ] {
                #expect(try await pair.outside.curl("\(port)\(path)").status == status, "\(path)")
            }
            #expect(try await pair.outside.curl("-X", "POST", "\(port)/drain").status == 404)
            #expect(try await pair.server.ask("/nonsense").status == 404)
            #expect(try await pair.server.ask("/drain").status == 405)
            #expect(pair.server.proxy.isRunning)
        }

        @Test("the admin port is for programs on this host that say so, not for a browser's pages")
        func adminPort() async throws {
            let pair = try await Pair(server: ["admin": "{port: 15000}"])
            let url = "http://127.0.0.1:15000/connections"
            #expect(try await pair.server.curl("-H", "X-Weft-Admin: yes", url).status == 200)
            #expect(try await pair.server.curl(url).status == 403)
            #expect(
                try await pair.server.curl("-H", "X-Weft-Admin: yes", "-H", "Host: evil.example", url).status == 403)
            let far = try await pair.client.curl(
                "-H", "X-Weft-Admin: yes", "http://\(pair.server.address):15000/config")
            #expect(far.status == 0, "\(far)")
        }

        @Test("ready and live differ: without an identity it lives and is not ready")
        func readiness() async throws {
            let mesh = try await Mesh()
            let pod = try await mesh.pod("alone")
            try FileManager.default.removeItem(atPath: pod.identity.key)
            try pod.writeConfiguration()
            try await pod.capture()
            try pod.startProxy()
            try await pod.says("there is no identity yet")
            let ready = try await pod.ask("/ready")
            #expect(ready.status == 503 && ready.body.contains("no identity"), "\(ready)")
            #expect(try await pod.ask("/live").status == 200)
            // Everybody learns that it is not ready, not why.
            let told = try await pod.pod.curl("http://127.0.0.1:15020/ready")
            #expect(told.status == 503 && told.body == "not ready\n", "\(told)")
            #expect(try await pod.pod.run("weft-proxy", "ready").status == 3)
            let waiter = try pod.start("\(BuiltProgram.path("weft-proxy"))", "wait", "--ready", "--timeout", "60s")
            try pod.identity.write(mesh.authority.leaf(pod.spiffeID), of: mesh.authority)
            #expect(try await waiter.result().status == 0)
            #expect(try await pod.ask("/ready").body == "ready\n")
            #expect(try await pod.pod.run("weft-proxy", "ready").status == 0)
        }

        @Test("the log level can be changed while it runs")
        func logLevel() async throws {
            let pair = try await Pair()
            #expect(try await pair.client.ask("/log-level").body == "info\n")
            #expect(try await pair.client.ask("/log-level", "-X", "PUT", "-d", "error").body == "error\n")
            #expect(try await pair.client.ask("/log-level").body == "error\n")
            let wrong = try await pair.client.ask("/log-level", "-X", "PUT", "-d", "shout")
            #expect(wrong.status == 400 && wrong.body.contains("shout"), "\(wrong)")
            // Connections are of level info: this one leaves no line.
            #expect(try await pair.client.curl("http://\(pair.server.address):4444/").status == 0)
            try await pair.client.measures("the connection") { $0.value("weft_connections_finished_total") == 1 }
            #expect(try await pair.client.ask("/log-level", "-X", "PUT", "-d", "info").status == 200)
            #expect(try await pair.client.curl("http://\(pair.server.address):4445/").status == 0)
            try await pair.client.tells("outbound", to: 4445)
            #expect(try pair.client.told.count == 1)
        }

        @Test("metrics are well-formed and count what happened")
        func metrics() async throws {
            let pair = try await Pair()
            try await pair.server.serve("http", "0.0.0.0:8080")
            for _ in 0..<3 { #expect(try await pair.client.curl("http://\(pair.server.address):8080/").status == 200) }
            for _ in 0..<2 { #expect(try await pair.client.curl("http://\(pair.server.address):4444/").status == 0) }
            try await pair.client.measures("five connections") { $0.value("weft_connections_finished_total") == 5 }
            let metrics = try await pair.client.metrics()
            #expect(metrics.value("weft_ready") == 1 && metrics.value("weft_draining") == 0)
            #expect(metrics.value("weft_connections_opened_total", ["direction": "outbound"]) == 5)
            #expect(metrics.value("weft_connections_active") == 0)
            #expect(
                metrics.value(
                    "weft_connections_finished_total", ["outcome": "completed", "security": "mutual-tls"]) == 3)
            #expect(metrics.value("weft_connections_finished_total", ["code": "WEFT3003"]) == 2)
            #expect(metrics.value("weft_detected_protocols_total", ["protocol": "http/1"]) >= 3)
            #expect(metrics.value("weft_detected_protocols_total") == 5)
            #expect(metrics.value("weft_connection_duration_seconds_count") == 5)
            // Connections between sidecars were used again.
            #expect(metrics.value("weft_pool_takes_total", ["result": "hit"]) >= 2)
            #expect(metrics.value("weft_certificate_expiry_seconds", ["certificate": "leaf"]) > 1e9)
            #expect(metrics.types["weft_connections_finished_total"] == "counter")
            #expect(metrics.types["weft_connection_duration_seconds"] == "histogram")
        }

        @Test("the log in text has one line per connection, with its outcome in words")
        func text() async throws {
            let pair = try await Pair(client: ["log": "{format: text}"])
            try await pair.server.serve("http", "0.0.0.0:8080")
            #expect(try await pair.client.curl("http://\(pair.server.address):8080/").status == 200)
            let line = try await pair.client.says("-> \(pair.server.address):8080")
            for part in [" info outbound ", "mutual-tls \(pair.server.spiffeID)", " http/1 ", "ms completed"] {
                #expect(line.contains(part), "\(line)")
            }
            #expect(try await pair.client.curl("http://\(pair.server.address):4444/").status == 0)
            let refused = try await pair.client.says("-> \(pair.server.address):4444")
            #expect(refused.contains("connect-refused WEFT3003: "), "\(refused)")
        }
    }
}
