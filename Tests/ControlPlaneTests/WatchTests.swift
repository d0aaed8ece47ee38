// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ControlAPI
import MeshModel
import MeshTesting
import Testing

@testable import ControlPlane

@Suite("Watching", .timeLimit(.minutes(1)))
struct WatchTests {
    static let mesh = """
        kind: Service
        metadata: {name: api}
        spec: {ports: [{port: 80, targetPort: 8080}]}
        ---
        kind: Service
        metadata: {name: other}
        spec: {ports: [{port: 80}]}

        """

    @Test("a proxy is told of itself, and of what it asks for with everything that leads to")
    func selection() async throws {
        let plane = try await Plane()
        try await plane.running {
            _ = try await plane.apply(
                Self.mesh + """
                    ---
                    kind: HTTPRoute
                    metadata: {name: r}
                    spec:
                      parentRefs: [{kind: Service, group: "", name: api, port: 80}]
                      rules: [{backendRefs: [{name: other, port: 80}]}]
                    """)
            let server = try await plane.watch("api-1", of: "api", address: "10.0.0.2")
            await server.acknowledge(try await server.update())
            let client = try await plane.watch("web-1", of: "web", address: "10.0.0.1")
            let first = try await client.update()
            #expect(first.isWhole)
            #expect(first.resources.map(\.id).contains("Mesh/default/mesh"))
            #expect(!first.resources.contains { $0.id.hasPrefix("Service/") })
            #expect(first.checkpoint != nil)
            #expect(first.trust?.keys.map(\.name) == ["mesh.test"])
            await client.acknowledge(first)
            _ = await plane.plane.hub.want(client.id, Wants(names: try names("api", "nosuch")), by: client.identity)
            let second = try await client.untilHeard(of: "Service/default/api")
            let ids = Set(second.resources.map(\.id))
            #expect(ids.isSuperset(of: ["HTTPRoute/default/r", "Service/default/other"]))
            #expect(second.unknown.names.map(\.text) == ["nosuch"])
            let contents = try #require(second.checkpoint).contents()
            #expect(contents.digests.keys.contains("Service/default/api"))
        }
    }

    @Test("a workload that connects becomes an endpoint, and is none when it has gone")
    func endpoints() async throws {
        let plane = try await Plane()
        try await plane.running {
            _ = try await plane.apply(Self.mesh)
            let client = try await plane.client(wanting: "api")
            await client.acknowledge(try await client.update())
            let server = try await plane.watch("api-1", of: "api", address: "10.0.0.2")
            let heard = try await client.untilHeard(of: "Workload/default/api-1")
            let service = try #require(heard.resources.first { $0.id == "Service/default/api" })
            #expect(service.text.contains("default/api-1"))
            await plane.plane.closeWatch(server.id, of: server.request.workload, instance: server.request.instance)
            var gone = try await client.update()
            while !gone.removed.contains("Workload/default/api-1") {
                await client.acknowledge(gone)
                gone = try await client.update()
            }
        }
    }

    @Test(
        "where a workload says that it is, others are told; what is not a locality they are not",
        arguments: ["eu/a", "?"])
    func locality(_ text: String) async throws {
        let plane = try await Plane()
        try await plane.running {
            _ = try await plane.apply(Self.mesh)
            _ = try await plane.watch("api-1", of: "api", address: "10.0.0.2", locality: text)
            let client = try await plane.client(wanting: "api")
            let heard = try await client.untilHeard(of: "Workload/default/api-1")
            let workload = try #require(heard.resources.first { $0.id == "Workload/default/api-1" })
            #expect(workload.text.contains("\"locality\":\"eu/a\"") == (text == "eu/a"), "\(workload.text)")
            #expect(workload.text.contains("locality") == (text == "eu/a"))
        }
    }

    @Test("one update at a time is under way; what happens meanwhile is in the next")
    func coalescing() async throws {
        let plane = try await Plane()
        try await plane.running {
            _ = try await plane.apply(Self.mesh)
            let client = try await plane.client(wanting: "api")
            let first = try await client.update()
            for port in 81...90 {
                _ = try await plane.apply("kind: Service\nmetadata: {name: api}\nspec: {ports: [{port: \(port)}]}\n")
            }
            #expect(await plane.plane.progress(of: 11).late == ["default/web-1"])
            await client.acknowledge(first)
            let next = try await client.update()
            #expect(next.revision == 11)
            #expect(next.resources.first { $0.id == "Service/default/api" }?.text.contains("90") == true)
            await client.acknowledge(next)
            let progress = await plane.plane.progress(of: 11)
            #expect(progress.acknowledged == 1)
            #expect(progress.late.isEmpty)
        }
    }

