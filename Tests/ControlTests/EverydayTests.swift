// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension ControlledMeshTests {
    @Suite("Joining and changing")
    struct Everyday {
        @Test("a machine joins, calls a service by its name, and a policy is in force within two seconds")
        func firstRequest() async throws {
            let scene = try await ControlledMesh.running()
            let answer = try await scene.call()
            #expect(answer.status == 200, "\(answer)\n\(scene.web.proxy.output)")
            let told = try await scene.web.tells("the call") { $0.service == "default/api" }
            #expect(told.security == "mutual-tls", "\(told)")

            let begin = ContinuousClock.now
            let revision = try await scene.control.apply(ControlledMesh.nobody)
            try await eventually("the policy holds") {
                try await scene.call().status != 200 ? true : nil
            }
            let took = ContinuousClock.now - begin
            print("apply to effect, with the command line's own time: \(took)")
            #expect(took < .seconds(2))
            try await eventually("both have acknowledged revision \(revision)") { () async throws -> Bool? in
                let progress = try await scene.control.progress(of: revision)
                return progress["late"].list.isEmpty && progress["acknowledged"].number >= 1 ? true : nil
            }
        }

        @Test("a proxy says what it goes by: its place, and where it would renew after its certificate's end")
        func configuration() async throws {
            let scene = try await ControlledMesh(replicas: 1)
            try await scene.control.start()
            try await scene.web.enroll(with: scene.control)
            scene.web.set("locality", "eu/a")
            try scene.web.writeConfiguration()
            try scene.web.startProxy()
            try await scene.web.ready()
            let told = try await scene.web.ask("/config").body
            #expect(told.contains(#""locality":"eu/a""#), "\(told)")
            #expect(told.contains(#""joinAddresses":["\#(scene.control.joinAddress)"]"#), "\(told)")
        }
    }
}
