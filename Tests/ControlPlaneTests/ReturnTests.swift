// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ControlAPI
import ControlStore
import MeshModel
import MeshTesting
import Testing

@testable import ControlPlane

@Suite("Proxies that come back", .timeLimit(.minutes(1)))
struct ReturnTests {
    @Test(
        "who was connected to a replica that is gone is an endpoint for one that has just begun, until it had time to return"
    )
    func begun() async throws {
        let first = try await Plane()
        let names = try ["api-1", "api-2"].map { try reference($0) }
        let requests = try await first.running {
            _ = try await first.apply(WatchTests.mesh)
            var requests: [WatchRequest] = []
            for (number, name) in names.enumerated() {
                let server = try await first.watch(name.name.text, of: "api", address: "10.0.0.\(number + 2)")
                await server.acknowledge(try await server.update())
                try await eventually("it is an endpoint") { await first.plane.index().registration(of: name) }
                requests.append(server.request)
            }
            return requests
        }
        try await first.endSession()

        let patient = try await first.replica("control-2", returning: .seconds(3600))
        try await patient.running {
            let client = try await patient.client(wanting: "api")
            let told = try await client.untilHeard(of: "Service/default/api")
            let text = try #require(told.resources.first { $0.id == "Service/default/api" }).text
            #expect(text.contains("default/api-1") && text.contains("default/api-2"))
            let connected = await patient.plane.index().membership.connected.values.map(\.workload.name.text)
            #expect(!connected.contains("api-1"), "nobody is told that it is connected: \(connected)")
        }
        try await patient.endSession()

        let strict = try await first.replica("control-3", returning: .zero)
        try await strict.running {
            var request = requests[1]
            request.have = WatchRequest.Holdings(revision: 1, digests: [:])
            let identity = try #require(SPIFFEID("spiffe://mesh.test/ns/default/sa/api"))
            _ = try await strict.plane.openWatch(request, identity: identity, serial: "0a")
            try await eventually("who has not come back is none any more, who has is one") { () async throws -> Bool? in
                let index = await strict.plane.index()
                return index.registration(of: names[0]) == nil && index.registration(of: names[1]) != nil ? true : nil
            }
            try await eventually("nor is it in the store") { () async throws -> Bool? in
                let keys = try await first.store.list(prefix: StoreKeys.proxies).entries.map(\.key)
                return keys.contains { $0.contains("api-1") } ? nil : true
            }
        }
    }

    @Test("a replica that was there all the time drops who was connected to one that is gone as soon as that is known")
    func other() async throws {
        let first = try await Plane()
        let (leaving, staying) = (
            try await first.replica("control-2", returning: .zero),
            try await first.replica("control-3", returning: .zero)
        )
        let name = try reference("api-1")
        try await staying.running {
            _ = try await staying.apply(WatchTests.mesh)
            try await leaving.running {
                let server = try await leaving.watch("api-1", of: "api", address: "10.0.0.2")
                await server.acknowledge(try await server.update())
                try await eventually("it is an endpoint") { await staying.plane.index().registration(of: name) }
            }
            #expect(await staying.plane.index().registration(of: name) != nil)
            try await leaving.endSession()
            try await eventually("it is none any more") {
                await staying.plane.index().registration(of: name) == nil ? true : nil
            }
        }
    }
}

extension Plane {
    /// As the store does when nothing is heard of the replica for too long.
    fileprivate func endSession() async throws {
        let operation = StoreOperation.delete(key: StoreKeys.session(plane.lease.session))
        _ = try await store.commit(StoreTransaction(operations: [operation]))
    }
}
