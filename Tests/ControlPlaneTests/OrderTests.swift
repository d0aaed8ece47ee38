// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ControlAPI
import MeshModel
import MeshTesting
import ResourceDocuments
import Synchronization
import Testing

@testable import ControlPlane

/// Who has heard of something, in the order in which they did.
private final class Heard: Sendable {
    private let names = Mutex<[String]>([])

    var all: [String] { names.withLock { $0 } }
    func note(_ name: String) { names.withLock { $0.append(name) } }
}

@Suite("The order in which proxies are told", .timeLimit(.minutes(1)))
struct OrderTests {
    static let services = """
        kind: Service
        metadata: {name: api}
        spec: {ports: [{port: 80, targetPort: 8080}]}
        ---
        kind: Service
        metadata: {name: next}
        spec: {ports: [{port: 80}]}

        """
    static let route = """
        ---
        kind: HTTPRoute
        metadata: {name: r}
        spec:
          parentRefs: [{kind: Service, group: "", name: api, port: 80}]
          rules: [{backendRefs: [{name: next, port: 80}]}]

        """

    /// A policy for the service `next`, with rules in YAML's flow style.
    static func policy(_ rules: String, name: String = "p", mode: String = "enforce") -> String {
        "---\nkind: Policy\nmetadata: {name: \(name)}\nspec: {target: {service: next}, mode: \(mode), rules: [\(rules)]}\n"
    }

    static func from(_ names: String..., effect: String = "allow") -> String {
        let callers = names.map { "{identity: \"spiffe://mesh.test/ns/default/sa/\($0)\"}" }
        return "{effect: \(effect), from: [\(callers.joined(separator: ", "))]}"
    }

    static func state(_ text: String, _ revision: UInt64) throws -> MeshState {
        let reading = try ResourceReading(Array(text.utf8), name: "test")
        #expect(reading.problems.isEmpty, "\(reading.problems)")
        return MeshState.empty.applying(reading.documents.map { .put($0) }, as: revision)
    }

