// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension Sidecars {
    @Suite("HTTP/2")
    struct HTTP2Tests {
        @Test("requests of HTTP/2 go through both sidecars as such, many on one connection")
        func everyday() async throws {
            let scene = try await RequestScene(RequestScene.plain, server: "http2")
            let result = try await scene.client.run(
                "curl", "-sS", "--max-time", "20", "--http2-prior-knowledge", "-X", "POST", "-d", "an echo",
                "-H", "X-Weft-Caller: spiffe://mesh.example/ns/default/sa/root", "-w", " %{http_version} %{http_code}",
                "http://10.96.0.20/first")
            #expect(result.output == "an echo 2 200", "\(result)")
            let out = try await scene.client.tellsRequest("the request") { $0.path == "/first" }
            #expect(out.security == "mutual-tls" && out.protocol == "http/2" && out.outcome == "completed", "\(out)")
            let pod = out.upstream == "\(scene.one.address):9000" ? scene.one : scene.two
            let inside = try await pod.tellsRequest("the same request") { $0.path == "/first" }
            #expect(inside.peer == scene.client.spiffeID && inside.trace == out.trace && inside.protocol == "http/2")
            #expect(scene.count("x-weft-caller: \(scene.client.spiffeID)") == 1)
            #expect(scene.count("sa/root") == 0)
            let load = try await scene.client.run(
                "h2load", "-n", "2000", "-c", "4", "-m", "50", "http://10.96.0.20/none")
            #expect(load.output.contains("2000 done") && load.output.contains("2000 4xx"), "\(load)")
        }

        @Test("a wish to switch from HTTP/1.1 to HTTP/2 is not passed on: nobody would look at what follows")
        func switchOfVersions() async throws {
            let scene = try await RequestScene(RequestScene.plain)
            let result = try await scene.get("/echo", "--http2")
            #expect(result.status == 200 && result.body.contains("GET /echo HTTP/1.1"), "\(result)")
            let head = result.body.lowercased()
            #expect(!head.contains("h2c") && !head.contains("http2-settings") && !head.contains("upgrade"), "\(result)")
        }

        @Test("a large body goes both ways whole, with many others beside it")
        func bodies() async throws {
            let scene = try await RequestScene(RequestScene.plain, server: "http2")
            let file = "\(scene.mesh.directory)/body"
            try Data((0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }).write(
                to: URL(fileURLWithPath: file))
            let result = try await scene.client.pod.run(
                "curl", "-sS", "--max-time", "60", "--http2-prior-knowledge", "--data-binary", "@\(file)",
                "-o", "\(file).back", "http://10.96.0.20/upload")
            #expect(result.succeeded, "\(result)")
            #expect(
                try Data(contentsOf: URL(fileURLWithPath: file))
                    == Data(contentsOf: URL(fileURLWithPath: "\(file).back")))
            let load = try await scene.client.pod.run(
                "h2load", "-n", "24", "-c", "2", "-m", "8", "-d", file, "http://10.96.0.20/load")
            #expect(load.output.contains("24 succeeded") && load.output.contains("(72000000) data"), "\(load)")
        }

        @Test("calls of gRPC: unary, streams in both directions, statuses and trailers")
        func grpc() async throws {
            let scene = try await RequestScene(RequestScene.plain, server: "grpc")
            let said = try await scene.call("say", "hello")
            #expect(said.contains("heard hello from \(scene.client.spiffeID)") && said.contains("status OK"), "\(said)")
            #expect(said.contains("'x-served-by': '10."), "\(said)")
            #expect(try await scene.call("count", "5000").contains("counted 5000"))
            let chat = try await scene.call("chat", "one two three")
            #expect(chat.contains("one!\ntwo!\nthree!\nstatus OK"), "\(chat)")
            #expect(try await scene.call("fail").contains("status UNAVAILABLE: not today"))
            let told = try await scene.client.tellsRequest("the failed call") { $0.path == "/shop.Cart/Fail" }
            #expect(told.status == 200 && told.grpcStatus == 14, "\(told)")
            #expect(try await scene.call("missing").contains("status UNIMPLEMENTED"))
            #expect(try await scene.call("burst", "500").contains("answered 500"))
        }

        @Test("an answer of our own to a call of gRPC is a status of gRPC, with the code")
        func grpcRefusals() async throws {
            let scene = try await RequestScene(
                "[{matches: [{path: {value: /shop.Cart/Say}}], backendRefs: [{name: shop, port: 80}]}]",
                server: "grpc")
            scene.mesh.add(
                "guard", kind: "Policy",
                "{rules: [{effect: deny, http: [{paths: [{type: Exact, value: /shop.Cart/Say}]}]}]}")
            let missing = try await scene.call("count", "1")
            #expect(missing.contains("status UNIMPLEMENTED: WEFT3110"), "\(missing)")
            for pod in [scene.one, scene.two] { #expect(try await pod.reload()) }
            let denied = try await scene.call("say", "x")
            #expect(denied.contains("status PERMISSION_DENIED: WEFT3113"), "\(denied)")
            for server in scene.servers { try await server.stop(SIGKILL) }
            scene.mesh.remove("guard")
            for pod in [scene.one, scene.two] { #expect(try await pod.reload()) }
            let gone = try await scene.call("say", "x")
            #expect(gone.contains("status UNAVAILABLE: WEFT3003"), "\(gone)")
        }

        @Test("a GRPCRoute tells calls apart by service and method")
        func routedCalls() async throws {
            let scene = try await RequestScene(RequestScene.plain, server: "grpc") { mesh, _ in
                mesh.remove("shop-route")
                mesh.add(
                    "calls", kind: "GRPCRoute",
                    """
                    {parentRefs: [{kind: Service, group: "", name: shop}], rules: [\
                    {name: say, matches: [{method: {service: shop.Cart, method: Say}}], \
                    backendRefs: [{name: shop-one, port: 80}]}, \
                    {name: rest, matches: [{method: {service: shop.Cart}}], backendRefs: [{name: shop-two, port: 80}]}]}
                    """)
            }
            for _ in 0..<3 {
                #expect(try await scene.call("say", "hello").contains("\(scene.one.address):9000 heard hello"))
            }
            #expect(try await scene.call("count", "10").contains("counted 10"))
            let said = try await scene.client.tellsRequest("Say") { $0.path == "/shop.Cart/Say" }
            #expect(said.route == "default/calls/say" && said.upstream == "\(scene.one.address):9000", "\(said)")
            let counted = try await scene.client.tellsRequest("Count") { $0.path == "/shop.Cart/Count" }
            #expect(
                counted.route == "default/calls/rest" && counted.upstream == "\(scene.two.address):9000", "\(counted)")
        }

        @Test("a call that its client gives up ends at the server, and nowhere else")
        func cancelled() async throws {
            let scene = try await RequestScene(RequestScene.plain, server: "grpc")
            let given = try await scene.call("cancel")
            #expect(given.contains("status CANCELLED"), "\(given)")
            try await eventually("the end of the call at the server") {
                scene.servers.contains { $0.output.contains("call over") } ? true : nil
            }
            let told = try await scene.client.tellsRequest("the call") { $0.path == "/shop.Cart/Count" }
            #expect(told.outcome == "client-reset" && told.reason?.contains("CANCEL") == true, "\(told)")
            #expect(try await scene.call("say", "still there").contains("status OK"))
        }

        @Test("requests of any method go elsewhere where nobody can have read them, and come back")
        func passedOver() async throws {
            let scene = try await RequestScene(RequestScene.plain, server: "http2")
            let file = "\(scene.mesh.directory)/body"
            try "a body".write(toFile: file, atomically: true, encoding: .utf8)
            try await scene.servers[0].stop(SIGKILL)
            let words = ["h2load", "-n", "400", "-c", "3", "-m", "10", "-d", file, "http://10.96.0.20/"]
            let load = try await scene.client.pod.run(words, as: MeshPod.applicationUser)
            #expect(load.output.contains("400 succeeded, 0 failed"), "\(load)")
            try await scene.client.tellsRequest("one passed over") { $0.attempts > 1 && $0.outcome == "completed" }
            let again = try await RequestScene.serve("http2", on: scene.one)
            try await scene.servers[1].stop(SIGKILL)
            let other = try await scene.client.pod.run(words, as: MeshPod.applicationUser)
            // Those under way on the other when it died may have been read by it.
            #expect(other.output.contains("400 succeeded, 0 failed"), "\(other)")
            #expect(again.output.contains(":path: /") || again.output.contains("POST"))
        }

        @Test("a sidecar that leaves lets its calls end, and takes no new ones")
        func drain() async throws {
            let scene = try await RequestScene(
                "[{backendRefs: [{name: shop-one, port: 80}]}]", server: "grpc")
            let call = try scene.client.start(
                "/usr/bin/python3", RequestScene.script("calls.py"), "call", "10.96.0.20:80", "talk", "")
            call.type("one")
            try await call.line(containing: "one!")
            scene.one.proxy.send(SIGTERM)
            try await scene.one.proxy.line(containing: "drain")
            call.type("two")
            try await call.line(containing: "two!")
            call.type("")
            try await call.line(containing: "status OK")
            try await eventually("the end of the sidecar") { scene.one.proxy.isRunning ? nil : true }
        }
    }
}

extension RequestScene {
    /// What a client of gRPC says of a call.
    func call(_ method: String, _ text: String = "") async throws -> String {
        let result = try await client.run(
            "/usr/bin/python3", Self.script("calls.py"), "call", "10.96.0.20:80", method, text)
        return result.output + result.error
    }
}
