// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension ControlledMeshTests {
    @Suite("Certificates that end")
    struct Renewals {
        @Test(
            "a proxy that was away past its certificate's end comes back at another replica than the one that issued it"
        )
        func grace() async throws {
            let scene = try await ControlledMesh(replicas: 2, options: ["--workload-lifetime", "1m"])
            for replica in scene.replicas { try await replica.start() }
            try await scene.control.apply(ControlledMesh.documents)
            for pod in [scene.web, scene.api] {
                try await pod.enroll(with: scene.control, following: scene.replicas.map(\.address))
            }
            try await scene.startProxies()
            #expect(try await scene.call().status == 200)
            for pod in [scene.web, scene.api] { try await pod.killProxy() }
            // Nobody has the key of what issued them any more.
            try await scene.control.kill()
            let survivor = scene.replicas[1]
            let members = try await survivor.must("/v1/members")["members"].list
            let reader = ISO8601DateFormatter()
            reader.formatOptions.insert(.withFractionalSeconds)
            let ends = members.compactMap { reader.date(from: $0["notAfter"].text) }
            try #require(ends.count == 2, "\(members)")
            try await eventually("both certificates have ended", within: .seconds(90)) {
                ends.allSatisfy { $0 < Date() } ? true : nil
            }
            for pod in [scene.web, scene.api] { try pod.startProxy() }
            for pod in [scene.web, scene.api] { try await pod.ready(within: .seconds(40)) }
            #expect(scene.web.proxy.output.contains("WEFT4213"), "\(scene.web.proxy.output)")
            let answer = try await scene.call()
            #expect(answer.status == 200, "\(answer)\n\(scene.web.proxy.output)")
            let renewed = try await survivor.must("/v1/audit")["entries"].list
                .filter { $0["action"].text == "renew" && $0["outcome"].text == "done" }
            #expect(renewed.count == 2, "\(renewed)")
        }

        @Test(
            "two rotations in a row: each proxy is known by its newest certificate, on connections that stay open too")
        func twice() async throws {
            let scene = try await ControlledMesh.running()
            #expect(try await scene.call().status == 200)
            // So that there is always something to acknowledge, and the connection for that never idle.
            let talk = Task {
                var port = 1000
                while !Task.isCancelled {
                    port += 1
                    let service = "kind: Service\nmetadata: {name: api}\nspec: {ports: [{port: 80, targetPort: 8080}, "
                    try await scene.control.apply("\(service){port: \(port)}]}\n")
                    try await Task.sleep(for: .seconds(1))
                }
            }
            defer { talk.cancel() }
            for round in 1...2 {
                for step in ["stage", "trust", "sign", "retire"] {
                    try await eventually("step \(step) of rotation \(round)", within: .seconds(60)) {
                        () async throws -> Bool? in
                        let answer = try await scene.control.ask("/v1/ca/rotation/\(step)", "")
                        guard answer.status != 409 else { return nil }
                        guard (200...299).contains(answer.status) else { throw DidNotHappen("\(step): \(answer)") }
                        return true
                    }
                }
            }
            let members = try await scene.control.must("/v1/members")["members"].list
            for pod in [scene.web, scene.api] {
                let serial = try await pod.pod.shell(
                    "openssl x509 -noout -serial -in \(pod.stateDirectory)/identity/chain.pem")
                let known = members.first { $0["name"].text == pod.name }?["serial"].text ?? ""
                #expect(serial.lowercased() == "serial=\(known)\n", "\(pod.name)")
            }
        }
    }
}
