// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import Glibc
import MeshTesting
import Testing

extension ControlledMeshTests {
    /// The one replica over SQLite ends, in every way.
    @Suite("A control plane that is away")
    struct Away {
        @Test("it is killed and comes back, again and again: no call fails, and nothing that was answered is lost")
        func killed() async throws {
            let scene = try await ControlledMesh.running()
            #expect(try await scene.call().status == 200)
            let load = try scene.startCalls()
            var tokens: Set<String> = []
            for round in 0..<6 {
                let answered = try await scene.writeUntilKilled(after: .milliseconds(40 * round))
                try await scene.control.start()
                let revision = try await scene.control.revision()
                #expect(revision >= answered.revision, "round \(round)")
                let kept = Set(try await scene.control.must("/v1/tokens")["tokens"].list.map { $0["id"].text })
                tokens.formUnion(answered.tokens)
                #expect(tokens.isSubset(of: kept), "round \(round)")
                let members = Set(try await scene.control.must("/v1/members")["members"].list.map { $0["name"].text })
                #expect(members.isSuperset(of: ["web", "api"]))
            }
            try await eventually("both are back", within: .seconds(30)) { () async throws -> Bool? in
                try await scene.control.must("/v1/info")["watches"].number == 2 ? true : nil
            }
            let endpoints = try await scene.control.must("/v1/services")["services"].list
                .first { $0["name"].text == "api" }?["endpoints"].list.count
            #expect(endpoints == 1)
            try await load.ends()
        }

        @Test("a proxy that restarts meanwhile begins with what it knew; one that never joined says what it waits for")
        func restarts() async throws {
            let scene = try await ControlledMesh.running()
            #expect(try await scene.call().status == 200)
            try await scene.control.kill()
            for pod in [scene.web, scene.api] {
                try await pod.killProxy()
                try pod.startProxy()
                try await pod.ready()
            }
            #expect(scene.web.proxy.output.contains("snapshot in force"))
            let answer = try await scene.call()
            #expect(answer.status == 200, "\(answer)\n\(scene.web.proxy.output)")

            let late = try await scene.mesh.pod("late")
            late.follow([scene.control.address])
            try late.writeConfiguration()
            try await late.capture()
            try late.startProxy()
            try await eventually("it says why it is not ready") { () async throws -> Bool? in
                guard late.proxy.isRunning else {
                    return late.proxy.error.contains("WEFT") ? true : nil
                }
                let answer = try await late.ask("/ready")
                return answer.status == 503 && answer.body.contains("WEFT") ? true : nil
            }
        }

        @Test("told to end it does so within seconds, although proxies are connected", .timeLimit(.minutes(1)))
        func ended() async throws {
            let scene = try await ControlledMesh.running()
            #expect(try await scene.call().status == 200)
            let load = try scene.startCalls()
            let begin = ContinuousClock.now
            let result = try await scene.control.program.stop()
            #expect(result.status == 0, "\(result)")
            #expect(ContinuousClock.now - begin < .seconds(4))
            try await scene.control.start()
            try await eventually("both are back", within: .seconds(30)) { () async throws -> Bool? in
                try await scene.control.must("/v1/info")["watches"].number == 2 ? true : nil
            }
            try await load.ends()
        }
    }
}

extension ControlledMesh {
    struct Answered {
        var revision = 0
        var tokens: Set<String> = []
    }

    /// Writes revisions and makes tokens without pause until the control plane is killed; what it has answered to.
    func writeUntilKilled(after delay: Duration) async throws -> Answered {
        let control = control
        let writer = Task {
            var answered = Answered()
            var number = 0
            while !Task.isCancelled {
                number += 1
                let text = "kind: Service\nmetadata: {name: other}\nspec: {ports: [{port: \(1000 + number)}]}\n"
                guard let written = try? await control.must("/v1/apply", text),
                    let token = try? await control.must("/v1/tokens", #"{"service":"web"}"#)
                else { return answered }
                answered.revision = written["revision"].number
                answered.tokens.insert(token["id"].text)
            }
            return answered
        }
        let begin = ContinuousClock.now
        try await eventually("the moment has come") {
            ContinuousClock.now - begin >= delay + .milliseconds(60) ? true : nil
        }
        try await control.kill()
        return await writer.value
    }
}
