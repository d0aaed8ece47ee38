// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension ControlledMeshTests {
    @Suite("Denials and roots")
    struct Trust {
        @Test("who is denied is cut off within a second, and let in again when he is permitted")
        func denied() async throws {
            let scene = try await ControlledMesh.running()
            #expect(try await scene.call().status == 200)
            try await scene.api.serve("echo", "0.0.0.0:8081")
            let open = try scene.web.connect("\(scene.api.address):8081")
            open.type("before")
            try await open.line(containing: "before")
            let body = #"{"identity":"spiffe://mesh.example/ns/default/sa/web"}"#
            let begin = ContinuousClock.now
            try await scene.control.must("/v1/denied", body)
            try await open.result()
            let took = ContinuousClock.now - begin
            print("denied to cut: \(took)")
            #expect(took < .seconds(1))
            try await eventually("a new one is refused") { () async throws -> Bool? in
                try await scene.call().status != 200 ? true : nil
            }
            try await scene.control.must("/v1/permitted", body)
            try await eventually("it is let in again") { () async throws -> Bool? in
                try await scene.call().status == 200 ? true : nil
            }
        }

        @Test("a session of TLS that is resumed gives nothing to who was denied meanwhile")
        func resumed() async throws {
            let scene = try await ControlledMesh.running()
            let directory = try scene.mesh.lab.directory()
            let request = try await scene.control.pod.makeKey().request
            let body = String(
                decoding: try JSONSerialization.data(withJSONObject: ["csr": request]), as: UTF8.self)
            let text =
                "POST /v1/certificates HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
                + "content-length: \(body.utf8.count)\r\n\r\n\(body)"
            try text.write(toFile: "\(directory)/request", atomically: true, encoding: .utf8)
            let identity = "\(scene.web.stateDirectory)/identity"
            let common =
                "openssl s_client -connect \(scene.control.address) -quiet -ign_eof -cert \(identity)/chain.pem "
                + "-cert_chain \(identity)/chain.pem -key \(identity)/key.pem"
            func ask(_ more: String) async throws -> ProgramResult {
                try await scene.mesh.lab.outside.run("sh", "-c", "\(common) \(more) < \(directory)/request 2>&1")
            }
            let first = try await ask("-sess_out \(directory)/session")
            #expect(first.output.contains("200 OK"), "\(first)")
            #expect(FileManager.default.fileExists(atPath: "\(directory)/session"), "nothing to resume: \(first)")
            try await scene.control.must(
                "/v1/denied", #"{"identity":"spiffe://mesh.example/ns/default/sa/web"}"#)
            let second = try await ask("-sess_in \(directory)/session")
            #expect(!second.output.contains("200 OK") && !second.output.contains("BEGIN CERTIFICATE"), "\(second)")
        }

        @Test("the root is rotated under load: no connection fails, and everybody ends with the new one")
        func rotated() async throws {
            let scene = try await ControlledMesh.running()
            #expect(try await scene.call().status == 200)
            try await scene.api.serve("echo", "0.0.0.0:8081")
            let before = try await scene.control.must("/v1/ca/rotation")["roots"].list.map { $0["fingerprint"].text }
            let load = try scene.web.start("lab-tool", "load", "\(scene.api.address):8081", "8")
            let calls = try scene.startCalls()
            let quiet = try scene.web.connect("\(scene.api.address):8081")
            quiet.type("before")
            try await quiet.line(containing: "before")
            // More than a stream carries in frames, and then nothing until it is told to go on.
            let bulk = try scene.web.start(
                "sh", "-c", "(head -c 20000000 /dev/zero; read word; echo $word) | nc -N $0 8081 | wc -c",
                scene.api.address)
            try await scene.web.lists("the bulk, in RAW") { $0.downstreamBytesSent >= 20_000_000 }
            for step in ["stage", "trust", "sign", "retire"] {
                let begin = ContinuousClock.now
                try await eventually("the step \(step) is taken", within: .seconds(60)) { () async throws -> Bool? in
                    let answer = try await scene.control.ask("/v1/ca/rotation/\(step)", "")
                    guard answer.status != 409 else { return nil }
                    guard (200...299).contains(answer.status) else { throw DidNotHappen("\(step): \(answer)") }
                    return true
                }
                print("\(step) after \(ContinuousClock.now - begin)")
            }
            let roots = try await scene.control.must("/v1/ca/rotation")["roots"].list
            let signing = roots.filter { $0["step"].text == "signing" }.map { $0["fingerprint"].text }
            #expect(signing.count == 1 && !before.contains(signing[0]), "\(roots)")
            load.type("so far")
            try await load.line(containing: "so far")
            load.type("stop")
            let result = try await load.result()
            #expect(result.output.contains("done"), "\(result)")
            #expect(result.output.split(separator: "\n").last?.contains("failures=0 ") == true, "\(result)")
            try await calls.ends()
            quiet.type("after")
            try await quiet.line(containing: "after")
            bulk.type("goon")
            #expect(try await bulk.result().output.contains("20000005"))
            // A machine that comes now knows the new root alone.
            let late = try await scene.mesh.pod("late")
            try await scene.control.apply("kind: Service\nmetadata: {name: late}\nspec: {ports: [{port: 80}]}\n")
            let joined = try await late.enroll(with: scene.control)
            #expect(joined.bundle.components(separatedBy: "BEGIN CERTIFICATE").count == 2)
            try late.writeConfiguration()
            try await late.capture()
            try late.startProxy()
            try await late.ready()
            let answer = try await late.curl("-m", "5", "http://\(scene.api.address):8080/")
            #expect(answer.status == 200, "\(answer)")
            // Where the old root is not to be believed at all, what it vouched for ends.
            try await scene.control.must("/v1/ca/rotation/cut", "")
            try await quiet.line(containing: "failed")
        }

        @Test("every certificate is renewed again and again under load, and nothing fails")
        func renewed() async throws {
            let scene = try await ControlledMesh.running(options: ["--workload-lifetime", "1m"])
            try await scene.api.serve("echo", "0.0.0.0:8081")
            let load = try scene.web.start("lab-tool", "load", "\(scene.api.address):8081", "8")
            let calls = try scene.startCalls()
            for pod in [scene.web, scene.api] {
                try await eventually("\(pod.name) has had three certificates", within: .seconds(120)) {
                    pod.proxy.output.components(separatedBy: "identity renewed").count > 2 ? true : nil
                }
            }
            load.type("stop")
            let result = try await load.result()
            #expect(result.output.contains("done"), "\(result)")
            #expect(result.output.split(separator: "\n").last?.contains("failures=0 ") == true, "\(result)")
            try await calls.ends()
        }
    }
}
