// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension ControlledMeshTests {
    @Suite("Another root")
    struct Rotations {
        @Test("with three replicas each step may be asked of another, and all of them issue from the new root then")
        func replicas() async throws {
            let scene = try await ControlledMesh.running(replicas: 3)
            #expect(try await scene.call().status == 200)
            // Made where the old root's key is not.
            for (number, step) in ["stage", "trust", "sign", "retire"].enumerated() {
                let replica = scene.replicas[(number + 1) % 3]
                let begin = ContinuousClock.now
                try await scene.take(step, at: replica)
                print("\(step) at \(replica.name) after \(ContinuousClock.now - begin)")
            }
            let roots = try await scene.control.must("/v1/ca/rotation")["roots"].list
            let signing = roots.filter { $0["step"].text == "signing" }
            #expect(signing.count == 1, "\(roots)")
            // Whoever joins now is of the new root, whichever replica he asks, and is understood by those of before.
            let outside = scene.mesh.lab.outside
            for replica in scene.replicas {
                let joined = try await replica.join(
                    from: outside, token: try await replica.token(for: "web"), csr: try await outside.makeKey().request)
                #expect(joined.status == 200, "\(joined)")
            }
            let members = try await scene.control.must("/v1/members")["members"].list
            #expect(members.count == 5 && Set(members.map { $0["root"].text }) == [signing[0]["fingerprint"].text])
            let answer = try await scene.call()
            #expect(answer.status == 200, "\(answer)\n\(scene.web.proxy.output)")
        }

        @Test("what the ports show is exchanged in place: no restart, no watch that ends")
        func serving() async throws {
            let scene = try await ControlledMesh.running()
            func shown(_ port: Int) async throws -> String {
                let place = port == 15010 ? "127.0.0.1" : scene.control.pod.address4
                return try await scene.control.pod.shell(
                    "openssl s_client -connect \(place):\(port) < /dev/null 2> /dev/null | "
                        + "openssl x509 -noout -fingerprint -sha256")
            }
            let ports = [15010, 15013]
            var before: [String] = []
            for port in ports { before.append(try await shown(port)) }
            let instances = try await scene.instances()
            for step in ["stage", "trust", "sign"] { try await scene.take(step, at: scene.control) }
            for (port, old) in zip(ports, before) {
                try await eventually("another certificate at \(port)") { () async throws -> Bool? in
                    try await shown(port) != old ? true : nil
                }
            }
            #expect(try await scene.instances() == instances, "the watches of before go on")
            try await scene.web.killProxy()
            try scene.web.startProxy()
            try await scene.web.ready()
            #expect(try await scene.call().status == 200)
        }
    }
}

extension ControlledMesh {
    /// Asks for a step of a rotation until everybody has taken the one before.
    func take(_ step: String, at replica: ControlReplica) async throws {
        try await eventually("the step \(step) is taken", within: .seconds(60)) { () async throws -> Bool? in
            let answer = try await replica.ask("/v1/ca/rotation/\(step)", "")
            guard answer.status != 409 else { return nil }
            guard (200...299).contains(answer.status) else { throw DidNotHappen("\(step): \(answer)") }
            return true
        }
    }

    /// When each proxy that is connected began its watch.
    func instances() async throws -> Set<String> {
        Set(try await control.must("/v1/proxies")["proxies"].list.map { "\($0["name"].text) \($0["since"].text)" })
    }
}
