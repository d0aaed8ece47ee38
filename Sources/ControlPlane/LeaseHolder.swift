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

    /// False from the moment on when the lease may have ended until there is another: whatever is written with it could be
    /// gone at once.
    private(set) var isHeld = true

    /// Writes what is to be there as long as we are, in the place of what anybody else has written.
    func put(_ key: String, _ value: [UInt8]) async throws(StoreError) {
        entries[key] = value
        let lease = try await current()
        do throws(StoreError) {
            _ = try await store.commit(StoreTransaction(operations: [.put(key: key, value: value, lease: lease)]))
        } catch .leaseLost {
            // `keep` writes it with the others.
        }
    }

    /// Takes back what we have written, and leaves what another replica has written there since.
    func remove(_ key: String, _ value: [UInt8]) async throws(StoreError) {
        if entries[key] == value { entries[key] = nil }
        // The room of those who have left is given back.
        if entries.capacity > 1024, entries.count < entries.capacity / 4 {
            entries = Dictionary(uniqueKeysWithValues: entries.map { ($0.key, $0.value) })
        }
        // What is left ends with the lease.
        guard !isEnding else { return }
        _ = try await store.commit(
            StoreTransaction(compares: [.holds(key, value)], operations: [.delete(key: key)]))
    }

    /// Keeps the lease until the task is cancelled. `lost` is called each time that it could not be kept.
    func keep(lost: @Sendable () async -> Void) async {
        while !Task.isCancelled {
            guard let lease = try? await current() else {
                try? await Task.sleep(for: .seconds(1))
                continue
            }
            isHeld = true
            for (key, value) in entries {
                // Who has come back to another replica in the meantime is that one's.
                let operation = StoreOperation.put(key: key, value: value, lease: lease)
                _ = try? await store.commit(StoreTransaction(compares: [.absent(key)], operations: [operation]))
            }
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
