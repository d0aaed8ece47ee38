// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// The number of a state of the whole store. Each commit that changes something raises it; the numbers are the store's own
/// and mean nothing outside it.
package typealias StoreRevision = Int64

/// Where the control plane keeps what must outlive it: keys and values with one revision over all of them.
///
/// ```
/// list at R ──▶ the state R ──▶ watch from R+1 ──▶ every commit after R, once, in order
///     ▲                                  │
///     └────────── compacted ─────────────┘
/// ```
///
/// Two kinds keep the same promises, and one suite of tests holds both to them: ``SQLiteStore``, one file for one process,
/// and ``EtcdStore``, several replicas over etcd.
///
/// - A commit that has returned is on the disk. Reads see every commit that returned before they began.
/// - Where a commit fails with ``StoreError/uncertain(_:)`` it may have happened. Whoever tries again must compare.
/// - Keys are text of 1 to 1,024 bytes of UTF-8 and are told apart and ordered by these bytes: the two spellings of "é" are
///   two keys.
/// - A lease lives as long as somebody keeps it alive; then its keys are deleted in one commit, which watches see.
package protocol Store: Sendable {
    /// The entry of a key as it is now; nil if there is none.
    func get(_ key: String) async throws(StoreError) -> StoreEntry?

    /// Every entry below a prefix, all of one revision, ordered by key; the empty prefix is everything. A revision that is
    /// not nil is one of the past.
    ///
    /// - Throws: ``StoreError/compacted(oldest:)`` where that revision is no longer kept.
    func list(prefix: String, at revision: StoreRevision?) async throws(StoreError) -> StoreListing

    /// Does all of a transaction's operations as one revision if all of its comparisons hold, and else nothing.
    func commit(_ transaction: StoreTransaction) async throws(StoreError) -> StoreOutcome

    /// Every change below a prefix from a revision on, that one included: what is past first, then what comes. It ends only
    /// with an error, all of which are a ``StoreError``; a lost connection is none, the watch goes on behind the scenes
    /// where it stopped. Nothing is read ahead of a consumer that is slow, beyond a few batches.
    ///
    /// After ``StoreError/compacted(oldest:)`` the state has to be listed anew; after ``StoreError/futureRevision`` too: the
    /// store has not come that far, because it was put back to what it was before.
    func watch(prefix: String, from revision: StoreRevision) -> StoreWatch

    /// A lease that ends this long after the last ``keepAlive(_:)``, or somewhat later: whole seconds, from 2 on, are kept.
    func grantLease(timeToLive: Duration) async throws(StoreError) -> LeaseID

    /// Begins a lease's time anew. False where the lease has ended: it cannot be brought back.
    func keepAlive(_ lease: LeaseID) async throws(StoreError) -> Bool

    /// Ends a lease and deletes its keys; nothing happens where it has ended.
    func revoke(_ lease: LeaseID) async throws(StoreError)

    /// Lets go of the history before a revision. Lists and watches from that revision on stay possible.
    func compact(before revision: StoreRevision) async throws(StoreError)

    /// Lets go of memory that only makes the next call faster.
    func releaseMemory() async

    /// Ends everything that is under way. Calls afterwards fail with ``StoreError/closed``.
    func close() async
}

extension Store {
    package func releaseMemory() async {}
}

/// Batches of changes; each is the whole of what one commit changed below the prefix.
package typealias StoreWatch = AsyncThrowingStream<StoreEvents, any Error>

extension Store {
    /// Every entry below a prefix as it is now.
    package func list(prefix: String) async throws(StoreError) -> StoreListing {
        try await list(prefix: prefix, at: nil)
    }
}
