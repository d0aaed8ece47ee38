// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import Glibc
import MeshModel
import MeshTesting
import Testing

extension Sidecars {
    @Suite("Certificates that have expired")
    struct GraceTests {
        /// Leaves that ended so many seconds ago.
        private static func expired(_ seconds: Int64) -> ControlScene.Script {
            var script = ControlScene.Script()
            script.leaf = { recipe in
                recipe.notBefore = WallTime(seconds: WallTime.today.seconds - seconds - 3600)
                recipe.notAfter = WallTime(seconds: WallTime.today.seconds - seconds)
            }
            return script
        }

        @Test("a proxy that starts with one is not ready and says why, renews it by its key, and goes on")
        func atStart() async throws {
            let scene = try await ControlScene(Self.expired(3 * 86_400))
            try scene.say(scene.ordinary)
            try await scene.startProxies()
            try await scene.client.isUnready("has expired", "WEFT4214")
            let control = try await scene.startControl()
            for pod in [scene.client, scene.server] { try await pod.ready() }
            let renewals = control.told("renew", "sa/client")
            #expect(renewals.count == 1 && renewals.allSatisfy { $0.contains("\"proven\": true") }, "\(renewals)")
            #expect(!FileManager.default.fileExists(atPath: "\(scene.client.stateDirectory)/renewal.pem"))
            try await scene.server.serve("http", "0.0.0.0:9000")
            #expect(try await scene.call().status == 200)
        }

        @Test("one that ends while the proxy runs takes the identity away until it is renewed")
        func whileRunning() async throws {
            var script = ControlScene.Script()
            script.leaf = { recipe in
                recipe.notBefore = WallTime(seconds: WallTime.today.seconds - 110)
                recipe.notAfter = WallTime(seconds: WallTime.today.seconds + 25)
            }
            let (scene, control) = try await ControlScene.running(script) { _, said in said.refuse = true }
            #expect(try await scene.call().status == 200)
            try await eventually("its end", within: .seconds(40)) {
                scene.client.proxy.output.contains("certificate expired") ? true : nil
            }
            try await scene.client.isUnready("has expired", "WEFT421")
            // Held, as long as the caller's patience lasts: never in plaintext.
            #expect(try await scene.call().status != 200)
            try scene.say(scene.ordinary)
            // A control plane that has refused is asked again after 30 s at the earliest.
            for pod in [scene.client, scene.server] { try await pod.ready(within: .seconds(90)) }
            try await control.hears("renew", containing: "sa/client")
            #expect(try await scene.call().status == 200)
        }

        @Test("answers that are lost are asked for again with the same key, by the next process too")
        func lost() async throws {
            let scene = try await ControlScene(Self.expired(60))
            var said = scene.ordinary
            said.lose = true
            try scene.say(said)
            let control = try await scene.startControl()
            try await scene.startProxies()
            try await control.hears("renew", containing: "sa/client", count: 2)
            let path = "\(scene.client.stateDirectory)/renewal.pem"
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            #expect((attributes[.posixPermissions] as? Int).map { $0 & 0o777 } == 0o600)
            try await scene.client.killProxy()
            let before = control.told("renew", "sa/client").count
            try scene.client.startProxy()
            try await control.hears("renew", containing: "sa/client", count: before + 1)
            try scene.say(scene.ordinary)
            try await scene.client.ready(within: .seconds(90))
            let keys = control.told("renew", "sa/client").compactMap { line in
                line.split(separator: "\"key\": \"").dropFirst().first?.prefix(64)
            }
            #expect(keys.count > before && Set(keys).count == 1, "\(keys)")
            #expect(!FileManager.default.fileExists(atPath: path))
        }

        @Test("after seven days nobody is asked any more")
        func over() async throws {
            let scene = try await ControlScene(Self.expired(7 * 86_400 + 60))
            try scene.say(scene.ordinary)
            let control = try await scene.startControl()
            try await scene.startProxies()
            try await scene.client.isUnready("join again", "WEFT4215")
            #expect(control.told("renew").isEmpty)
            #expect(scene.client.proxy.isRunning)
        }
    }
}

extension MeshPod {
    /// Waits until the sidecar says that it is not ready, with all of these texts.
    fileprivate func isUnready(_ texts: String...) async throws {
        try await eventually("\(name) says \(texts)") { [self] in
            let ready = try await ask("/ready")
            return ready.status == 503 && texts.allSatisfy { ready.body.contains($0) } ? true : nil
        }
    }
}
