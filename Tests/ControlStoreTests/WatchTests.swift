// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ControlStore
import MeshTesting
import Testing

extension StorePromises {
    @Suite("Watches")
    struct WatchTests {
        @Test("what is past and what comes is one stream, in order", arguments: StoreKind.allCases)
        func order(kind: StoreKind) async throws {
            try await kind.withStore { store in
                let first = try await store.put("w/a", "1")
                try await store.put("elsewhere", "1")
                try await store.delete("w/a")
                async let told = within { try await store.batches(5, prefix: "w/", from: first) }
                try await store.put("w/b", "2")
                try await store.put("w0", "beyond")
                _ = try await store.commit(
                    StoreTransaction(operations: [.put(key: "w/d", value: [0x34]), .put(key: "w/c", value: [0x33])]))
                let last = try await store.put("w/a", "5")
                let batches = try await told
                #expect(
                    batches.map { $0.events.map(\.text) } == [
                        ["+w/a=1"], ["-w/a"], ["+w/b=2"], ["+w/d=4", "+w/c=3"], ["+w/a=5"],
                    ])
                #expect(batches.map(\.revision) == [first, first + 2, first + 3, first + 5, last])
                guard case .put(let entry) = batches[4].events[0] else { return }
                // It was deleted in between.
                #expect(entry.createRevision == last)
            }
        }

        @Test("a slow consumer misses nothing", arguments: StoreKind.allCases)
        func slow(kind: StoreKind) async throws {
            try await kind.withStore { store in
                let first = try await store.put("w", "0")
                var watch = store.watch(prefix: "w", from: first).makeAsyncIterator()
                #expect(try await watch.next()?.revision == first)
                for number in 1...500 { try await store.put("w", "\(number)") }
                for number in 1...500 {
                    let batch = try await watch.next()
                    #expect(batch?.revision == first + Int64(number))
                    #expect(batch?.events.map(\.text) == ["+w=\(number)"])
                }
            }
        }

        @Test("what was compacted is said to be, and the rest stays", arguments: StoreKind.allCases)
        func compaction(kind: StoreKind) async throws {
            try await kind.withStore { store in
                let first = try await store.put("c/a", "1")
                try await store.put("c/b", "1")
                try await store.delete("c/b")
                let kept = try await store.put("c/a", "2")
                try await store.delete("c/a")
                try await store.put("c/z", "1")
                try await store.compact(before: kept)
                // Twice is as good as once.
                try await store.compact(before: kept)
                #expect(try await store.list(prefix: "c/", at: kept).entries.map(\.text) == ["2"])
                let batches = try await within { try await store.batches(3, prefix: "c/", from: kept) }
                #expect(batches.map { $0.events.map(\.text) } == [["+c/a=2"], ["-c/a"], ["+c/z=1"]])
                #expect(try await store.list(prefix: "c/").entries.map(\.key) == ["c/z"])
                // Also from a revision that is just gone: the deletion of `c/b` would be missing.
                for from in [first, kept - 1] {
                    let error = await storeError {
                        _ = try await within { try await store.batches(1, prefix: "c/", from: from) }
                    }
                    guard case .compacted(let oldest) = error else {
                        Issue.record("\(String(describing: error)) from \(from)")
                        continue
                    }
                    #expect(oldest >= from && oldest <= kept)
                }
                let gone = await storeError { _ = try await store.list(prefix: "c/", at: first) }
                guard case .compacted(let oldest) = gone else {
                    Issue.record("\(String(describing: gone))")
                    return
                }
                #expect(oldest > first)
                #expect(await storeError { try await store.compact(before: kept + 1_000) } == .futureRevision)
            }
        }

        @Test("a watch that waits ends with its task, and with the store", arguments: StoreKind.allCases)
        func ending(kind: StoreKind) async throws {
            try await kind.withStore { store in
                let revision = try await store.put("a", "1")
                let cancelled = Task { try await store.batches(1, prefix: "a", from: revision + 1) }
                let closed = Task { await storeError { _ = try await store.batches(2, prefix: "a", from: revision) } }
                cancelled.cancel()
                let told = try? await within { try await cancelled.value }
                #expect(told == nil || told == [])
                await store.close()
                #expect(try await within { await closed.value } == .closed)
                #expect(await storeError { _ = try await store.get("a") } == .closed)
                #expect(await storeError { _ = try await store.commit(StoreTransaction(operations: [])) } == .closed)
            }
        }

        @Test("a watch from a revision that the store has not come to says so", arguments: StoreKind.allCases)
        func future(kind: StoreKind) async throws {
            try await kind.withStore { store in
                let revision = try await store.put("a", "1")
                let error = await storeError {
                    _ = try await within { try await store.batches(1, prefix: "a", from: revision + 100_000) }
                }
                #expect(error == .futureRevision)
            }
        }
    }
}
