// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import Glibc
import MeshTesting
import Testing

extension Sidecars {
    /// How sidecars end, and what their neighbours see of it.
    @Suite("Endings")
    struct EndingTests {
        @Test("a sidecar drains under load behind a service, and not one request fails")
        func drain() async throws {
            let mesh = try await Mesh()
            let client = try await mesh.pod("client")
            let leaving = try await mesh.pod("leaving", ["drain": "{settle: 4s, deadline: 60s}"])
            let staying = try await mesh.pod("staying")
            mesh.service("echo", at: ["10.96.0.10"], port: 80, targetPort: 9000, ["leaving", "staying"])
            try await mesh.start()
            for pod in [leaving, staying] { try await pod.serve("echo", "0.0.0.0:9000") }
            let load = try await Load(from: client, to: "10.96.0.10:80")
            try await leaving.tells("inbound", to: 9000)

            leaving.proxy.send(SIGTERM)
            try await leaving.says("draining")
            let ready = try await leaving.ask("/ready")
            #expect(ready.status == 503 && ready.body.contains("drains"), "\(ready)")
            // Who watches the readiness takes it out of the service; until then it still accepts.
            mesh.service("echo", at: ["10.96.0.10"], port: 80, targetPort: 9000, ["staying"])
            #expect(try await client.reload())
            let result = try await leaving.proxy.result(within: .seconds(60))
            #expect(result.status == 0, "\(result)")
            #expect(result.output.contains("\"message\":\"ended\""))
            try await load.proceeds()
            try await load.endsWithoutFailure()
            #expect(try leaving.told.allSatisfy { $0.outcome == "completed" })
        }

        @Test("a sidecar that drains lets its own application call until the end")
        func outboundStays() async throws {
            let pair = try await Pair(client: ["drain": "{settle: 0s, deadline: 60s}"])
            try await pair.server.serve("echo", "0.0.0.0:9000")
            let open = try pair.client.connect("\(pair.server.address):9000")
            try await open.hears("before", to: "before")
            #expect(try await pair.client.ask("/drain", "-X", "POST").status == 202)
            try await pair.client.says("draining")
            try await open.hears("meanwhile", to: "meanwhile")
            let another = try pair.client.connect("\(pair.server.address):9000")
            try await another.hears("new", to: "new")
            try await another.stop()
            #expect(pair.client.proxy.isRunning)
            try await open.stop()
            #expect(try await pair.client.proxy.result().status == 0)
        }

