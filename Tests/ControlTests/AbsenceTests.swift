// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension ControlledMeshTests {
    /// Longer than what is written down of a proxy outlives its replica, for all replicas at once.
    @Suite("A whole control plane that is away for long")
    struct LongAway {
        @Test(
            "it is killed and comes back: who is there first still finds the endpoints of those who come later",
            arguments: [1, 3])
        func killed(_ count: Int) async throws {
            let scene = try await ControlledMesh.running(replicas: count)
            let load = try scene.startCalls()
            let begin = ContinuousClock.now
            for replica in scene.replicas { try await replica.kill() }
            try await eventually("it was away for long", within: .seconds(60)) { () async throws -> Bool? in
                guard ContinuousClock.now - begin > .seconds(count == 1 ? 30 : 15) else { return nil }
                return try await scene.etcd?.leases() ?? 0 == 0 ? true : nil
            }
            try await scene.holdBack(scene.api)
            for replica in scene.replicas { try replica.launch() }
            for replica in scene.replicas { try await replica.ready() }
            try await scene.comeBackOneAfterTheOther()
            try await load.ends()
        }

        @Test("the store is away for all replicas, and comes back: no endpoint is missed meanwhile")
        func cutOff() async throws {
            let scene = try await ControlledMesh.running(replicas: 3)
            let load = try scene.startCalls()
            for replica in scene.replicas {
                try await replica.pod.shell("iptables -I OUTPUT -p tcp --dport 2379 -j DROP")
            }
            try await eventually("its leases have ended", within: .seconds(60)) { () async throws -> Bool? in
                try await scene.etcd?.leases() == 0 ? true : nil
            }
            try await scene.holdBack(scene.api)
            for replica in scene.replicas {
                try await replica.pod.shell("iptables -D OUTPUT -p tcp --dport 2379 -j DROP")
            }
            try await scene.comeBackOneAfterTheOther()
            try await load.ends()
        }
    }
}

extension ControlledMesh {
    /// A proxy does not reach the control plane from now on.
    fileprivate func holdBack(_ pod: MeshPod) async throws {
        try await pod.pod.shell("iptables -I OUTPUT -p tcp --dport 15012 -j REJECT --reject-with tcp-reset")
    }

    /// The number of watches at all replicas.
    private func watches() async throws -> Int {
        var sum = 0
        for replica in replicas { sum += try await replica.must("/v1/info")["watches"].number }
        return sum
    }

    /// `web` has been told what there is, before `api` may come back.
    fileprivate func comeBackOneAfterTheOther() async throws {
        try await eventually("web is back, and has what it is told", within: .seconds(30)) {
            () async throws -> Bool? in
            guard try await watches() == 1 else { return nil }
            for replica in replicas {
                let proxies = try await replica.must("/v1/proxies")["proxies"].list
                if proxies.contains(where: { $0["acknowledgedRevision"].number > 0 && $0["synced"].truth }) {
                    return true
                }
            }
            return nil
        }
        try await api.pod.shell("iptables -D OUTPUT -p tcp --dport 15012 -j REJECT --reject-with tcp-reset")
        try await eventually("both are back", within: .seconds(30)) { () async throws -> Bool? in
            try await watches() == 2 ? true : nil
        }
        let services = try await control.must("/v1/services")["services"].list
        #expect(services.first { $0["name"].text == "api" }?["endpoints"].list.count == 1)
    }
}
