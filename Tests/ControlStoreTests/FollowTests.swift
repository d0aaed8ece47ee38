// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ControlStore
import MeshTesting
import Testing

extension StorePromises {
    @Suite("Following")
    struct FollowTests {
        @Test(
            "a copy that follows is the same in the end, also after history was compacted",
            arguments: StoreKind.allCases)
        func copy(kind: StoreKind) async throws {
            try await kind.withStore { store in
                try await store.put("f/a", "1")
                var following = store.follow(prefix: "f/").makeAsyncIterator()
                guard case .state(let first) = try await following.next() else {
                    Issue.record("It does not begin with a state.")
                    return
                }
                #expect(first.entries.map(\.key) == ["f/a"])
                try await store.put("f/b", "2")
                guard case .events(let batch) = try await following.next() else {
                    Issue.record("A change is not told as one.")
                    return
                }
                #expect(batch.events.map(\.text) == ["+f/b=2"] && batch.revision == first.revision + 1)
                var copy = Dictionary(uniqueKeysWithValues: first.entries.map { ($0.key, $0.text) })
                copy["f/b"] = "2"
                // More than anything buffers, and compacted before it was read.
                for number in 0..<300 { try await store.put("f/\(number % 7)", "\(number)") }
                let last = try await store.delete("f/a")
                try await store.compact(before: last)
                var revision: StoreRevision = 0
                while revision < last {
                    switch try #require(try await following.next()) {
                    case .state(let listing):
                        copy = Dictionary(uniqueKeysWithValues: listing.entries.map { ($0.key, $0.text) })
                        revision = listing.revision
                    case .events(let batch):
                        for event in batch.events {
                            switch event {
                            case .put(let entry): copy[entry.key] = entry.text
                            case .delete(let key): copy[key] = nil
                            }
                        }
                        revision = batch.revision
                    }
                }
                let now = try await store.list(prefix: "f/")
                #expect(copy == Dictionary(uniqueKeysWithValues: now.entries.map { ($0.key, $0.text) }))
                #expect(copy.count == 8 && copy["f/a"] == nil)
            }
        }
    }
}