    static func index(_ text: String, _ revision: UInt64) throws -> MeshIndex {
        MeshIndex(
            try state(text, revision), .empty, trustDomain: try #require(TrustDomain("mesh.test")))
    }

    struct Case: CustomTestStringConvertible {
        let testDescription: String
        let before: String
        let after: String
        let kind: TellingKind
        var closed = false
    }

    @Test(
        "what a change of policies means to those who call",
        arguments: [
            Case(testDescription: "the first allow rule", before: "", after: policy(from("web")), kind: .narrowing),
            Case(
                testDescription: "the first one where nobody is let in", before: "", after: policy(from("web")),
                kind: .widening, closed: true),
            Case(testDescription: "the last one goes", before: policy(from("web")), after: "", kind: .widening),
            Case(
                testDescription: "another caller", before: policy(from("web")), after: policy(from("web", "shop")),
                kind: .widening),
            Case(
                testDescription: "a caller less", before: policy(from("web", "shop")), after: policy(from("web")),
                kind: .narrowing),
            Case(
                testDescription: "another policy for another caller", before: policy(from("web")),
                after: policy(from("web")) + policy(from("shop"), name: "q"), kind: .widening),
            Case(
                testDescription: "one for the other", before: policy(from("web")), after: policy(from("shop")),
                kind: .rest),
            Case(
                testDescription: "who is denied", before: "", after: policy(from("web", effect: "deny")),
                kind: .narrowing),
            Case(
                testDescription: "who is denied no more", before: policy(from("web", effect: "deny")), after: "",
                kind: .widening),
            Case(
                testDescription: "what decides nothing", before: "", after: policy(from("web"), mode: "audit"),
                kind: .rest),
        ])
    func kinds(_ row: Case) throws {
        let mesh = "kind: Mesh\nspec: {authorization: {default: \(row.closed ? "deny" : "allow")}}\n---\n"
        let before = try Self.state(mesh + Self.services + row.before, 1)
        let after = try Self.state(mesh + Self.services + row.after, 2)
        let step = before.step(toward: after)
        #expect(step.kind == row.kind)
        #expect(step.state == nil)
    }

    @Test("who is called hears first of what lets in more, who calls first of what lets in less")
    func steps() throws {
        let open = Self.policy(Self.from("web"))
        let shut = Self.policy(Self.from("web", effect: "deny"), name: "shut")
        let without = try Self.index(Self.services + shut, 1)
        let with = try Self.index(Self.services + Self.route, 2)
        let routed = ResourceID(.httpRoute, try reference("r"))
        let denial = ResourceID(.policy, try reference("shut"))
        var telling = Telling(without)
        telling.use(with)
        let move1 = telling.advance(["server", "client"])
        #expect(move1)
        #expect(telling.told.state.documents[denial] == nil && telling.told.state.documents[routed] == nil)
        #expect(telling.told.state.revision == 2 && telling.completeRevision == 1)
        let move2 = telling.advance(["server", "client"])
        #expect(!move2)
        let move3 = telling.confirm("client")
        #expect(!move3)
        let move4 = telling.confirm("server")
        #expect(move4)
        let move5 = telling.advance(["server", "client"])
        #expect(move5)
        #expect(telling.told.state.documents[routed] != nil && telling.isComplete)
        // Back again, while somebody has not even heard of the way there.
        telling.use(try Self.index(Self.services + shut, 3))
        let move6 = telling.advance(["server", "client"])
        #expect(move6)
        #expect(telling.told.state.documents[routed] == nil && telling.told.state.documents[denial] == nil)
        _ = telling.confirm("server")
        // A third revision comes meanwhile: it is on the way to that one then.
        telling.use(try Self.index(Self.services + shut + open, 4))
        let move7 = telling.advance(["server", "client"])
        #expect(!move7)
        telling.giveUp()
        let move8 = telling.advance(["server", "client"])
        #expect(move8)
        #expect(telling.told.state.documents[denial] != nil && telling.isComplete)
    }

    @Test("what needs no order is told at once, whoever has not confirmed what was before")
    func independent() throws {
        var telling = Telling(try Self.index(Self.services, 1))
        for revision in UInt64(2)...4 {
            telling.use(try Self.index(Self.services + (revision % 2 == 0 ? Self.route : ""), revision))
            let hasMoved = telling.advance(["somebody"])
            #expect(hasMoved)
            #expect(telling.isComplete)
        }
    }

    @Test("a route leads to a service only when that lets its callers in")
    func widening() async throws {
        let plane = try await Plane()
        try await plane.running {
            let deny = Self.policy(Self.from("web", effect: "deny"))
            _ = try await plane.apply(Self.services + deny)
            let heard = Heard()
            let server = try await plane.watch("next-1", of: "next", address: "10.0.0.2")
            _ = try await server.untilHeard(of: "Policy/default/p")
            let client = try await plane.client(wanting: "api")
            _ = try await client.untilHeard(of: "Service/default/api")
            async let serverEnds: Void = server.follow { update in
                if update.removed.contains("Policy/default/p") { heard.note("server") }
            }
            async let clientEnds: Void = client.follow { update in
                if update.resources.contains(where: { $0.id == "HTTPRoute/default/r" }) {
                    heard.note("client")
                }
            }
            var options = ControlPlane.ApplyOptions()
            options.pruneKinds = [.policy]
            let written = try await plane.apply(Self.route, options)
            try await eventually("nobody is late") {
                await plane.plane.progress(of: written.revision).isSettled ? true : nil
            }
            #expect(heard.all == ["server", "client"])
            #expect(await plane.plane.progress(of: written.revision).acknowledged == 2)
            for watch in [server, client] { await plane.plane.hub.end(watch.id) }
            _ = await (serverEnds, clientEnds)
        }
    }

    @Test("a proxy that answers nothing holds up nobody for longer than a moment")
    func stuck() async throws {
        let plane = try await Plane()
        try await plane.running {
            _ = try await plane.apply(Self.services + Self.policy(Self.from("shop")))
            let server = try await plane.watch("next-1", of: "next", address: "10.0.0.2")
            _ = try await server.update()
            let client = try await plane.client(wanting: "api")
            _ = try await client.untilHeard(of: "Service/default/api")
            _ = try await plane.apply(Self.route + Self.policy(Self.from("shop", "web")))
            _ = try await client.untilHeard(of: "HTTPRoute/default/r")
        }
    }

    @Test("a workload becomes an endpoint when it has what holds for it")
    func beginning() async throws {
        let plane = try await Plane()
        try await plane.running {
            _ = try await plane.apply(Self.services + Self.policy(Self.from("web")))
            let server = try await plane.watch("next-1", of: "next", address: "10.0.0.2")
            let first = try await server.update()
            #expect(
                Set(first.resources.map(\.id)).isSuperset(
                    of: ["Policy/default/p", "Service/default/next", "Workload/default/next-1"]))
            let name = try reference("next-1")
            #expect(await plane.plane.index().registration(of: name) == nil)
            await server.acknowledge(first)
            try await eventually("it is an endpoint") { await plane.plane.index().registration(of: name) }
        }
    }

    @Test("a workload that leaves is no endpoint any more, and keeps what holds for it")
    func leaving() async throws {
        let plane = try await Plane()
        try await plane.running {
            _ = try await plane.apply(Self.services + Self.policy(Self.from("web")))
            let server = try await plane.watch("next-1", of: "next", address: "10.0.0.2")
            await server.acknowledge(try await server.update())
            let name = try reference("next-1")
            try await eventually("it is an endpoint") { await plane.plane.index().registration(of: name) }
            var request = server.request
            request.isLeaving = true
            let id = try await plane.plane.openWatch(request, identity: server.identity, serial: "0a")
            try await eventually("it is none, while its old watch has not been missed yet") {
                await plane.plane.index().registration(of: name) == nil ? true : nil
            }
            await plane.plane.closeWatch(
                server.id, of: server.request.workload, instance: server.request.instance)
            let leaving = TestWatch(plane: plane.plane, id: id, identity: server.identity, request: request)
            let documents = try #require(await plane.plane.hub.documents(of: name))
            #expect(
                Set(documents.map(\.id)).isSuperset(
                    of: ["Policy/default/p", "Service/default/next", "Workload/default/next-1"]))
            await plane.plane.hub.end(leaving.id)
        }
    }
}
