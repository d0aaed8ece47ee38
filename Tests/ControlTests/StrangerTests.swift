// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension ControlledMeshTests {
    /// Requests that somebody should not have made.
    @Suite("Strangers")
    struct Strangers {
        @Test("a token is good once and for one key; a request asks for nothing but a key")
        func tokens() async throws {
            let control = try await ControlReplica("control", in: NetworkLab.here)
            try await control.start()
            let pod = try NetworkLab.here.outside
            let token = try await control.token(for: "web")
            // It asks for another's names, and gets its own.
            let greedy = try await pod.makeKey(
                subject: "/CN=weft-control", names: "URI:spiffe://mesh.example/ns/weft-system/sa/weft-control")
            let first = try await control.join(from: pod, token: token, csr: greedy.request)
            #expect(first.status == 200, "\(first)")
            let answer = try ControlAnswer(first.body)
            #expect(answer["identity"].text == "spiffe://mesh.example/ns/default/sa/web")
            let names = try await pod.shell(
                "printf '%s' '\(answer["chain"].text)' | openssl x509 -noout -subject -ext subjectAltName")
            #expect(names.contains("URI:spiffe://mesh.example/ns/default/sa/web"), "\(names)")
            #expect(!names.contains("weft-control"), "\(names)")
            // The answer was lost: the same key may come again. Another may not.
            #expect(try await control.join(from: pod, token: token, csr: greedy.request).status == 200)
            let other = try await pod.makeKey()
            let used = try await control.join(from: pod, token: token, csr: other.request)
            #expect(used.status == 403 && used.body.contains("was used by"), "\(used)")
            let brief = try await control.ask("/v1/tokens", #"{"service":"web","ttl":"1s"}"#)
            #expect(brief.status == 422 && brief.body.contains("from 1m to 24h"), "\(brief)")
            let unknown = try await control.join(from: pod, token: "weft1.nonsense", csr: other.request)
            #expect(unknown.status == 403, "\(unknown)")
        }

        @Test("a viewer may look and not write; nobody without a credential may do either; a proxy has no role")
        func roles() async throws {
            let scene = try await ControlledMesh.running()
            let control = scene.control
            let token = try await control.must("/v1/credentials", #"{"name":"eve","role":"view"}"#)["token"].text
            let api = "https://127.0.0.1:15010/v1"
            let header = "authorization: Bearer \(token)"
            #expect(try await control.pod.curl("-k", "-H", header, "\(api)/info").status == 200)
            let write = try await control.pod.curl(
                "-k", "-H", header, "\(api)/apply", "--data-binary", ControlledMesh.nobody)
            #expect(write.status == 403 && write.body.contains("eve may view"), "\(write)")
            #expect(try await control.pod.curl("-k", "\(api)/info").status == 401)
            let identity = "\(scene.web.stateDirectory)/identity"
            let workload = try await control.pod.curl(
                "-k", "--cert", "\(identity)/chain.pem", "--key", "\(identity)/key.pem", "\(api)/info")
            #expect(workload.status == 403 && workload.body.contains("has no role"), "\(workload)")
            // Of another authority: the handshake is the end.
            let stranger = try await scene.mesh.pod("stranger")
            let none = try await control.pod.curl(
                "-k", "--cert", stranger.identity.chain, "--key", stranger.identity.key,
                "https://\(control.address)/v1/certificates", "-d", "{}")
            #expect(none.status == 0 && none.exitCode != 0, "\(none)")
            #expect(
                try await control.pod.curl("-k", "https://\(control.address)/v1/certificates", "-d", "{}").status == 0)
        }

        @Test("what is malformed or too large is refused on every port, and costs nothing that stays")
        func malformed() async throws {
            let scene = try await ControlledMesh.running()
            let control = scene.control
            let pod = control.pod
            let before = try control.residentKiB
            let join = "https://\(control.joinAddress)/v1"
            for path in ["join", "renew"] {
                let large = try await pod.shell(
                    "head -c 2000000 /dev/zero | tr '\\0' x | "
                        + "curl -sk -m 10 -o /dev/null -w '%{http_code}' \(join)/\(path) --data-binary @-")
                #expect(large == "413", "\(path)")
                let endless = try await pod.shell(
                    "head -c 50000000 /dev/zero | curl -sk -m 10 -o /dev/null -w '%{http_code}' -X POST -T - "
                        + "-H 'transfer-encoding: chunked' -H 'expect:' \(join)/\(path) || true")
                #expect(["413", "000"].contains(endless), "\(path) \(endless)")
                for body in ["", "{", "[]", #"{"token":1}"#, "\u{0}\u{1}", String(repeating: "[", count: 10_000)] {
                    let answer = try await pod.curl(
                        "-k", "\(join)/\(path)", "--data-binary", body.replacingOccurrences(of: "\0", with: "?"))
                    #expect(
                        (400...429).contains(answer.status) && answer.body.contains("WEFT"),
                        "\(body.prefix(20)) \(answer)")
                }
            }
            let head = try await pod.curl(
                "-k", "-H", "x: \(String(repeating: "x", count: 100_000))", "\(join)/join", "-d", "{}")
            #expect(head.status != 200, "\(head)")
            for port in [15010, 15012, 15013, 15014] {
                try await pod.shell(
                    "for i in $(seq 20); do head -c 3000 /dev/urandom | timeout 5 nc -q 0 "
                        + "\(port == 15010 ? "127.0.0.1" : pod.address4) \(port) > /dev/null || true; done")
            }
            #expect(try await pod.curl("http://\(pod.address4):15014/nothing").status == 404)
            #expect(control.program.isRunning)
            let after = try control.residentKiB
            print("resident memory: \(before) KiB before, \(after) KiB after")
            #expect(after - before < 60 << 10)
            let revision = try await control.apply(ControlledMesh.nobody)
            try await eventually("it works as before") { () async throws -> Bool? in
                try await control.progress(of: revision)["late"].list.isEmpty ? true : nil
            }
        }
    }
}
