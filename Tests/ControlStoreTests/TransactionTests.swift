// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ControlStore
import MeshModel
import MeshTesting
import Testing

/// What every kind of store promises. One after the other: the revision of etcd is one for all who use it.
@Suite("Every store", .serialized)
enum StorePromises {}

extension StorePromises {
    @Suite("Transactions and listings")
    struct TransactionTests {
        @Test("a key is created once", arguments: StoreKind.allCases)
        func createIfAbsent(kind: StoreKind) async throws {
            try await kind.withStore { store in
                let create = StoreTransaction(
                    compares: [.absent("a")], operations: [.put(key: "a", value: Array("1".utf8))])
                let revision = try #require(try await store.commit(create).revision)
                let entry = StoreEntry(
                    key: "a", value: Array("1".utf8), createRevision: revision, modRevision: revision, lease: nil)
                #expect(try await store.get("a") == entry)
                #expect(try await store.commit(create) == .conflict([entry]))
                #expect(try await store.get("b") == nil)
            }
        }

        @Test("a write that comes too late is told what is there now", arguments: StoreKind.allCases)
        func conflict(kind: StoreKind) async throws {
            try await kind.withStore { store in
                let first = try await store.put("a", "1")
                let second = try await store.put("a", "2")
                try await store.put("b", "x")
                let late = StoreTransaction(
                    compares: [.unchanged("a", modRevision: first), .absent("c"), .holds("b", Array("x".utf8))],
                    operations: [.put(key: "a", value: [3]), .put(key: "c", value: [3]), .delete(key: "b")])
                guard case .conflict(let entries) = try await store.commit(late) else {
                    Issue.record("It has happened.")
                    return
                }
                #expect(entries.map(\.text) == ["2", "x"])
                #expect(entries.first?.createRevision == first && entries.first?.modRevision == second)
                #expect(try await store.get("c") == nil)
                #expect(try await store.text("b") == "x")
                let good = StoreTransaction(
                    compares: [.unchanged(entries[0]), .created("a", createRevision: first)],
                    operations: [.put(key: "a", value: Array("3".utf8)), .delete(key: "b")])
                #expect(try await store.commit(good) == .committed(second + 2))
                #expect(try await store.list(prefix: "").entries.map(\.text) == ["3"])
            }
        }

        @Test("128 operations are one revision and one batch", arguments: StoreKind.allCases)
        func atomicity(kind: StoreKind) async throws {
            try await kind.withStore { store in
                let before = try await store.put("k/old", "x")
                var operations = (1..<127).map { StoreOperation.put(key: "k/\($0)", value: [UInt8($0)]) }
                operations += [.delete(key: "k/old"), .put(key: "elsewhere", value: [])]
                let outcome = try await store.commit(StoreTransaction(operations: operations))
                #expect(outcome == .committed(before + 1))
                let listing = try await store.list(prefix: "k/")
                #expect(listing.entries.count == 126 && listing.revision == before + 1)
                #expect(listing.entries.allSatisfy { $0.modRevision == before + 1 && $0.createRevision == before + 1 })
                let batch = try #require(try await store.batches(1, prefix: "k/", from: before + 1).first)
                #expect(batch.revision == before + 1 && batch.events.count == 127)
                #expect(batch.events.last == .delete(key: "k/old"))
            }
        }

        @Test("what changes nothing is no revision", arguments: StoreKind.allCases)
        func nothing(kind: StoreKind) async throws {
            try await kind.withStore { store in
                let revision = try await store.put("a", "1")
                let idle = StoreTransaction(
                    compares: [.absent("b")], operations: [.delete(key: "b"), .deletePrefix("c/")])
                #expect(try await store.commit(idle) == .committed(revision))
                #expect(try await store.commit(StoreTransaction(operations: [])) == .committed(revision))
                // The same value again is a change.
                #expect(try await store.put("a", "1") == revision + 1)
            }
        }

        @Test("the past can be listed", arguments: StoreKind.allCases)
        func past(kind: StoreKind) async throws {
            try await kind.withStore { store in
                try await store.put("p/a", "1")
                try await store.put("p/b", "1")
                let middle = try await store.put("p/a", "2")
                try await store.delete("p/b")
                try await store.put("p/c", "1")
                let then = try await store.list(prefix: "p/", at: middle)
                #expect(then.entries.map { "\($0.key)=\($0.text)" } == ["p/a=2", "p/b=1"])
                #expect(then.revision == middle)
                let now = try await store.list(prefix: "p/")
                #expect(now.entries.map { "\($0.key)=\($0.text)" } == ["p/a=2", "p/c=1"])
                let future = now.revision + 1_000
                #expect(await storeError { _ = try await store.list(prefix: "p/", at: future) } == .futureRevision)
            }
        }

