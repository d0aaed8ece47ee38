// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Dispatch
internal import GRDB
internal import LinuxSystem
internal import MeshModel

/// The store of one control plane: a file.
///
/// A commit that has returned survives the end of the process and of the machine's power (``SQLiteFile``). Statements run on
/// threads of GRDB, so that nobody who waits for the disk keeps a thread of Swift's own.
package final class SQLiteStore: Store {
    package let path: String
    private let pool: DatabasePool
    private let lock: Descriptor
    private let changes: ChangeSignal
    private let leases: LeaseTimer

    /// Opens or makes the file at a path; its directory must exist.
    package static func open(path: String) async throws(StoreError) -> SQLiteStore {
        // Nothing else may call into the disk from a thread that tasks share.
        let result: Result<SQLiteStore, StoreError> = await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(
                    returning: Result { () throws(StoreError) in try SQLiteStore(path: path) })
            }
        }
        let store = try result.get()
        await store.leases.start { [weak store] lease throws(StoreError) in try await store?.end(lease) }
        return store
    }

    private init(path: String) throws(StoreError) {
        self.path = path
        lock = try SQLiteFile.lock(path)
        pool = try SQLiteFile.open(path)
        do {
            let (revision, known) = try pool.read { db in
                (try SQLiteTables(db: db).revision(), try SQLiteTables(db: db).leases())
            }
            changes = ChangeSignal(revision)
            // How long each had left is not known; its holder, if still there, will come within its time.
            leases = LeaseTimer(known)
        } catch {
            throw StoreError(sqlite: error, path: path)
        }
    }

    package func get(_ key: String) async throws(StoreError) -> StoreEntry? {
        try await read { tables in try tables.entry(key) }
    }

    package func list(
        prefix: String, at revision: StoreRevision?
    ) async throws(StoreError) -> StoreListing {
        let range = KeyRange(prefix: prefix)
        return try await read { tables in
            let newest = try tables.revision()
            guard let revision, revision != newest else {
                return StoreListing(entries: try tables.entries(in: range), revision: newest)
            }
            guard revision < newest else { throw StoreError.futureRevision }
            let compacted = try tables.compacted()
            guard revision >= compacted else { throw StoreError.compacted(oldest: compacted) }
            return StoreListing(entries: try tables.entries(in: range, at: revision), revision: revision)
        }
    }

    package func commit(_ transaction: StoreTransaction) async throws(StoreError) -> StoreOutcome {
        try transaction.check()
        return try await write { tables in
            let compared = try transaction.compares.map { ($0, try tables.entry($0.key)) }
            guard compared.allSatisfy({ $0.holds(for: $1) }) else {
                return .conflict(compared.compactMap(\.1).toldOnce)
            }
            let old = try tables.revision()
            var hasChanged = false
            for operation in transaction.operations {
                switch operation {
                case .put(let key, let value, let lease):
                    if let lease, try !tables.hasLease(lease) { throw StoreError.leaseLost(lease) }
                    try tables.put(key, value, lease, at: old + 1)
                    hasChanged = true
                case .delete(let key):
                    if try tables.delete(key, at: old + 1) { hasChanged = true }
                case .deletePrefix(let prefix):
                    if try tables.delete(KeyRange(prefix: prefix), at: old + 1) { hasChanged = true }
                }
            }
            if hasChanged { try tables.set("revision", old + 1) }
            return .committed(hasChanged ? old + 1 : old)
        }
    }

    package func watch(prefix: String, from revision: StoreRevision) -> StoreWatch {
        let watch = SQLiteWatch(store: self, range: KeyRange(prefix: prefix), from: max(revision, 1))
        return StoreWatch { try await watch.next() }
    }

    /// What a watch has missed, and the revision up to which it has missed nothing else; waits until there is something.
    func events(
        in range: KeyRange, from revision: StoreRevision
    ) async throws(StoreError) -> (batches: [StoreEvents], newest: StoreRevision) {
        guard revision <= changes.revision + 1 else { throw .futureRevision }
        try await changes.wait(for: revision)
        let (batches, newest) = try await read { tables in
            let compacted = try tables.compacted()
            guard revision > compacted else { throw StoreError.compacted(oldest: compacted) }
            let batches = try tables.events(in: range, from: revision, commits: 64)
            // A full answer may not be the last.
            let newest = batches.count < 64 ? nil : batches.last?.revision
            return (batches, try newest ?? tables.revision())
        }
        // A commit can be seen here a moment before it has told of itself; who goes on from it is not ahead of the store.
        changes.advance(to: newest)
        return (batches, newest)
    }

    package func grantLease(timeToLive: Duration) async throws(StoreError) -> LeaseID {
        let lease = LeaseID(number: .random(in: 1...(.max)))
        let seconds = timeToLive.wholeSeconds
        // Timed before it is written: should nobody get to know that it was, it ends all the same.
        await leases.add(lease, .seconds(seconds))
        try await write { tables in
            try tables.run("INSERT INTO leases (id, seconds) VALUES (?, ?)", [lease.number, seconds])
        }
        return lease
    }

    package func keepAlive(_ lease: LeaseID) async throws(StoreError) -> Bool {
        if changes.isClosed { throw .closed }
        return await leases.renew(lease)
    }

    package func revoke(_ lease: LeaseID) async throws(StoreError) {
        try await end(lease)
        await leases.remove(lease)
    }

    private func end(_ lease: LeaseID) async throws(StoreError) {
        try await write { tables in
            let keys = try tables.keys(of: lease)
            let next = try tables.revision() + 1
            for key in keys { _ = try tables.delete(key, at: next) }
            if !keys.isEmpty { try tables.set("revision", next) }
            try tables.run("DELETE FROM leases WHERE id = ?", [lease.number])
        }
    }

    package func compact(before revision: StoreRevision) async throws(StoreError) {
        try await write { tables in
            guard revision <= (try tables.revision()) + 1 else { throw StoreError.futureRevision }
            if revision - 1 > (try tables.compacted()) { try tables.set("compacted", revision - 1) }
        }
        // In pieces, so that commits need not wait for all of it.
        while try await write({ tables in try tables.sweep(rows: 2_000) }) {}
    }

    package func releaseMemory() async { pool.releaseMemoryEventually() }

    package func close() async {
        changes.close()
        await leases.stop()
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                try? self.pool.close()
                self.lock.unlock()
                continuation.resume()
            }
        }
    }

    private func read<Value: Sendable>(
        _ body: @Sendable (SQLiteTables) throws -> Value
    ) async throws(StoreError) -> Value {
        if changes.isClosed { throw .closed }
        do {
            return try await pool.read { db in try body(SQLiteTables(db: db)) }
        } catch {
            throw StoreError(sqlite: error, path: path)
        }
    }

    /// One transaction; watches are told when it is on the disk.
    private func write<Value: Sendable>(
        _ body: @Sendable (SQLiteTables) throws -> Value
    ) async throws(StoreError) -> Value {
        if changes.isClosed { throw .closed }
        do {
            return try await pool.write { [changes] db in
                let tables = SQLiteTables(db: db)
                let value = try body(tables)
                let revision = try tables.revision()
                // Also where the task is cancelled at the last moment, and nobody takes the value.
                db.afterNextTransaction { _ in changes.advance(to: revision) }
                return value
            }
        } catch {
            throw StoreError(sqlite: error, path: path)
        }
    }
}
