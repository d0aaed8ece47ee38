// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension ControlledMeshTests {
    @Suite("One certificate among several of an identity")
    struct Serials {
        @Test("who is denied by his certificate's number is cut off; another of the same identity notices nothing")
        func denied() async throws {
            let scene = try await ControlledMesh.running()
            let twin = try await scene.mesh.pod("twin")
            try await twin.enroll(with: scene.control, as: "web")
            try twin.writeConfiguration()
            try await twin.capture()
            try twin.startProxy()
            try await twin.ready()
            try await scene.api.serve("echo", "0.0.0.0:8081")
            var connections: [RunningProgram] = []
            for pod in [scene.web, twin] {
                let open = try pod.connect("\(scene.api.address):8081")
                open.type("before")
                try await open.line(containing: "before")
                connections.append(open)
            }
            let members = try await scene.control.must("/v1/members")["members"].list
            #expect(Set(members.filter { $0["name"].text != "api" }.map { $0["identity"].text }).count == 1)
            let serial = try #require(members.first { $0["name"].text == "web" })["serial"].text
            try await scene.control.must("/v1/denied", #"{"serial":"\#(serial)"}"#)
            try await connections[0].result()
            connections[1].type("after")
            try await connections[1].line(containing: "after")
            try await eventually("nothing new is let in") { () async throws -> Bool? in
                try await scene.web.curl("-m", "5", "http://\(scene.api.address):8080/").status != 200 ? true : nil
            }
            let other = try await twin.curl("-m", "5", "http://\(scene.api.address):8080/")
            #expect(other.status == 200, "\(other)\n\(twin.proxy.output)")
        }
    }
}
