// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ControlStore
import MeshModel
import ResourceDocuments
import Testing

@testable import ControlPlane

@Suite("Revisions")
struct RevisionTests {
    static let api = "kind: Service\nmetadata: {name: api}\nspec: {ports: [{port: 80}]}\n"

    private func service(_ name: String, port: Int = 80) -> String {
        "---\nkind: Service\nmetadata: {name: \(name)}\nspec: {ports: [{port: \(port)}]}\n"
    }

    @Test("a write is one numbered revision, and the same again is none")
    func write() async throws {
        let plane = try await Plane()
        let first = try await plane.apply(Self.api)
        #expect(first.record?.number == 1)
        #expect(first.actions.map(\.action) == [.created])
        let second = try await plane.apply(Self.api)
        #expect(second.record == nil)
        #expect(second.revision == 1)
        #expect(second.actions.map(\.action) == [.unchanged])
        let third = try await plane.apply(service("api", port: 81))
        #expect(third.record?.number == 2)
        #expect(third.actions.map(\.action) == [.changed])
    }

    @Test("one bad document spoils all of them, and every problem is told")
    func allOrNothing() async throws {
        let plane = try await Plane()
        let codes = await codes {
            try await plane.apply(
                Self.api + service("b", port: 0) + "---\nkind: Sevice\nmetadata: {name: c}\nspec: {}\n")
        }
        #expect(codes.contains(.badValue))
        #expect(codes.contains(.unknownKind))
        #expect(try await plane.plane.state().documents.isEmpty)
    }

    @Test("names that lead nowhere are refused, and allowed on request")
    func dangling() async throws {
        let plane = try await Plane()
        let text = """
            kind: HTTPRoute
            metadata: {name: r}
            spec:
              parentRefs: [{kind: Service, group: "", name: api, port: 80}]
              rules: [{backendRefs: [{name: gone, port: 80}]}]
            """
        #expect(await codes { try await plane.apply(Self.api + "---\n" + text) } == [.danglingReference])
        var options = ControlPlane.ApplyOptions()
        options.allowsDangling = true
        let written = try await plane.apply(Self.api + "---\n" + text, options)
        #expect(written.record?.number == 1)
        #expect(written.warnings.map(\.code) == [.danglingReference])
    }

    @Test("what something names cannot be deleted")
    func deleteNamed() async throws {
        let plane = try await Plane()
        _ = try await plane.apply(
            Self.api + """
                ---
                kind: Policy
                metadata: {name: p}
                spec: {target: {service: api}, rules: [{effect: deny, from: [{authenticated: true}]}]}
                """)
        let id = ResourceID(.service, try reference("api"))
        #expect(await codes { try await plane.plane.delete([id], author: "t") } == [.danglingReference])
        _ = try await plane.plane.delete([ResourceID(.policy, try reference("p")), id], author: "t")
        #expect(try await plane.plane.state().documents.isEmpty)
        #expect(await codes { try await plane.plane.delete([id], author: "t") } == [.resourceMissing])
    }

    @Test("a rollback is a new revision with the content of an old one")
    func rollBack() async throws {
        let plane = try await Plane()
        _ = try await plane.apply(Self.api)
        _ = try await plane.apply(service("api", port: 81) + service("web"))
        let back = try await plane.plane.rollBack(to: 1, author: "t", message: "again")
        #expect(back.record?.number == 3)
        #expect(back.record?.rolledBackTo == 1)
        let state = try await plane.plane.state()
        #expect(state.documents.count == 1)
        #expect(state.documents.values.first?.text.contains("80") == true)
        #expect(try await plane.plane.state(at: 2).documents.count == 2)
        #expect(await codes { try await plane.plane.rollBack(to: 9, author: "t", message: nil) } == [.revisionMissing])
    }

