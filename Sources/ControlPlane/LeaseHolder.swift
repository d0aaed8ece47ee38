// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ControlStore
internal import MeshModel

/// The lease of this replica, which everything ends with that is true only while it runs: who is connected here, what they
/// have acknowledged. Where it is lost, as after the store was away for long, a new one is taken and all of it written again.
actor LeaseHolder {
    private let store: any Store
    private var lease: LeaseID?
    /// What is to be there as long as we are.
    private var entries: [String: [UInt8]] = [:]

    /// Long enough for a store that restarts, short enough that the endpoints of a dead replica are not called for long.
    static let timeToLive: Duration = .seconds(10)

    init(_ store: any Store) { self.store = store }

    func current() async throws(StoreError) -> LeaseID {
        if let lease { return lease }
        let granted = try await store.grantLease(timeToLive: Self.timeToLive)
        // Another call may have been faster.
        if let lease { return lease }
        lease = granted
        return granted
    }

    func put(_ key: String, _ value: [UInt8]) async throws(StoreError) {
        entries[key] = value
        let lease = try await current()
        do throws(StoreError) {
            _ = try await store.commit(StoreTransaction(operations: [.put(key: key, value: value, lease: lease)]))
        } catch .leaseLost {
            // `keep` writes it with the others.
        }
    }

    func remove(_ key: String) async throws(StoreError) {
        entries[key] = nil
        _ = try await store.commit(StoreTransaction(operations: [.delete(key: key)]))
    }

    /// Keeps the lease until the task is cancelled.
    func keep() async {
        while !Task.isCancelled {
            guard let lease = try? await current() else {
                try? await Task.sleep(for: .seconds(1))
                continue
            }
            for (key, value) in entries {
                _ = try? await store.commit(StoreTransaction(operations: [.put(key: key, value: value, lease: lease)]))
            }
            _ = await store.keepLease(lease, timeToLive: Self.timeToLive)
            if self.lease == lease { self.lease = nil }
        }
    }

    /// Ends it at once, so that nobody waits for us.
    func revoke() async {
        guard let lease else { return }
        self.lease = nil
        entries = [:]
        try? await store.revoke(lease)
    }
}
