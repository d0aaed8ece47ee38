// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension Sidecars {
    /// Requests of HTTP/1 that share one session between two sidecars, and are HTTP/1 again behind it.
    @Suite("Sessions of HTTP/1")
    struct SharedSessionTests {
        /// A scene whose sidecars have heard of each other that they take such sessions.
        func scene(
            _ rules: String = "[{backendRefs: [{name: shop-one, port: 80}]}]", server: String = "http"
        ) async throws -> RequestScene {
            let scene = try await RequestScene(rules, server: server)
            #expect(try await scene.get("/first").status == 200)
            return scene
        }

        @Test("many requests at once need one connection between the sidecars, and none of them knows")
        func sharing() async throws {
            let scene = try await scene()
            let before = try await scene.client.metrics().value("weft_handshakes_total", ["role": "dialler"])
            let crowd = try scene.client.start(
                "curl", "-sS", "-Z", "--parallel-max", "40", "-o", "/dev/null", "-w", "%{http_code} %{http_version}\\n",
                "http://10.96.0.20/slow/[201-240]")
            try await eventually("the end of curl") { crowd.isRunning ? nil : true }
            let lines = crowd.output.split(separator: "\n")
            #expect(lines.count == 40 && lines.allSatisfy { $0 == "200 1.1" }, "\(lines) \(crowd.error)")
            // The connection of the first request serves again.
            #expect(try await scene.client.metrics().value("weft_handshakes_total", ["role": "dialler"]) == before)
            #expect(scene.count(" HTTP/1.1") == 41)
            for pod in [scene.client, scene.one] {
                let told = try pod.toldRequests.filter { $0.path.hasPrefix("/slow/") }
                #expect(told.count == 40 && told.allSatisfy { $0.outcome == "completed" }, "\(pod.name)")
            }
            let counted = try await scene.one.metrics().samples.filter {
                $0.name == "weft_requests_total" && $0.labels["protocol"] == "http/1"
            }
            #expect(counted.reduce(0) { $0 + $1.value } == 41, "\(counted)")
        }

        @Test(
            "the server and the client see what they would see without: line, host, fields, reason, no length without a body"
        )
        func faithful() async throws {
            let scene = try await scene()
            let answer = try await scene.get(
                "/echo/x?a=b%20c", "-D", "-", "-H", "X-Mixed: A b", "-H", "Cookie: a=1; b=2")
            #expect(answer.body.contains("HTTP/1.1 200 Said\r\n"), "\(answer)")
            #expect(!answer.body.lowercased().contains("x-weft-reason"))
            for line in ["GET /echo/x?a=b%20c HTTP/1.1", "host: 10.96.0.20", "x-mixed: A b", "cookie: a=1; b=2"] {
                #expect(answer.body.contains("\(line)\r\n"), "\(line): \(answer)")
            }
            #expect(!answer.body.contains("transfer-encoding"))
            let posted = try await scene.get("/echo", "-d", "")
            #expect(
                posted.body.contains("POST /echo HTTP/1.1") && posted.body.contains("content-length: 0"), "\(posted)")
            let head = try await scene.get("/anything", "-I")
            #expect(head.status == 200 && head.body.lowercased().contains("content-length: "), "\(head)")
            let known = try await scene.get("/status/304", "-D", "-")
            #expect(known.status == 304 && known.body.contains("HTTP/1.1 304 Said\r\n"), "\(known)")
            let closed = try await scene.get("/close")
            #expect(closed.status == 200 && closed.body.contains("closes"), "\(closed)")
            let upgrade = try await scene.get("/status/426", "-D", "-")
            #expect(upgrade.status == 426 && upgrade.body.contains("HTTP/1.1 426 Said\r\n"), "\(upgrade)")
        }

        @Test("clients that take nothing of long answers hold up nobody beside them")
        func slowReaders() async throws {
            let scene = try await scene()
            // More of them than the window of the connection would bear, if it were bounded by that of one client.
            let slow = try scene.client.start(
                "sh", "-c",
                "for i in $(seq 40); do curl -sS --limit-rate 1k -o /dev/null http://10.96.0.20/big/80000$i & done; wait"
            )
            try await eventually("all of them are being answered") { scene.count("GET /big/") >= 40 ? true : nil }
            let quick = try await scene.get("/big/3000000", "-o", "/dev/null", "-w", "%{size_download} ", "-m", "20")
            #expect(quick.exitCode == 0 && quick.body.contains("3000000"), "\(quick)")
            #expect(try await scene.get("/after", "-m", "20").status == 200)
            try await slow.stop()
        }

        @Test("many clients that give up at once cost no other client its request")
        func impatience() async throws {
            let scene = try await scene()
            let patient = try scene.client.start("curl", "-sS", "-w", "%{http_code}", "http://10.96.0.20/slow/6000")
            let impatient = try scene.client.start(
                "curl", "-s", "-Z", "--parallel-max", "50", "-m", "0.2", "http://10.96.0.20/slow/3[000-399]")
            try await eventually("the impatient have gone", within: .seconds(30)) { impatient.isRunning ? nil : true }
            #expect(try await scene.get("/after").status == 200)
            try await eventually("the patient one has its answer", within: .seconds(20)) {
                patient.isRunning ? nil : true
            }
            #expect(patient.output.hasSuffix("200"), "\(patient.output) \(patient.error)")
        }

        @Test(
            "a sidecar that takes no sessions gets a connection for each request, and one that does again gets sessions"
        )
        func without() async throws {
            let scene = try await scene()
            scene.one.set("http", "{shareSessions: false}")
            #expect(try await scene.one.reload())
            func handshakes() async throws -> Double {
                let before = try await scene.client.metrics().value("weft_handshakes_total", ["role": "dialler"])
                let crowd = try scene.client.start(
                    "curl", "-sS", "-Z", "--parallel-max", "20", "-o", "/dev/null", "-w", "%{http_code}\\n",
                    "http://10.96.0.20/slow/[301-320]")
                try await eventually("the end of curl") { crowd.isRunning ? nil : true }
                #expect(crowd.output == String(repeating: "200\n", count: 20), "\(crowd.output) \(crowd.error)")
                return try await scene.client.metrics().value("weft_handshakes_total", ["role": "dialler"]) - before
            }
            // The connection that is there is known to take them; what comes on a new one says otherwise.
            try await scene.client.measures("no connection is kept") { $0.value("weft_peer_connections") == 0 }
            #expect(try await scene.get("/learned").status == 200)
            #expect(try await handshakes() >= 15)
            scene.one.set("http", nil)
            #expect(try await scene.one.reload())
            try await scene.client.measures("no connection is kept") { $0.value("weft_peer_connections") == 0 }
            #expect(try await scene.get("/learned").status == 200)
            #expect(try await handshakes() <= 1)
        }

        @Test("a long answer comes whole, and so does a long request, which has a connection for itself")
        func long() async throws {
            let scene = try await scene()
            let answer = try await scene.get("/big/30000000", "-o", "/dev/null", "-w", "%{size_download} ")
            #expect(answer.exitCode == 0 && answer.body.contains("30000000"), "\(answer)")
            let file = "\(scene.mesh.directory)/body"
            try Data(repeating: 120, count: 3_000_000).write(to: URL(fileURLWithPath: file))
            #expect(try await scene.get("/upload", "--data-binary", "@\(file)").status == 200)
            let told = try await scene.one.tellsRequest("the upload") { $0.path == "/upload" }
            #expect(told.requestBytes == 3_000_000 && told.outcome == "completed")
        }

        @Test("a sidecar that is killed and started again: what may be repeated is, and nothing is asked twice")
        func restart() async throws {
            let scene = try await scene("[{backendRefs: [{name: shop, port: 80}]}]")
            for _ in 0..<10 { #expect(try await scene.get("/before").status == 200) }
            try await scene.one.killProxy()
            for index in 0..<20 {
                #expect(try await scene.get("/while/\(index)").status == 200)
                #expect(try await scene.get("/pay/\(index)", "-d", "pay").status == 200)
            }
            for index in 0..<20 { #expect(scene.count("POST /pay/\(index) ") == 1, "\(index)") }
        }
    }
}
