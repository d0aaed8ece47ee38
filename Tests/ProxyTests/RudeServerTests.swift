// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension Sidecars {
    /// Servers that leave as they like, and clients that give a request away in pieces.
    @Suite("Rude servers")
    struct RudeServerTests {
        /// At 10.96.0.20 the server by mutual TLS, at 10.96.0.30 the same as plaintext.
        private static func scene() async throws -> RequestScene {
            let scene = try await RequestScene(RequestScene.plain) { mesh, _ in
                mesh.add("outsider", kind: "Workload", "{addresses: [\(NetworkLab.gateway4)], meshed: false}")
                mesh.add(
                    "bare", kind: "Service",
                    "{addresses: [10.96.0.30], ports: [{port: 80, targetPort: 9001}], endpoints: [{workload: outsider}]}"
                )
                mesh.add(
                    "bare-route", kind: "HTTPRoute",
                    "{parentRefs: [{kind: Service, name: bare}], rules: [{backendRefs: [{name: bare, port: 80}]}]}")
            }
            for server in scene.servers { try await server.stop(SIGKILL) }
            let program = ["/usr/bin/python3", RequestScene.script("rude.py"), "serve"]
            for running in [
                try scene.one.pod.start(program + ["\(scene.one.address):9000"], as: MeshPod.applicationUser),
                try scene.two.pod.start(program + ["\(scene.two.address):9000"], as: MeshPod.applicationUser),
                try scene.mesh.lab.outside.start(program + ["\(NetworkLab.gateway4):9001"]),
            ] {
                try await running.line(containing: "serving")
            }
            return scene
        }

        private static func call(_ scene: RequestScene, _ arguments: String...) async throws -> String {
            let program = ["timeout", "60", "/usr/bin/python3", RequestScene.script("rude.py")]
            let result = try await scene.client.pod.run(program + arguments, as: MeshPod.applicationUser)
            return result.output.trimmingCharacters(in: .whitespacesAndNewlines)
        }

        @Test("a connection that a server ends without a word costs no GET", arguments: ["10.96.0.20", "10.96.0.30"])
        func gets(_ address: String) async throws {
            let scene = try await Self.scene()
            #expect(try await Self.call(scene, "gets", address, "300") == "{'200': 300}")
        }

        @Test("a body that comes apart from its head arrives, on a new connection too", arguments: ["20", "30"])
        func pieces(_ host: String) async throws {
            let scene = try await Self.scene()
            let told = try await Self.call(scene, "pieces", "10.96.0.\(host)", "200")
            // A POST may meet the end of a kept connection; it is told at once then.
            #expect(told.contains("'200'") && !told.contains("Timeout"), "\(told)")
        }

        @Test("an answer to an upload that was not read arrives", arguments: ["20", "30"])
        func uploads(_ host: String) async throws {
            let scene = try await Self.scene()
            #expect(try await Self.call(scene, "uploads", "10.96.0.\(host)", "60") == "{'413': 60}")
            // And nothing of it stays.
            try await eventually("the end of the connections", within: .seconds(20)) { () async throws -> Bool? in
                try await scene.client.ask("/connections").body.contains("\"state\":\"http\"") ? nil : true
            }
        }

        @Test("the end of one direction goes through what was switched to", arguments: ["20", "30"])
        func halfClose(_ host: String) async throws {
            let scene = try await Self.scene()
            #expect(try await Self.call(scene, "half", "10.96.0.\(host)") == "wordsBYE")
        }

        @Test("that a client closes its connection is not told to the server, whose connection is kept")
        func hopByHop() async throws {
            let scene = try await Self.scene()
            let result = try await scene.get("/head", "-H", "Connection: close")
            #expect(result.status == 200 && !result.body.lowercased().contains("connection:"), "\(result)")
        }
    }
}
