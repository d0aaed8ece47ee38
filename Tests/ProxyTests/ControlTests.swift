// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import Glibc
import MeshModel
import MeshTesting
import Testing

extension Sidecars {
    /// A proxy and its control plane.
    @Suite("Under a control plane")
    struct ControlTests {
        @Test("what the control plane says is in force and acknowledged; a service is told of on first use")
        func firstUse() async throws {
            let (scene, control) = try await ControlScene.running()
            try await control.hears("acknowledge", containing: "\"revision\": 1", count: 2)
            #expect(control.told("wants").isEmpty)
            let answer = try await scene.call()
            #expect(answer.status == 200, "\(answer)\n\(scene.client.proxy.output)")
            try await control.hears("wants", containing: "10.96.0.10")
            let told = try await scene.client.tells("the call") { $0.originalDestination == "10.96.0.10:80" }
            #expect(told.security == "mutual-tls" && told.service == "default/api", "\(told)")
            // Known from now on.
            for _ in 0..<3 { #expect(try await scene.call().status == 200) }
            #expect(control.told("wants").count == 1)
            #expect(try await scene.client.metrics().value("weft_control_connected") == 1)
        }

        @Test(
            "a clock that is wrong is told of, with direction and amount",
            arguments: [(900, "15m behind"), (-900, "15m ahead")])
        func clocks(_ skew: Int, _ told: String) async throws {
            let (scene, _) = try await ControlScene.running { _, said in said.skew = skew }
            let line = try await scene.client.says("clock and the control plane's differ")
            #expect(line.contains(told), "\(line)")
            #expect(try await scene.call().status == 200)
        }

        @Test("several connections to one address ask once; what nobody has is reset, and asked for once")
        func unknown() async throws {
            let (scene, control) = try await ControlScene.running()
            let begin = ContinuousClock.now
            let answers = try await withThrowingTaskGroup(of: CurlResult.self) { group in
                for _ in 0..<5 {
                    group.addTask {
                        try await scene.client.curl("--max-time", "5", "http://10.96.7.7/")
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(answers.allSatisfy { $0.wasReset }, "\(answers)")
            #expect(ContinuousClock.now - begin < .seconds(4))
            #expect(control.told("wants", "10.96.7.7").count == 1)
            let told = try await scene.client.tells("a refusal") { $0.originalDestination == "10.96.7.7:80" }
            #expect(told.code == "WEFT3040", "\(told)")
            // Somebody gets that address later.
            var said = scene.ordinary
            said.revision = 2
            said.resources[3] = ControlScene.Document(
                id: "Service/default/late",
                text: #"{"kind":"Service","metadata":{"name":"late"},"spec":{"addresses":["10.96.7.7"],"#
                    + #""ports":[{"port":80,"targetPort":9000}],"endpoints":[{"workload":"server"}]}}"#,
                on: ["10.96.7.7"])
            try scene.say(said)
            try await scene.client.says("\"revision\":\"2\"")
            #expect(try await scene.client.curl("http://10.96.7.7/").status == 200)
        }

        @Test("an update with a wrong document is rejected whole, with resource and path; the old one stays")
        func rejected() async throws {
            let (scene, control) = try await ControlScene.running { scene, said in
                said.resources[3] = scene.service(on: nil)
            }
            #expect(try await scene.call().status == 200)
            var said = scene.ordinary
            said.revision = 2
            said.resources[3] = scene.service(on: nil, targetPort: 70_000)
            try scene.say(said)
            let line = try await control.hears("acknowledge", containing: "rejected")[0]
            #expect(line.contains("\"resource\": \"Service/default/api\""), "\(line)")
            #expect(line.contains("\"path\": \"spec.ports[0].targetPort\""), "\(line)")
            #expect(line.contains("WEFT1003"), "\(line)")
            #expect(try await scene.call().status == 200)
            #expect(
                try await scene.client.metrics().value("weft_control_updates_total", ["result": "rejected"]) == 1)
            said.revision = 3
            said.resources[3] = scene.service(on: nil)
            try scene.say(said)
            try await control.hears("acknowledge", containing: "\"revision\": 3", count: 2)
            #expect(try await scene.call().status == 200)
        }

        @Test("without a control plane traffic goes on, and a proxy that is started anew goes on from its snapshot")
        func away() async throws {
            let (scene, control) = try await ControlScene.running()
            #expect(try await scene.call().status == 200)
            try await control.hears("acknowledge", containing: "\"sequence\": 2")
            try await control.stop(SIGKILL)
            try await scene.client.says("control plane lost")
            #expect(try await scene.call().status == 200)
            try await scene.client.killProxy()
            try scene.client.startProxy()
            try await scene.client.ready()
            try await scene.client.says("snapshot in force")
            let answer = try await scene.call()
            #expect(answer.status == 200, "\(answer)\n\(scene.client.proxy.output)")
            // It says what it has.
            let again = try await scene.startControl()
            let greeting = try await again.hears("watch", containing: "\"name\": \"client\"")[0]
            #expect(greeting.contains("Service/default/api") && greeting.contains("10.96.0.10"), "\(greeting)")
        }

        @Test(
            "a snapshot that was changed is not used, and the reason is told", arguments: ["text", "revision", "proxy"])
        func tampered(_ what: String) async throws {
            let (scene, control) = try await ControlScene.running { scene, said in
                said.resources[3] = scene.service(on: nil)
                said.revision = 5
            }
            try await control.hears("acknowledge", count: 2)
            let path = "\(scene.client.stateDirectory)/snapshot.json"
            let stored = try await eventually("a snapshot") { try? String(contentsOfFile: path, encoding: .utf8) }
            try await control.stop(SIGKILL)
            try await scene.client.killProxy()
            switch what {
            case "text":
                try stored.replacing("\\\"targetPort\\\":9000", with: "\\\"targetPort\\\":9001").write(
                    toFile: path, atomically: false, encoding: .utf8)
            case "revision":
                try "6\n".write(
                    toFile: "\(scene.client.stateDirectory)/revision", atomically: false, encoding: .utf8)
            default:
                try String(contentsOfFile: "\(scene.server.stateDirectory)/snapshot.json", encoding: .utf8).write(
                    toFile: path, atomically: false, encoding: .utf8)
            }
            try scene.client.startProxy()
            let line = try await scene.client.says("the snapshot on disk is not used")
            let reasons = ["text": "digest", "revision": "of revision 5, but 6", "proxy": "it is for default/server"]
            let reason = try #require(reasons[what])
            #expect(line.contains("WEFT4207") && line.contains(reason), "\(line)")
            try await eventually("the reason") {
                let ready = try await scene.client.ask("/ready")
                return ready.status == 503 && ready.body.contains("WEFT4202") ? true : nil
            }
            // Nobody knows what is in the mesh, so that nothing is passed in plaintext.
            #expect(try await scene.call().wasReset)
        }

        @Test("who is not the control plane is not believed", arguments: ["identity", "name", "authority"])
        func impostor(_ what: String) async throws {
            var script = ControlScene.Script()
            if what == "identity" { script.identity = "spiffe://mesh.example/ns/default/sa/client" }
            if what == "name" { script.host = "other.mesh.example" }
            let scene = try await ControlScene(script)
            if what == "authority" {
                let other = try TestMesh("mesh.example", now: .today)
                let files = try IdentityFiles("\(try scene.mesh.lab.directory())/control", owner: 0)
                try files.write(
                    other.leaf(script.identity) { $0.set(.names(.uri(script.identity), .dns(script.host))) }, of: other)
            }
            try scene.say(scene.ordinary)
            let control = try await scene.startControl()
            try await scene.startProxies()
            let line = try await scene.client.says("control plane lost")
            #expect(line.contains("WEFT4203"), "\(line)")
            #expect(control.told("watch").isEmpty)
            let ready = try await scene.client.ask("/ready")
            #expect(ready.status == 503 && ready.body.contains("WEFT4203"), "\(ready)")
        }

        @Test("a proxy that has never joined says so, and begins when it has")
        func neverJoined() async throws {
            let scene = try await ControlScene()
            try scene.say(scene.ordinary)
            let control = try await scene.startControl()
            let identity = "\(scene.client.stateDirectory)/identity"
            try FileManager.default.moveItem(atPath: identity, toPath: "\(identity)-kept")
            try await scene.startProxies()
            let ready = try await eventually("an answer") {
                let answer = try await scene.client.ask("/ready")
                return answer.status == 503 ? answer : nil
            }
            #expect(ready.body.contains("WEFT4208") && ready.body.contains("never joined"), "\(ready)")
            try FileManager.default.moveItem(atPath: "\(identity)-kept", toPath: identity)
            try await scene.client.ready()
            #expect(!control.told("watch", "\"name\": \"client\"").isEmpty)
        }

        @Test("silence and nonsense end a watch, and another one begins")
        func silence() async throws {
            let (scene, control) = try await ControlScene.running { scene, said in
                said.resources[3] = scene.service(on: nil)
            }
            control.type("this is no message")
            #expect(try await scene.client.says("control plane lost").contains("WEFT4201"))
            try await control.hears("watch", containing: "\"name\": \"client\"", count: 2)
            control.type(#"{"type":"update","sequence":9,"revision":1,"resources":[{"id":"x"}]}"#)
            try await control.hears("watch", containing: "\"name\": \"client\"", count: 3)
            var said = scene.ordinary
            said.mute = true
            try scene.say(said)
            // Three heartbeats, of a second each here.
            let line = try await scene.client.says("WEFT4205")
            #expect(line.contains("control plane lost"), "\(line)")
            #expect(try await scene.call().status == 200)
        }

        @Test("the control plane's words on the log level and a farewell are heeded")
        func words() async throws {
            let (scene, control) = try await ControlScene.running()
            control.type(#"{"type":"logLevel","level":"debug"}"#)
            try await eventually("the level") {
                try await scene.client.ask("/log-level").body.contains("debug") ? true : nil
            }
            control.type(#"{"type":"something","of":"later"}"#)
            control.type(#"{"type":"goodbye","reason":"moving"}"#)
            try await scene.client.says("it says goodbye: moving")
            try await control.hears("watch", containing: "\"name\": \"client\"", count: 2)
        }

        @Test("who is denied is cut off within a second, and let in no more")
        func denied() async throws {
            let (scene, control) = try await ControlScene.running { scene, said in
                said.resources[3] = scene.service(on: nil)
            }
            try await control.hears("acknowledge", count: 2)
            try await scene.server.serve("echo", "0.0.0.0:9001")
            let caller = try scene.client.connect("\(scene.server.address):9001")
            try await caller.hears("hello", to: "hello")
            var said = scene.ordinary
            said.resources[3] = scene.service(on: nil)
            said.denied.identities = [scene.client.spiffeID]
            let begin = ContinuousClock.now
            try scene.say(said)
            try await caller.line(containing: "failed: Connection reset")
            // Beside what a test machine is late by.
            #expect(ContinuousClock.now - begin < .seconds(2))
            let refused = try await scene.call()
            #expect(refused.wasReset, "\(refused)\n\(scene.client.proxy.output)\n\(scene.server.proxy.output)")
            // Every look at the files keeps it, and so does an update that is rejected.
            said.revision = 2
            said.resources[3] = scene.service(on: nil, targetPort: 70_000)
            try scene.say(said)
            try await control.hears("acknowledge", containing: "rejected", count: 2)
            try await scene.server.reload()
            #expect(try await scene.call().wasReset)
            said = scene.ordinary
            said.revision = 3
            said.resources[3] = scene.service(on: nil)
            try scene.say(said)
            try await eventually("the denial is taken back") {
                try await scene.call().status == 200 ? true : nil
            }
        }

        @Test("a certificate is renewed with a fresh key when the control plane asks for it; open connections stay")
        func renewed() async throws {
            let (scene, control) = try await ControlScene.running()
            let serial = try await scene.client.serialNumber()
            let keyPath = "\(scene.client.stateDirectory)/identity/key.pem"
            let key = try String(contentsOfFile: keyPath, encoding: .utf8)
            try await scene.server.serve("echo", "0.0.0.0:9001")
            let caller = try scene.client.connect("\(scene.server.address):9001")
            try await caller.hears("before", to: "before")
            control.type(#"{"type":"renew"}"#)
            try await scene.client.renewals(reach: 1)
            #expect(try await scene.client.serialNumber() != serial)
            #expect(try String(contentsOfFile: keyPath, encoding: .utf8) != key)
            #expect(!FileManager.default.fileExists(atPath: "\(scene.client.stateDirectory)/identity.old"))
            let asked = control.told("certificates", "sa/client")
            #expect(asked.count == 1)
            try await caller.hears("after", to: "after")
            #expect(try await scene.call().status == 200)
            // Kept: the next process begins with it.
            try await scene.client.killProxy()
            let next = try await scene.client.restartedSerial()
            #expect(next != serial)
        }

        @Test("a short life is renewed by itself; while that fails the old certificate stays, and it is said loudly")
        func overdue() async throws {
            var script = ControlScene.Script()
            // 80 % of its life are over in ten seconds.
            script.leaf = { recipe in
                recipe.notBefore = WallTime(seconds: WallTime.today.seconds - 110)
                recipe.notAfter = WallTime(seconds: WallTime.today.seconds + 40)
            }
            let (scene, control) = try await ControlScene.running(script) { _, said in said.refuse = true }
            let serial = try await scene.client.serialNumber()
            try await control.hears("certificates", containing: "sa/client")
            let line = try await scene.client.says("not today")
            #expect(line.contains("WEFT4209") && line.contains("certificate not renewed"), "\(line)")
            try await scene.client.says("certificate overdue")
            try await scene.client.measures("that it is overdue") { $0.value("weft_certificate_overdue") == 1 }
            #expect(try await scene.client.serialNumber() == serial)
            #expect(try await scene.call().status == 200)
            try scene.say(scene.ordinary)
            try await scene.client.renewals(reach: 1)
            try await scene.client.measures("that it is not") { $0.value("weft_certificate_overdue") == 0 }
        }
    }
}

extension MeshPod {
    /// Of the certificate in force once a new process has begun.
    fileprivate func restartedSerial() async throws -> String {
        try startProxy()
        try await ready()
        return try await serialNumber()
    }
}