        @Test("a long download that is under way when its server's sidecar is told to end arrives whole")
        func longDownload() async throws {
            let pair = try await Pair(server: ["drain": "{settle: 0s, deadline: 2m}"])
            let file = "\(pair.mesh.directory)/index.html"
            let sum = try await pair.server.pod.shell("head -c 30000000 /dev/urandom > \(file); sha256sum < \(file)")
            _ = try pair.server.start("busybox", "httpd", "-f", "-p", "0.0.0.0:8080", "-h", pair.mesh.directory)
            try await pair.server.listens(on: 8080)
            let url = "http://\(pair.server.address):8080/index.html"
            let download = try pair.client.start(
                "sh", "-euc", "curl -sS -m 120 --limit-rate 10M \(url) | sha256sum")
            try await pair.server.lists("the download") { $0.downstreamBytesSent > 1_000_000 }
            for pod in [pair.server, pair.client] { pod.proxy.send(SIGTERM) }
            try await pair.server.says("draining")
            #expect(try await download.result().output == sum)
            for pod in [pair.server, pair.client] { #expect(try await pod.proxy.result().status == 0) }
        }

        @Test("what is still open at the deadline is reset, and the exit code says so")
        func deadline() async throws {
            let pair = try await Pair(server: ["drain": "{settle: 0s, deadline: 1s}"])
            try await pair.server.serve("echo", "0.0.0.0:9000")
            let open = try pair.client.connect("\(pair.server.address):9000")
            try await open.hears("hello", to: "hello")
            pair.server.proxy.send(SIGTERM)
            try await open.line(containing: "failed: Connection reset")
            #expect(try await pair.server.proxy.result().status == 4)
            #expect(try await pair.server.tells("inbound", to: 9000).outcome == "drain-deadline")
        }

        @Test("a second SIGTERM ends it at once")
        func twice() async throws {
            let pair = try await Pair(server: ["drain": "{settle: 10m, deadline: 20m}"])
            try await pair.server.serve("echo", "0.0.0.0:9000")
            let open = try pair.client.connect("\(pair.server.address):9000")
            try await open.hears("hello", to: "hello")
            pair.server.proxy.send(SIGTERM)
            try await pair.server.says("draining")
            try await open.hears("still here", to: "still here")
            pair.server.proxy.send(SIGTERM)
            #expect(try await pair.server.proxy.result(within: .seconds(20)).status == 4)
            try await open.line(containing: "failed: Connection reset")
            #expect(try await pair.server.tells("inbound", to: 9000).outcome == "shut-down")
        }

        @Test("a job that is over ends its sidecar without the settle time")
        func shutdown() async throws {
            let pair = try await Pair(server: ["drain": "{settle: 10m, deadline: 20m}"])
            #expect(try await pair.server.ask("/shutdown", "-X", "POST").status == 202)
            #expect(try await pair.server.proxy.result(within: .seconds(20)).status == 0)
        }

        @Test("an idle sidecar ends at once when told, with nothing to wait for")
        func idle() async throws {
            let pair = try await Pair()
            pair.server.proxy.send(SIGTERM)
            #expect(try await pair.server.proxy.result(within: .seconds(20)).status == 0)
            #expect(!FileManager.default.fileExists(atPath: pair.server.adminSocket))
        }

        @Test(
            "killed on the server's side: what is open breaks, what is new is refused, nothing goes past; then it is back"
        )
        func killedServer() async throws {
            let pair = try await Pair()
            let application = try await pair.server.serve("listen", "0.0.0.0:9000")
            let target = "\(pair.server.address):9000"
            let open = try pair.client.connect(target)
            try await open.hears("0.0.0.0:9000 says: before", to: "before")
            let accepted = application.output.components(separatedBy: "accepted").count

            try await pair.server.killProxy()
            try await open.line(containing: "failed: Connection reset")
            try await application.line(containing: "broken at=0.0.0.0:9000")
            let meanwhile = try pair.client.connect(target)
            try await meanwhile.line(containing: "failed: Connection reset")
            let stranger = try pair.outside.start("lab-tool", "connect", target)
            try await stranger.line(containing: "failed: Connection refused")
            #expect(application.output.components(separatedBy: "accepted").count == accepted)
            try await pair.client.tells("the refusal") { $0.code == "WEFT3003" && $0.security != "plaintext" }

            try pair.server.startProxy()
            try await pair.server.ready()
            let again = try pair.client.connect(target)
            try await again.hears("0.0.0.0:9000 says: after", to: "after")
        }

        @Test("a sidecar that is killed and started again under load: what fails is told, what comes later works")
        func killedUnderLoad() async throws {
            let pair = try await Pair()
            let application = try await pair.server.serve("listen", "0.0.0.0:9000")
            try await pair.server.serve("echo", "0.0.0.0:9001")
            let load = try await Load(from: pair.client, to: "\(pair.server.address):9001")
            for _ in 0..<2 {
                try await pair.server.killProxy()
                try pair.server.startProxy()
                try await pair.server.ready()
                try await load.proceeds()
            }
            let caller = try pair.client.connect("\(pair.server.address):9000")
            try await caller.hears("0.0.0.0:9000 says: after", to: "after")
            // Nothing has ever reached the application but through its sidecar.
            #expect(application.output.components(separatedBy: "accepted").count == 2)
            #expect(try pair.client.told.allSatisfy { $0.security != "plaintext" })
        }

        @Test("killed on the client's side: the application is refused, and the server sees no clean end")
        func killedClient() async throws {
            let pair = try await Pair()
            let application = try await pair.server.serve("listen", "0.0.0.0:9000")
            let target = "\(pair.server.address):9000"
            let open = try pair.client.connect(target)
            try await open.hears("0.0.0.0:9000 says: before", to: "before")
            let tap = try await WireTap(on: pair.client.pod)

            try await pair.client.killProxy()
            try await open.line(containing: "failed: Connection reset")
            try await application.line(containing: "broken at=0.0.0.0:9000")
            #expect(!application.output.contains("ended at="))
            #expect(try await pair.server.tells("inbound", to: 9000).outcome == "peer-cut")
            let meanwhile = try pair.client.connect(target)
            try await meanwhile.line(containing: "failed: Connection refused")
            // Sends what it would say in plaintext, if it could.
            let sent = try await pair.client.run("sh", "-c", "echo in-the-clear | nc -N \(pair.server.address) 9000")
            #expect(!sent.succeeded)
            #expect(try await !tap.heard("in-the-clear"))

            try pair.client.startProxy()
            try await pair.client.ready()
            let again = try pair.client.connect(target)
            try await again.hears("0.0.0.0:9000 says: after", to: "after")
        }
    }
}
