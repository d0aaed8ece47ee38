// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ControlStore
internal import LinuxSystem
internal import MeshModel

/// What of this replica is true only while it runs: its session, a key with a lease, and what belongs to that. Where the
/// lease is lost, as after the store was away for long, a new one is taken and all of it written again.
///
/// Who is connected here is written down without the lease, and with the name of the session: that the session has ended is
/// judged by whoever reads it, who may know better (``Membership``).
actor LeaseHolder {
    /// Of this process; no other ever has it.
    nonisolated let session: String
    private let store: any Store
    private let replica: ResourceName
    private var lease: LeaseID?
    private var granting: Task<Result<LeaseID, StoreError>, Never>?
    /// What is to be there as long as we are.
    private var entries: [String: Entry] = [:]

    private struct Entry {
        let value: [UInt8]
        let isLeased: Bool
    }

    /// Long enough for a store that restarts, short enough that the endpoints of a dead replica are not called for long.
    static let timeToLive: Duration = .seconds(10)

    init(_ store: any Store, replica: ResourceName) {
        self.store = store
        self.replica = replica
        var random = KernelRandom()
        session = Hexadecimal.text(of: (0..<8).map { _ in UInt8.random(in: 0...255, using: &random) })
    }

    func current() async throws(StoreError) -> LeaseID {
        if let lease { return lease }
        let task = granting ?? Task { await grant() }
        granting = task
        return try await task.value.get()
    }

    /// A lease, with the session that it keeps. One at a time: the session's key would end with the wrong one.
    private func grant() async -> Result<LeaseID, StoreError> {
        defer { granting = nil }
        do throws(StoreError) {
            let granted = try await store.grantLease(timeToLive: Self.timeToLive)
            let key = StoreKeys.session(session)
            let value = Array(replica.text.utf8)
            _ = try await store.commit(StoreTransaction(operations: [.put(key: key, value: value, lease: granted)]))
            lease = granted
            return .success(granted)
        } catch {
            return .failure(error)
        }
    }

    /// False from the moment on when the lease may have ended until there is another: who is connected here may not count.
    private(set) var isHeld = true

    /// Writes what is to be there as long as we are, in the place of what anybody else has written. `isLeased`: it goes by
    /// itself when we go.
    func put(_ key: String, _ value: [UInt8], isLeased: Bool) async throws(StoreError) {
        entries[key] = Entry(value: value, isLeased: isLeased)
        let lease = try await current()
        do throws(StoreError) {
            let operation = StoreOperation.put(key: key, value: value, lease: isLeased ? lease : nil)
            _ = try await store.commit(StoreTransaction(operations: [operation]))
        } catch .leaseLost {
            // `keep` writes it with the others.
        }
    }

    /// It is not written again where it has gone.
    func forget(_ key: String, _ value: [UInt8]) {
        if entries[key]?.value == value { entries[key] = nil }
    }

    /// Takes out what anybody has written there. Where the store does not do it, who wrote it does, when he misses the proxy.
    func withdraw(_ key: String) async {
        entries[key] = nil
        _ = try? await store.commit(StoreTransaction(operations: [.delete(key: key)]))
    }

    /// Takes back what we have written, and leaves what another replica has written there since.
    func remove(_ key: String, _ value: [UInt8]) async throws(StoreError) {
        forget(key, value)
        // The room of those who have left is given back.
        if entries.capacity > 1024, entries.count < entries.capacity / 4 {
            entries = Dictionary(uniqueKeysWithValues: entries.map { ($0.key, $0.value) })
        }
        // What is left ends with the session.
        guard !isEnding else { return }
        _ = try await store.commit(
            StoreTransaction(compares: [.holds(key, value)], operations: [.delete(key: key)]))
    }

    /// Keeps the lease until the task is cancelled. `held` is called each time that there is another, `lost` each time that it
    /// could not be kept.
    func keep(held: @Sendable () async -> Void, lost: @Sendable () async -> Void) async {
        while !Task.isCancelled {
            guard let lease = try? await current() else {
                try? await Task.sleep(for: .seconds(1))
                continue
            }
            isHeld = true
            for (key, entry) in entries {
                // Who has come back to another replica in the meantime is that one's.
                let operation = StoreOperation.put(key: key, value: entry.value, lease: entry.isLeased ? lease : nil)
                _ = try? await store.commit(StoreTransaction(compares: [.absent(key)], operations: [operation]))
            }
            await held()
            _ = await store.keepLease(lease, timeToLive: Self.timeToLive)
            if self.lease == lease { self.lease = nil }
            guard !Task.isCancelled else { return }
            isHeld = false
            await lost()
        }
    }

    private var isEnding = false

    /// From now on nothing is taken back: whoever was connected here is given the rest of the lease to come to another
    /// replica, and stays an endpoint until then.
    func end() { isEnding = true }
}
