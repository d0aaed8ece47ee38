// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import Glibc
import MeshTesting
import Testing

/// A proxy that does as little as it is told to: curl with a workload's certificate.
@Suite("Waiting for proxies", .serialized)
struct ProgressTests {
    private let scene: ControlScene
    private let watch: RunningProgram

    init() async throws {
        scene = try await ControlScene()
        try scene.write(ControlScene.shop, to: "shop.yaml")
        try #require(try await scene.weft("apply -f %/shop.yaml").succeeded)
        let token = try await scene.weft("token create --service web").output.trimmingCharacters(in: .newlines)
        let joined = try await scene.weft(
            "join \(token) --name web-1 --state %/state --owner \(ControlScene.proxyUser) --config %/proxy.yaml")
        try #require(joined.succeeded, "\(joined)")
        let request = """
            {"protocol":1,"version":"0.1.0","name":"web-1","namespace":"default","instance":"0123456789abcdef",\
            "addresses":["10.7.0.1"],"unmeshedPorts":[],"have":{},"wants":{"addresses":[],"names":["api"]}}
            """
        watch = try RunningProgram(
            Self.curl(scene) + [Self.base(scene) + "/v1/watch", "-d", request], log: scene.directory + "/watch")
        try await watch.line(containing: "\"type\":\"update\"")
    }

    private static func base(_ scene: ControlScene) -> String { "https://control.mesh.test:\(scene.proxyPort)" }

    private static func curl(_ scene: ControlScene) -> [String] {
        let identity = scene.directory + "/state/identity"
        return [
            "curl", "-s", "-N", "--max-time", "120", "--cacert", "\(identity)/bundle.pem", "--cert",
            "\(identity)/chain.pem", "--key", "\(identity)/key.pem", "--resolve",
            "control.mesh.test:\(scene.proxyPort):127.0.0.1",
        ]
    }

    private func newest() throws -> (watch: String, sequence: Int) {
        let lines = watch.output.split(separator: "\n").compactMap {
            try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
        }
        let identifier = try #require(lines.first?["watch"] as? String)
        return (identifier, lines.compactMap { $0["sequence"] as? Int }.max() ?? 0)
    }

    private func acknowledge(revision: Int, rejecting reason: String? = nil) async throws {
        let (identifier, sequence) = try newest()
        let rejected = reason.map {
            #","rejected":[{"resource":"Service/default/api","path":"spec.ports","code":"WEFT1003","message":"\#($0)"}]"#
        }
        let body = #"{"sequence":\#(sequence),"revision":\#(revision)\#(rejected ?? "")}"#
        let result = try await RunningProgram(
            Self.curl(scene) + [
                "-f", Self.base(scene) + "/v1/watch/\(identifier)/acknowledge", "-d", body,
            ], log: scene.directory + "/acknowledge"
        ).result()
        try #require(result.succeeded, "\(result)")
    }

    /// Moves the port of the service that the proxy calls.
    private func move(to port: Int) throws {
        try scene.write(
            """
            kind: Service
            metadata: {name: api}
            spec: {ports: [{port: \(port), targetPort: 8080}], endpoints: [{workload: api-1}]}
            """, to: "api.yaml")
    }

    @Test("proxies that are late make 3, such as refuse 4, with name and reason")
    func outcomes() async throws {
        try await acknowledge(revision: 1)
        try move(to: 81)
        let late = try await scene.weft("apply -f %/api.yaml --wait --timeout 1s")
        #expect(late.status == 3, "\(late)")
        #expect(late.output.contains("acknowledged by 0/1 proxies at revision 2"))
        #expect(late.error.contains("WEFT7043 not yet acknowledged by default/web-1"))
        #expect(try await scene.weft("proxy status").output.contains("late"))
        #expect(
            try await scene.weft("check").output.contains("warn  proxies         default/web-1 has not acknowledged"))

        try await acknowledge(revision: 2, rejecting: "no such port here")
        let refused = try await scene.weft("apply -f %/api.yaml --wait --timeout 20s")
        #expect(refused.status == 4, "\(refused)")
        #expect(
            refused.error.contains("WEFT7044 default/web-1: Service/default/api spec.ports: WEFT1003 no such port here")
        )
        let check = try await scene.weft("check")
        #expect(
            check.status == 1 && check.output.contains("fail  proxies         default/web-1 has rejected"), "\(check)")

        try move(to: 82)
        let scene = scene
        let waiting = Task { try await scene.weft("apply -f %/api.yaml --wait --timeout 60s -o json") }
        let known = try newest().sequence
        try await eventually("the next update") { try newest().sequence > known ? true : nil }
        try await acknowledge(revision: 3)
        let done = try await waiting.value
        #expect(done.status == 0, "\(done)")
        #expect(
            done.output.contains(#""progress":{"concerned":1,"acknowledged":1,"late":[],"rejected":[]}"#), "\(done)")
    }

    @Test("a proxy tells what it was told, and is told how much to log")
    func proxy() async throws {
        #expect(try await scene.weft("proxy config web-1").output.contains("name: api"))
        // It becomes an endpoint when it has answered its first update, or a little later.
        let scene = scene
        try await eventually("the endpoint") { () async throws -> Bool? in
            try await scene.weft("get services").output.contains("1/1 connected") ? true : nil
        }
        try #require(try await scene.weft("proxy log web-1 debug").succeeded)
        try await watch.line(containing: #"{"type":"logLevel","level":"debug"}"#)
        #expect(try await scene.weft("proxy config default/nobody").error.contains("WEFT7011"))
    }

    @Test("who is denied is cut off")
    func denied() async throws {
        let result = try await scene.weft("identity deny spiffe://mesh.test/ns/default/sa/web")
        #expect(result.succeeded, "\(result)")
        try await watch.result(within: .seconds(10))
        #expect(try await scene.weft("identity list").output.contains("denied  spiffe://mesh.test/ns/default/sa/web"))
        #expect(try await scene.weft("identity permit spiffe://mesh.test/ns/default/sa/web").succeeded)
        #expect(try await !scene.weft("identity list").output.contains("denied"))
    }
}
