// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension ControlledMeshTests {
    @Suite("Clients that do not read")
    struct Pressure {
        private static func script(_ name: String, from file: String = #filePath) -> String {
            "\((file as NSString).deletingLastPathComponent)/Programs/\(name)"
        }

        /// 300 services of about 3 KiB: a megabyte for whoever asks for all of them.
        private static func crowd(_ port: Int) -> String {
            let endpoints = (1...60).map { "{address: 192.0.2.\($0), port: 9000}" }.joined(separator: ", ")
            return (0..<300).map {
                "kind: Service\nmetadata: {name: s\($0)}\nspec: {ports: [{port: \(port)}], endpoints: [\(endpoints)]}\n"
            }.joined(separator: "---\n")
        }

        @Test(
            "twenty that never read hold nobody up, cost little, and are closed after ten seconds",
            arguments: [[], ["weft-watch/1"]])
        func stuck(_ upgrade: [String]) async throws {
            let scene = try await ControlledMesh.running()
            #expect(try await scene.call().status == 200)
            let file = "\(try scene.mesh.lab.directory())/crowd.yaml"
            try Self.crowd(80).write(toFile: file, atomically: true, encoding: .utf8)
            try await scene.control.apply("@\(file)")
            let before = try scene.control.residentKiB
            let stuck = try scene.mesh.lab.outside.start(
                ["/usr/bin/env", "python3", Self.script("stuck.py"), scene.control.address]
                    + ["\(scene.web.stateDirectory)/identity", "300", "20"] + upgrade)
            try await stuck.line(containing: "open 20")
            let begin = ContinuousClock.now
            let revision = try await scene.control.apply(ControlledMesh.nobody)
            try await eventually("the policy holds beside them", within: .seconds(10)) { () async throws -> Bool? in
                try await scene.call().status != 200 ? true : nil
            }
            let took = ContinuousClock.now - begin
            print("apply to effect beside 20 that do not read: \(took)")
            try await stuck.line(containing: "closed 20", within: .seconds(30))
            #expect(ContinuousClock.now - begin < .seconds(25))
            let after = try scene.control.residentKiB
            print("resident memory: \(before) KiB before, \(after) KiB after")
            #expect(after - before < 150 << 10)
            try await eventually("only those who read are counted") { () async throws -> Bool? in
                let progress = try await scene.control.progress(of: revision)
                let watches = try await scene.control.must("/v1/info")["watches"].number
                return watches == 2 && progress["late"].list.isEmpty ? true : nil
            }
        }
    }
}
