// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension Sidecars {
    /// Many requests at once, and what becomes of them while servers are slow, fail, or are replaced.
    @Suite("Traffic")
    struct TrafficTests {
        /// A server of `server.py` in the place of the one that the scene has started.
        private func replace(
            _ index: Int, of scene: RequestScene, _ arguments: String...
        ) async throws -> RunningProgram {
            try await scene.servers[index].stop(SIGKILL)
            return try await start(index == 0 ? scene.one : scene.two, arguments)
        }

        private func start(_ pod: MeshPod, _ arguments: [String] = []) async throws -> RunningProgram {
            let server = try pod.pod.start(
                ["/usr/bin/python3", RequestScene.script("server.py"), "\(pod.address):9000"] + arguments,
                as: MeshPod.applicationUser)
            try await server.line(containing: "serving")
            return server
        }

        private func load(_ scene: RequestScene, _ arguments: String...) async throws -> String {
            try await scene.client.pod.run(["h2load", "--h1"] + arguments, as: MeshPod.applicationUser).output
        }

        @Test("a split by weights holds, within what chance allows")
        func split() async throws {
            let scene = try await RequestScene(
                "[{backendRefs: [{name: shop-one, port: 80, weight: 90}, {name: shop-two, port: 80, weight: 10}]}]")
            let told = try await load(scene, "-n", "2000", "-c", "4", "http://10.96.0.20/split")
            #expect(told.contains("2000 succeeded"), "\(told)")
            // 200 expected; five standard deviations are 67.
            let few = scene.servers[1].output.components(separatedBy: "GET /split").count - 1
            #expect((133...267).contains(few), "\(few) of 2000 went to the one with a tenth")
        }

        @Test("a slow server loses its traffic to a fast one")
        func slow() async throws {
            let scene = try await RequestScene(RequestScene.plain)
            let slow = try await replace(0, of: scene, "100")
            let fast = try await replace(1, of: scene, "2")
            let told = try await load(scene, "-n", "1000", "-c", "4", "http://10.96.0.20/")
            #expect(told.contains("1000 succeeded"), "\(told)")
            let share = slow.output.components(separatedBy: "answered").count - 1
            #expect(share < 100, "the slow one got \(share) of 1000")
            #expect(fast.output.components(separatedBy: "answered").count > 900)
        }

        @Test("a server that fails is left out, and comes back when it has recovered")
        func failing() async throws {
            let scene = try await RequestScene(
                RequestScene.plain, ejection: "{consecutiveErrors: 5, base: 500ms, longest: 1s}")
            let bad = try await replace(0, of: scene, "0", "503")
            _ = try await replace(1, of: scene)
            let told = try await load(scene, "-n", "1000", "-c", "4", "http://10.96.0.20/")
            let failed = bad.output.components(separatedBy: "answered").count - 1
            #expect((1..<100).contains(failed) && told.contains("\(failed) 5xx"), "\(failed) failed: \(told)")
            bad.send(SIGUSR2)
            try await eventually("traffic for the one that has recovered") {
                let before = bad.output.components(separatedBy: "answered").count
                _ = try await load(scene, "-n", "100", "-c", "4", "http://10.96.0.20/")
                return bad.output.components(separatedBy: "answered").count > before + 20 ? true : nil
            }
        }

        @Test("servers are replaced one after the other under load: not one GET or POST fails")
        func rollingRestart() async throws {
            let scene = try await RequestScene(RequestScene.plain)
            var servers = [try await replace(0, of: scene, "3"), try await replace(1, of: scene, "3")]
            let file = "\(scene.mesh.directory)/body"
            try "a body".write(toFile: file, atomically: true, encoding: .utf8)
            async let gets = load(scene, "-n", "4000", "-c", "6", "http://10.96.0.20/get")
            async let posts = load(scene, "-n", "4000", "-c", "6", "-d", file, "http://10.96.0.20/post")
            for round in 0..<4 {
                let index = round % 2
                let old = servers[index]
                try await old.line(containing: "answered")
                let asked = old.output.components(separatedBy: "answered").count
                try await eventually("some traffic") {
                    old.output.components(separatedBy: "answered").count > asked + 200 ? true : nil
                }
                try await old.stop(SIGTERM)
                servers[index] = try await start(index == 0 ? scene.one : scene.two, ["3"])
            }
            for (name, told) in [("GET", try await gets), ("POST", try await posts)] {
                #expect(told.contains("4000 succeeded, 0 failed, 0 errored"), "\(name): \(told)")
            }
        }

        @Test("a server's sidecar leaves under load: not one POST fails")
        func leaving() async throws {
            let scene = try await RequestScene(RequestScene.plain)
            scene.one.set("drain", "{settle: 500ms}")
            #expect(try await scene.one.reload())
            let file = "\(scene.mesh.directory)/body"
            try "a body".write(toFile: file, atomically: true, encoding: .utf8)
            async let routed = load(scene, "-n", "6000", "-c", "6", "-d", file, "http://10.96.0.20/routed")
            try await scene.servers[0].line(containing: "POST /routed")
            scene.one.proxy.send(SIGTERM)
            let told = try await routed
            let failed = try scene.client.toldRequests.filter { $0.status != 200 }
            #expect(told.contains("6000 succeeded, 0 failed, 0 errored"), "\(failed) \(told)")
            try await eventually("the end of the sidecar") { scene.one.proxy.isRunning ? nil : true }
        }

        @Test("WebSocket, with a real server and a real client")
        func webSocket() async throws {
            let scene = try await RequestScene(RequestScene.plain)
            for (pod, server) in [(scene.one, scene.servers[0]), (scene.two, scene.servers[1])] {
                try await server.stop(SIGKILL)
                let program = try pod.start(
                    "/usr/bin/python3", RequestScene.script("sockets.py"), "serve", "\(pod.address):9000")
                try await program.line(containing: "serving")
            }
            let result = try await scene.client.run(
                "/usr/bin/python3", RequestScene.script("sockets.py"), "call", "ws://10.96.0.20/chat")
            #expect(result.output.contains("100 messages, 1000000 bytes came back"), "\(result)")
            let told = try await scene.client.tellsRequest("the switch") { $0.path == "/chat" }
            #expect(told.status == 101 && told.outcome == "completed", "\(told)")
        }
    }
}