    @Test("writers at once get a revision each, and nothing is lost")
    func concurrent() async throws {
        let plane = try await Plane()
        // A second replica on the same store, which sees the first one's writes only there.
        let other = RevisionLog(plane.store) { plane.clock.now }
        _ = try await other.load()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<8 {
                group.addTask { _ = try await plane.apply(service("mine-\(number)")) }
                group.addTask {
                    let text = service("other-\(number)")
                    _ = try await other.write(author: "o", message: nil) { state async throws(Problems) in
                        do throws(Problem) {
                            return try ResourceReading(Array(text.utf8), name: "t").documents.map { .put($0) }
                        } catch {
                            throw Problems(error)
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        try await other.catchUp()
        let state = await other.state
        #expect(state.revision == 16)
        #expect(state.documents.count == 16)
        let again = RevisionLog(plane.store) { plane.clock.now }
        _ = try await again.load()
        #expect(await again.state.documents.keys == state.documents.keys)
        #expect(await again.history.map(\.number) == Array(1...16))
    }

    @Test("what was prepared and never published counts for nothing, and is collected")
    func orphans() async throws {
        let plane = try await Plane()
        _ = try await plane.apply(Self.api)
        let orphan = StoreKeys.change(2, attempt: "dead") + "Service/default/ghost"
        _ = try await plane.store.commit(
            StoreTransaction(operations: [
                .put(
                    key: orphan,
                    value: Array(#"{"kind":"Service","metadata":{"name":"ghost"},"spec":{"ports":[{"port":1}]}}"#.utf8))
            ]))
        _ = try await plane.apply(service("web"))
        let log = RevisionLog(plane.store) { plane.clock.now }
        _ = try await log.load()
        #expect(await log.state.documents.count == 2)
        try await log.collect()
        #expect(try await plane.store.get(orphan) == nil)
    }

    @Test("history is kept for a hundred revisions or thirty days, and the mesh outlives it")
    func history() async throws {
        let plane = try await Plane()
        _ = try await plane.apply(service("first"))
        for number in 1...104 { _ = try await plane.apply(service("changing", port: number)) }
        let log = RevisionLog(plane.store) { plane.clock.now }
        _ = try await log.load()
        try await log.collect()
        #expect(await log.history.count == 105)
        plane.clock.advance(.seconds(31 * 86_400))
        try await log.collect()
        #expect(await log.history.map(\.number) == Array(6...105))
        let again = RevisionLog(plane.store) { plane.clock.now }
        _ = try await again.load()
        #expect(await again.state.documents.count == 2)
        let old = try await again.content(of: 6)
        #expect(old?.documents[ResourceID(.service, try reference("changing"))]?.text.contains(#""port":5"#) == true)
        #expect(try await again.content(of: 5) == nil)
    }

    @Test("services without an address get one each, and keep it", arguments: [40])
    func virtualAddresses(_ count: Int) async throws {
        let plane = try await Plane()
        try await plane.running {
            _ = try await plane.apply((0..<count).map { service("s\($0)") }.joined())
            let addresses = VirtualAddresses(plane.store)
            let all = try await addresses.all()
            #expect(all.count == count)
            #expect(Set(all.values.flatMap(\.self)).count == count)
            _ = try await plane.apply(service("s0", port: 81))
            #expect(try await addresses.all() == all)
        }
    }

    @Test("a range that is full is said, and what fitted stays")
    func fullRange() async throws {
        let plane = try await Plane()
        _ = try await plane.apply("kind: Mesh\nspec: {vips: [198.18.0.0/30]}\n")
        let texts = (0..<4).map { service("s\($0)") }.joined()
        _ = try await plane.apply(texts)
        let addresses = VirtualAddresses(plane.store)
        #expect(try await addresses.all().count == 2)
        let state = try await plane.plane.state()
        let known = try await addresses.all()
        #expect(await codes { try await addresses.assign(state, known) } == [.virtualAddressesSpent])
    }

    @Test("what is collected, and who begins, beside writers: nothing of what they wrote is missing")
    func collected() async throws {
        let plane = try await Plane()
        let count = 60
        let writer = Task {
            for number in 1...count {
                _ = try await plane.apply("kind: Service\nmetadata: {name: s\(number)}\nspec: {ports: [{port: 80}]}\n")
            }
        }
        var begun: [(revision: UInt64, documents: Int, records: Int)] = []
        while begun.last?.documents != count {
            try await plane.plane.revisions.collect()
            let other = RevisionLog(plane.store, now: { plane.clock.now })
            try await other.load()
            let state = await other.state
            begun.append((state.revision, state.documents.count, await other.history.count))
            if begun.last?.revision == UInt64(count) { break }
        }
        try await writer.value
        let torn = begun.filter { $0.documents != Int($0.revision) || $0.records != Int($0.revision) }
        #expect(torn.isEmpty, "\(torn)")
    }
}
