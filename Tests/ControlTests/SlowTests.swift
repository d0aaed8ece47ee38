// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension ControlledMeshTests {
    @Suite("Clients that are slow, or many")
    struct Slow {
        private static func script(from file: String = #filePath) -> String {
            "\((file as NSString).deletingLastPathComponent)/Programs/slow.py"
        }

        @Test(
            "connections by the hundred that say nothing, or a byte now and then, are closed; others are served meanwhile"
        )
        func served() async throws {
            let scene = try await ControlledMesh.running()
            let (control, lab) = (scene.control, scene.mesh.lab)
            let before = try control.residentKiB
            let identity = "\(scene.web.stateDirectory)/identity"
            func attack(_ pod: Pod, _ place: String, _ count: Int, _ more: String...) throws -> RunningProgram {
                try pod.start(["/usr/bin/env", "python3", Self.script(), place, String(count)] + more)
            }
            let outside = lab.outside
            let attackers = [
                (100, try attack(control.pod, "127.0.0.1:15010", 100, "tls")),
                (600, try attack(outside, control.address, 600, "tls", identity)),
                (600, try attack(outside, control.joinAddress, 600, "tls")),
                (600, try attack(outside, "\(control.pod.address4):15014", 600, "plain")),
            ]
            let begin = ContinuousClock.now
            for (count, attacker) in attackers {
                let line = try await attacker.line(containing: "open \(count)", within: .seconds(60))
                print("\(attacker.commandLine.suffix(40)): \(line)")
            }
            // From other addresses, but for the API, whose port is on loopback alone.
            let client = try await APIClient(control, role: "view")
            var slowest = Duration.zero
            for _ in 0..<5 {
                let start = ContinuousClock.now
                #expect(try await control.pod.curl("http://\(control.pod.address4):15014/metrics").status == 200)
                let key = try await control.pod.makeKey().request
                #expect(try await control.join(from: control.pod, token: "weft1.x", csr: key).status == 403)
                #expect(try await client.curl("/v1/info").status == 200)
                slowest = max(slowest, ContinuousClock.now - start)
            }
            print("three calls beside all of them: \(slowest) at most")
            try await scene.web.killProxy()
            try scene.web.startProxy()
            let revision = try await control.apply(ControlledMesh.nobody)
            try await eventually("the policy is everywhere") { () async throws -> Bool? in
                let progress = try await control.progress(of: revision)
                return progress["late"].list.isEmpty && progress["acknowledged"].number > 0 ? true : nil
            }
            for (count, attacker) in attackers {
                try await attacker.line(containing: "closed \(count)", within: .seconds(45))
                print("\(attacker.commandLine.suffix(40)): all closed \(ContinuousClock.now - begin) after the first")
            }
            let after = try control.residentKiB
            print("resident memory: \(before) KiB before, \(after) KiB after")
            #expect(after - before < 150 << 10)
        }

        @Test("of the body of somebody without a credential nothing is kept")
        func stranger() async throws {
            let control = try await ControlReplica("control", in: NetworkLab.here)
            try await control.start()
            let before = try control.residentKiB
            // Each would be let in with 16 MiB, were it an operator's; all hold their connections until they are told.
            let load = try await control.pod.shell(
                """
                for i in $(seq 40); do
                  head -c 15000000 /dev/zero | curl -sk -m 20 -o /dev/null -w '%{http_code}\\n' \
                    https://127.0.0.1:15010/v1/apply --data-binary @- &
                done; wait
                """)
            let answers = load.split(separator: "\n")
            #expect(answers.count == 40 && answers.allSatisfy { $0 == "401" }, "\(answers)")
            let after = try control.residentKiB
            print("resident memory: \(before) KiB before, \(after) KiB after")
            #expect(after - before < 100 << 10)
        }
    }
}