        @Test("thousands of keys are one listing", arguments: StoreKind.allCases)
        func pages(kind: StoreKind) async throws {
            try await kind.withStore { store in
                let keys = (0..<1_300).map { "many/\(10_000 + $0)" }
                for start in stride(from: 0, to: keys.count, by: 128) {
                    let part = keys[start..<min(start + 128, keys.count)]
                    _ = try await store.commit(
                        StoreTransaction(operations: part.map { .put(key: $0, value: Array($0.utf8)) }))
                }
                try await store.put("manz", "not below the prefix")
                let listing = try await store.list(prefix: "many/")
                #expect(listing.entries.map(\.key) == keys)
                #expect(listing.entries.allSatisfy { $0.text == $0.key })
                _ = try await store.commit(StoreTransaction(operations: [.deletePrefix("many/")]))
                #expect(try await store.list(prefix: "").entries.map(\.key) == ["manz"])
                let batch = try #require(try await store.batches(1, prefix: "many/", from: listing.revision + 1).first)
                #expect(batch.events == keys.map { .delete(key: $0) })
            }
        }

        @Test("keys are told apart and ordered by their bytes, and values are any", arguments: StoreKind.allCases)
        func bytes(kind: StoreKind) async throws {
            try await kind.withStore { store in
                // Twice "é", which Swift holds to be the same text.
                let keys = [
                    "\u{0}", "a", "a\u{0}b", "a/", "a\n\"\\", "e\u{301}", "z", "\u{7f}", "\u{e9}", "\u{ffff}",
                    "\u{1f54a}",
                ]
                let values = keys.indices.map { [UInt8](repeating: UInt8(255 - $0), count: $0) }
                for (key, value) in zip(keys, values).reversed() {
                    _ = try await store.commit(StoreTransaction(operations: [.put(key: key, value: value)]))
                }
                let listing = try await store.list(prefix: "")
                let sorted = zip(keys, values).sorted { $0.0.utf8.lexicographicallyPrecedes($1.0.utf8) }
                #expect(listing.entries.map { Array($0.key.utf8) } == sorted.map { Array($0.0.utf8) })
                #expect(listing.entries.map(\.value) == sorted.map(\.1))
                #expect(try await store.get("e\u{301}")?.value == values[5])
                #expect(try await store.get("\u{e9}")?.value == values[8])
                #expect(try await store.list(prefix: "a").entries.count == 4)
            }
        }

        @Test("a value of 1 MiB is kept, and many of them are one listing", arguments: StoreKind.allCases)
        func large(kind: StoreKind) async throws {
            try await kind.withStore { store in
                let value = (0..<StoreLimits.valueBytes).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
                var revision: StoreRevision = 0
                for number in 0..<20 {
                    let outcome = try await store.commit(
                        StoreTransaction(
                            compares: [.absent("large/\(number)")],
                            operations: [.put(key: "large/\(number)", value: value)]))
                    revision = try #require(outcome.revision)
                }
                let listing = try await store.list(prefix: "large/")
                #expect(listing.entries.count == 20 && listing.entries.allSatisfy { $0.value == value })
                let batches = try await store.batches(20, prefix: "large/", from: revision - 19)
                #expect(batches.map(\.revision) == Array(revision - 19...revision))
                #expect(batches.allSatisfy { $0.events.count == 1 })
            }
        }

        @Test("what is too much is refused, and nothing of it happens", arguments: StoreKind.allCases)
        func limits(kind: StoreKind) async throws {
            try await kind.withStore { store in
                let many = (0..<129).map { StoreOperation.put(key: "\($0)", value: []) }
                let half = [UInt8](repeating: 0, count: 700_000)
                let refused: [StoreTransaction] = [
                    StoreTransaction(operations: many),
                    StoreTransaction(compares: (0..<129).map { .absent("\($0)") }, operations: []),
                    StoreTransaction(operations: [.put(key: "a", value: half + half)]),
                    StoreTransaction(operations: [.put(key: "a", value: half), .put(key: "b", value: half)]),
                    StoreTransaction(operations: [.put(key: "", value: [])]),
                    StoreTransaction(operations: [.put(key: String(repeating: "k", count: 1_025), value: [])]),
                    StoreTransaction(operations: [.put(key: "a", value: []), .delete(key: "a")]),
                    StoreTransaction(operations: [.put(key: "a/b", value: []), .deletePrefix("a/")]),
                ]
                for transaction in refused {
                    let error = await storeError { _ = try await store.commit(transaction) }
                    guard case .refused(let problem) = error else {
                        Issue.record("\(String(describing: error)) for \(transaction.operations.count) operations")
                        continue
                    }
                    #expect(problem.code == .storeLimit)
                }
                let listing = try await store.list(prefix: "")
                #expect(listing.entries.isEmpty)
                // What fits exactly.
                let key = String(repeating: "k", count: StoreLimits.keyBytes)
                let most = StoreTransaction(
                    compares: (0..<128).map { .absent("\($0)") },
                    operations: Array(many.dropLast(2)) + [.put(key: key, value: [])])
                #expect(try await store.commit(most).revision != nil)
            }
        }
    }
}
