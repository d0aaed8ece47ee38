// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ControlStore
import MeshTesting
import Testing

extension StorePromises {
    @Suite("Leases and leaders")
    struct LeaseTests {
        @Test("what hangs on a lease goes with it, in one commit that watches see", arguments: StoreKind.allCases)
        func expiry(kind: StoreKind) async throws {
            try await kind.withStore { store in
                let lease = try await store.grantLease(timeToLive: .seconds(2))
                let first = try await store.put("l/b", "1", lease: lease)
                #expect(try await store.get("l/b")?.lease == lease)
                try await store.put("l/a", "1", lease: lease)
                try await store.put("l/freed", "1", lease: lease)
                // Without a lease it stays.
                let last = try await store.put("l/freed", "2")
                let began = ContinuousClock.now
                let batches = try await within { try await store.batches(5, prefix: "l/", from: first) }
                #expect(ContinuousClock.now - began > .seconds(1))
                #expect(batches[4].events == [.delete(key: "l/a"), .delete(key: "l/b")])
                #expect(batches[4].revision > last)
                #expect(try await store.list(prefix: "l/").entries.map(\.key) == ["l/freed"])
                #expect(try await store.keepAlive(lease) == false)
                let late = StoreTransaction(
                    operations: [.put(key: "l/other", value: []), .put(key: "l/c", value: [], lease: lease)])
                #expect(await storeError { _ = try await store.commit(late) } == .leaseLost(lease))
                #expect(try await store.get("l/other") == nil)
            }
        }

        @Test("a lease that is kept alive lives, and a revoked one is gone at once", arguments: StoreKind.allCases)
        func keeping(kind: StoreKind) async throws {
            try await kind.withStore { store in
                let lease = try await store.grantLease(timeToLive: .seconds(2))
                try await store.put("l", "1", lease: lease)
                let keeper = Task { await store.keepLease(lease, timeToLive: .seconds(2)) }
                // Longer than it lives by itself.
                let other = try await store.grantLease(timeToLive: .seconds(5))
                let first = try await store.put("clock", "1", lease: other)
                _ = try await within { try await store.batches(2, prefix: "clock", from: first) }
                #expect(try await store.get("l")?.lease == lease)
                try await store.revoke(lease)
                #expect(try await store.get("l") == nil)
                #expect(try await within { await keeper.value } == .leaseLost(lease))
                #expect(try await store.keepAlive(lease) == false)
                try await store.revoke(lease)
                #expect(try await store.keepAlive(LeaseID(number: 12_345)) == false)
            }
        }

        @Test("one candidate leads, and the next when its lease ends", arguments: StoreKind.allCases)
        func campaign(kind: StoreKind) async throws {
            try await kind.withStore { store in
                let mortal = try await store.grantLease(timeToLive: .seconds(3))
                let first = try await store.campaign(name: "lead", value: Array("first".utf8), lease: mortal)
                #expect(try await store.leader(of: "lead")?.text == "first")
                let guarded = StoreTransaction(compares: [first.isHeld], operations: [.put(key: "work", value: [1])])
                #expect(try await store.commit(guarded).revision != nil)

                let lease = try await store.grantLease(timeToLive: .seconds(60))
                let second = Task { try await store.campaign(name: "lead", value: Array("second".utf8), lease: lease) }
                let third = try await store.grantLease(timeToLive: .seconds(60))
                let abandoned = Task { try await store.campaign(name: "lead", value: [], lease: third) }
                try await eventually("three candidates") {
                    try await store.list(prefix: "lead/").entries.count == 3 ? true : nil
                }
                #expect(try await store.leader(of: "lead")?.text == "first")
                abandoned.cancel()
                await #expect(throws: StoreError.self) { try await within { try await abandoned.value } }
                try await eventually("the cancelled one has left") {
                    try await store.list(prefix: "lead/").entries.count == 2 ? true : nil
                }

                // Nobody keeps the first lease alive.
                let won = try await within { try await second.value }
                #expect(won.createRevision > first.createRevision)
                #expect(try await store.leader(of: "lead")?.text == "second")
                // The old leader, should it still be there, can do nothing.
                #expect(try await store.commit(guarded).revision == nil)
                let allowed = StoreTransaction(compares: [won.isHeld], operations: [.put(key: "work", value: [2])])
                #expect(try await store.commit(allowed).revision != nil)
                try await store.resign(won)
                let left = try await store.list(prefix: "lead/").entries
                #expect(left == [], "\(third), \(won), \(first)")
            }
        }

        @Test("a candidate that is cancelled at any moment leaves nothing behind", arguments: StoreKind.allCases)
        func cancelledCandidacy(kind: StoreKind) async throws {
            try await kind.withStore { store in
                let leader = try await store.grantLease(timeToLive: .seconds(60))
                let first = try await store.campaign(name: "lead", value: [], lease: leader)
                for delay in 0..<20 {
                    let lease = try await store.grantLease(timeToLive: .seconds(60))
                    let candidate = Task { try await store.campaign(name: "lead", value: [], lease: lease) }
                    try await Task.sleep(for: .microseconds(delay * 400))
                    candidate.cancel()
                    await #expect(throws: StoreError.self) { try await within { try await candidate.value } }
                    let left = try await store.list(prefix: "lead/").entries.map(\.key)
                    #expect(left == [first.key], "after \(delay * 400) us")
                }
            }
        }

        @Test("a candidate whose lease ends is told", arguments: StoreKind.allCases)
        func lostCandidacy(kind: StoreKind) async throws {
            try await kind.withStore { store in
                let lease = try await store.grantLease(timeToLive: .seconds(60))
                _ = try await store.campaign(name: "lead", value: [], lease: lease)
                let other = try await store.grantLease(timeToLive: .seconds(60))
                let waiting = Task {
                    await storeError { _ = try await store.campaign(name: "lead", value: [], lease: other) }
                }
                try await eventually("two candidates") {
                    try await store.list(prefix: "lead/").entries.count == 2 ? true : nil
                }
                try await store.revoke(other)
                #expect(try await within { await waiting.value } == .leaseLost(other))
            }
        }

        @Test("eight writers count to 200 together", arguments: StoreKind.allCases)
        func counting(kind: StoreKind) async throws {
            try await kind.withStore { store in
                try await store.put("counter", "0")
                let conflicts = try await withThrowingTaskGroup(of: Int.self) { group in
                    for _ in 0..<8 {
                        group.addTask {
                            var conflicts = 0
                            for _ in 0..<25 {
                                var entry = try #require(try await store.get("counter"))
                                while true {
                                    let number = try #require(Int(entry.text))
                                    let next = StoreTransaction(
                                        compares: [.unchanged(entry)],
                                        operations: [.put(key: "counter", value: Array("\(number + 1)".utf8))])
                                    guard case .conflict(let now) = try await store.commit(next) else { break }
                                    entry = try #require(now.first)
                                    conflicts += 1
                                }
                            }
                            return conflicts
                        }
                    }
                    return try await group.reduce(0, +)
                }
                #expect(try await store.text("counter") == "200")
                // Otherwise nothing was tried.
                #expect(conflicts > 0)
            }
        }
    }
}
