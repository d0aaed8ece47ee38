// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension ControlledMeshTests {
    /// The connection of a watch, once it is no HTTP any more.
    @Suite("Conversations")
    struct Conversations {
        private static func script(_ name: String, from file: String = #filePath) -> String {
            "\((file as NSString).deletingLastPathComponent)/Programs/\(name)"
        }

        private static func talk(_ scene: ControlledMesh, _ what: String) throws -> RunningProgram {
            try scene.mesh.lab.outside.start(
                "/usr/bin/env", "python3", script("talk.py"), scene.control.address,
                "\(scene.web.stateDirectory)/identity", what)
        }

        @Test("everything that a proxy says goes over its watch: each has one connection, when it has acknowledged too")
        func one() async throws {
            let scene = try await ControlledMesh.running()
            #expect(try await scene.call().status == 200)
            let revision = try await scene.control.apply(ControlledMesh.nobody)
            try await eventually("both have acknowledged revision \(revision)") { () async throws -> Bool? in
                let progress = try await scene.control.progress(of: revision)
                return progress["late"].list.isEmpty && progress["acknowledged"].number >= 1 ? true : nil
            }
            let list = try await scene.control.pod.shell("ss -Htn state established sport = :15012")
            #expect(list.split(separator: "\n").count == 2, "\(list)")
        }

        @Test(
            "what is said is heard in its order, however it is cut, and also what nobody knows yet",
            arguments: [("pieces", ["heard 1", "heard 2"]), ("later", ["heard 7"])])
        func heard(_ what: String, _ expected: [String]) async throws {
            let scene = try await ControlledMesh.running()
            let talker = try Self.talk(scene, what)
            try await talker.line(containing: "status 101")
            for line in expected { try await talker.line(containing: line) }
        }

        @Test(
            "who says nonsense, too much, or anything before the switch is cut off; nobody else notices",
            arguments: ["nonsense", "long", "many", "early"])
        func cut(_ what: String) async throws {
            let scene = try await ControlledMesh.running()
            try await Self.talk(scene, what).line(containing: "closed", within: .seconds(10))
            #expect(try await scene.call().status == 200)
            try await eventually("two watch") { () async throws -> Bool? in
                try await scene.control.must("/v1/info")["watches"].number == 2 ? true : nil
            }
        }

        @Test("a watch that is not allowed is refused in HTTP; another protocol is not switched to")
        func refused() async throws {
            let scene = try await ControlledMesh.running()
            let stranger = try Self.talk(scene, "stranger")
            try await stranger.line(containing: "status 403")
            try await stranger.line(containing: "closed")
            try await Self.talk(scene, "other").line(containing: "status 200")
        }
    }
}