    @Test("who is not concerned is not waited for")
    func concerned() async throws {
        let plane = try await Plane()
        try await plane.running {
            _ = try await plane.apply(Self.mesh)
            let near = try await plane.client(wanting: "api")
            let far = try await plane.client("web-2", address: "10.0.0.3", wanting: "other")
            _ = try await near.untilHeard(of: "Service/default/api")
            _ = try await far.untilHeard(of: "Service/default/other")
            // Both go on hearing what else happens, such as the addresses that services are given.
            async let nearEnds: Void = near.follow()
            async let farEnds: Void = far.follow()
            _ = try await plane.apply("kind: Service\nmetadata: {name: api}\nspec: {ports: [{port: 81}]}\n")
            let progress = try await eventually("nobody is late") {
                let progress = await plane.plane.progress(of: 2)
                return progress.isSettled ? progress : nil
            }
            #expect(progress.concerned == 1)
            #expect(progress.acknowledged == 1)
            for watch in [near, far] { await plane.plane.hub.end(watch.id) }
            _ = await (nearEnds, farEnds)
        }
    }

    @Test("a rejected update is told with its reasons, and not sent again before something changes")
    func rejected() async throws {
        let plane = try await Plane()
        try await plane.running {
            _ = try await plane.apply(Self.mesh)
            let client = try await plane.client(wanting: "api")
            let first = try await client.update()
            let reason = Acknowledgement.Rejection(
                resource: "Service/default/api", path: "spec.ports[0]", code: "WEFT1003", message: "no")
            await client.acknowledge(first, rejected: [reason])
            let progress = await plane.plane.progress(of: 1)
            #expect(progress.rejected.first?.proxy == "default/web-1")
            #expect(progress.rejected.first?.reasons == [reason])
            _ = try await plane.apply("kind: Service\nmetadata: {name: api}\nspec: {ports: [{port: 81}]}\n")
            let next = try await client.update()
            #expect(next.isWhole)
            #expect(next.revision == 2)
        }
    }

    @Test("who is denied is cut off, and the others are told")
    func denied() async throws {
        let plane = try await Plane()
        try await plane.running {
            let bad = try await plane.watch("api-1", of: "api", address: "10.0.0.2")
            await bad.acknowledge(try await bad.update())
            let good = try await plane.watch("web-1", of: "web", address: "10.0.0.1")
            await good.acknowledge(try await good.update())
            try await plane.plane.deny(identity: bad.identity, serial: nil, isDenied: true, author: "t")
            await #expect(throws: WatchEnded.self) {
                while true { await bad.acknowledge(try await bad.update()) }
            }
            var update = try await good.update()
            while update.denied?.identities.isEmpty ?? true {
                await good.acknowledge(update)
                update = try await good.update()
            }
            #expect(update.denied?.identities == [bad.identity])
            #expect(await codes { try await plane.watch("api-2", of: "api", address: "10.0.0.4") } == [.identityDenied])
        }
    }

    @Test("a proxy cannot take another's name or namespace")
    func foreignName() async throws {
        let plane = try await Plane()
        try await plane.running {
            let server = try await plane.watch("api-1", of: "api", address: "10.0.0.2")
            await server.acknowledge(try await server.update())
            let name = try reference("api-1")
            try await eventually("the workload is known") { await plane.plane.index().registration(of: name) }
            #expect(await codes { try await plane.watch("api-1", of: "web", address: "10.0.0.1") } == [.forbidden])
        }
    }

    @Test("a proxy that comes back is told only what it lacks")
    func holdings() async throws {
        let plane = try await Plane()
        try await plane.running {
            _ = try await plane.apply(Self.mesh)
            let wants = Wants(names: try names("api"))
            let api = try reference("api")
            try await eventually("the service has its address") {
                await plane.plane.index().addresses(of: api).first
            }
            let before = try await plane.watch("web-1", of: "web", address: "10.0.0.1", wants: wants)
            let first = try await before.update()
            let digests = Dictionary(first.resources.map { ($0.id, $0.digest) }) { first, _ in first }
            await plane.plane.closeWatch(before.id, of: before.request.workload, instance: before.request.instance)
            let after = try await plane.watch(
                "web-1", of: "web", address: "10.0.0.1", wants: wants,
                have: WatchRequest.Holdings(revision: first.revision, digests: digests))
            let progress = await plane.plane.progress(of: first.revision)
            #expect(progress.late.isEmpty && progress.acknowledged == 1, "what it has is not waited for: \(progress)")
            let update = try await after.update()
            #expect(!update.isWhole)
            #expect(!update.resources.contains { $0.id == "Service/default/api" })
        }
    }
}
