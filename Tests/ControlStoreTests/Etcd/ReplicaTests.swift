// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ControlStore
import Foundation
import Glibc
import MeshTesting
import Synchronization
import Testing

/// ```
///   replica 0 ── member 0 ─┐
///   replica 1 ── member 1 ─┼─ one cluster
///   replica 2 ── member 2 ─┘
/// ```
/// A replica knows its own member only, so that stopping a member cuts the replica off.
@Suite("Replicas over etcd", .serialized)
struct ReplicaTests {
    /// When somebody led.
    private struct Reign {
        let replica: Int
        let began: ContinuousClock.Instant
        var ended: ContinuousClock.Instant?
        /// How often this one has counted.
        var counted = 0
    }

    private final class Chronicle: Sendable {
        private let reigns = Mutex<[Reign]>([])

        var all: [Reign] { reigns.withLock { $0 } }
        /// Who leads, and has done something.
        var present: Int? { all.first { $0.ended == nil && $0.counted > 2 }?.replica }

        func begin(_ replica: Int) { reigns.withLock { $0.append(Reign(replica: replica, began: .now)) } }

        /// Only one leads, or nothing could be counted.
        func count() { reigns.withLock { $0[$0.count - 1].counted += 1 } }

        func end(_ replica: Int) {
            reigns.withLock { reigns in
                guard let index = reigns.lastIndex(where: { $0.replica == replica && $0.ended == nil }) else { return }
                reigns[index].ended = .now
            }
        }
    }

    private static let timeToLive = Duration.seconds(4)

    /// Stands for election again and again; while it leads it counts, under the protection of its leadership.
    private func live(_ replica: Int, _ endpoint: String, _ chronicle: Chronicle) -> Task<Void, Never> {
        Task {
            var settings = EtcdSettings(endpoints: [endpoint])
            settings.callTimeout = .seconds(2)
            settings.watchRenewal = .seconds(1)
            guard let store = try? EtcdStore(settings) else { return }
            while !Task.isCancelled {
                guard let lease = try? await store.grantLease(timeToLive: Self.timeToLive) else { continue }
                await withTaskGroup { group in
                    group.addTask {
                        let error = await store.keepLease(lease, timeToLive: Self.timeToLive)
                        if case .cancelled = error { return }
                        chronicle.end(replica)
                    }
                    group.addTask {
                        guard let leadership = try? await store.campaign(name: "lead", value: [], lease: lease) else {
                            return
                        }
                        chronicle.begin(replica)
                        while !Task.isCancelled, await count(store, leadership, chronicle) {}
                    }
                    await group.next()
                    group.cancelAll()
                }
                chronicle.end(replica)
            }
            await store.close()
        }
    }

    /// False where it turns out that somebody else leads.
    private func count(_ store: EtcdStore, _ leadership: Leadership, _ chronicle: Chronicle) async -> Bool {
        do throws(StoreError) {
            let old = try await store.get("counter")
            let number = (old.flatMap { Int($0.text) } ?? 0) + 1
            let next = StoreTransaction(
                compares: [leadership.isHeld, old.map(StoreCompare.unchanged) ?? .absent("counter")],
                operations: [.put(key: "counter", value: Array("\(number)".utf8))])
            guard try await store.commit(next).revision != nil else { return false }
            chronicle.count()
            return true
        } catch {
            return !Task.isCancelled && error != .closed
        }
    }

    @Test("one of three leads whatever happens: when it is killed, and when it is cut off")
    func handOver() async throws {
        let members = try await EtcdMember.cluster(3)
        let chronicle = Chronicle()
        var replicas = members.indices.map { live($0, members[$0].endpoint, chronicle) }
        defer { for replica in replicas { replica.cancel() } }

        let first = try await eventually("somebody leads", within: .seconds(30)) { chronicle.present }
        // Killed: nothing is given back.
        replicas[first].cancel()
        chronicle.end(first)
        let second = try await eventually("another one leads", within: .seconds(60)) {
            chronicle.present.flatMap { $0 == first ? nil : $0 }
        }
        replicas[first] = live(first, members[first].endpoint, chronicle)

        members[second].send(SIGSTOP)
        let third = try await eventually("one that is not cut off leads", within: .seconds(60)) {
            chronicle.present.flatMap { $0 == second ? nil : $0 }
        }
        #expect(third != second)
        members[second].send(SIGCONT)

        // The one that was cut off knew that it was over before the next one began.
        let reigns = chronicle.all
        for (old, new) in zip(reigns, reigns.dropFirst()) {
            let ended = try #require(old.ended)
            #expect(ended <= new.began, "\(old.replica) and \(new.replica) led together")
        }
        #expect(reigns.count >= 3)

        var settings = EtcdSettings(endpoints: members.map(\.endpoint))
        settings.callTimeout = .seconds(20)
        let store = try EtcdStore(settings)
        // They go on counting, and nobody has counted twice: each put made the number one larger.
        let now = try #require(try await store.get("counter"))
        let history = try await within {
            try await store.batches(Int(now.text) ?? 0, prefix: "counter", from: now.createRevision)
        }
        #expect(history.map { $0.events.first?.text } == (1...history.count).map { "+counter=\($0)" })
        #expect(history.count > 8)
        await store.close()
    }
}
