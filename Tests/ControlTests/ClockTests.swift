// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension ControlledMeshTests {
    @Suite("Clocks that differ")
    struct Clocks {
        /// The wall clock of one program set off, by a library that is loaded before it.
        private static func shifted(_ seconds: Int, from file: String = #filePath) async throws -> [String: String] {
            let source = "\((file as NSString).deletingLastPathComponent)/Programs/shift.c"
            let library = "\(try NetworkLab.here.directory())/shift.so"
            try await NetworkLab.here.outside.must("clang", "-shared", "-fPIC", "-o", library, source)
            return ["LD_PRELOAD": library, "WEFT_TEST_CLOCK_SHIFT": String(seconds)]
        }

        @Test(
            "a control plane a quarter of an hour ahead of its proxies, or behind them, is joined and followed all the same",
            arguments: [900, -900])
        func quarter(_ seconds: Int) async throws {
            let scene = try await ControlledMesh.running(variables: try await Self.shifted(seconds))
            let answer = try await scene.call()
            #expect(answer.status == 200, "\(answer)\n\(scene.web.proxy.output)")
            let told = try await scene.web.says("clock and the control plane's differ")
            #expect(told.contains(seconds > 0 ? "behind" : "ahead"), "\(told)")
            let revision = try await scene.control.apply("kind: Mesh\nspec: {ranges: [10.77.0.0/24, 10.78.0.0/24]}\n")
            try await eventually("both have it") { () async throws -> Bool? in
                try await scene.control.progress(of: revision)["acknowledged"].number == 2 ? true : nil
            }
            // Renewal by the word of the control plane.
            let before = try await scene.control.must("/v1/members")["members"].list.map { $0["serial"].text }
            for step in ["stage", "trust"] { try await scene.control.must("/v1/ca/rotation/\(step)", "") }
            try await eventually("everybody trusts the next root") { () async throws -> Bool? in
                try await scene.control.ask("/v1/ca/rotation/sign", "").status == 204 ? true : nil
            }
            try await eventually("both have renewed") { () async throws -> Bool? in
                let now = try await scene.control.must("/v1/members")["members"].list.map { $0["serial"].text }
                return Set(before).isDisjoint(with: now) ? true : nil
            }
            #expect(try await scene.call().status == 200)
            // Its snapshot is good for a start without the control plane.
            try await scene.control.kill()
            try await scene.web.killProxy()
            try scene.web.startProxy()
            try await scene.web.ready()
            #expect(scene.web.proxy.output.contains("snapshot in force"), "\(scene.web.proxy.output)")
            #expect(try await scene.call().status == 200)
        }
    }
}
