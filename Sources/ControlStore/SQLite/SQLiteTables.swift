// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Foundation
internal import GRDB

/// The statements of a store; all run on one of the pool's own threads, inside a transaction.
struct SQLiteTables {
    let db: Database

    func revision() throws -> StoreRevision { try number("revision") }
    /// Up to here deletions and what was replaced may be gone.
    func compacted() throws -> StoreRevision { try number("compacted") }

    private func number(_ name: String) throws -> Int64 {
        let statement = try db.cachedStatement(sql: "SELECT number FROM state WHERE name = ?")
        guard let number = try Int64.fetchOne(statement, arguments: [name]) else {
            throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "the row `\(name)` is missing")
        }
        return number
    }

    func set(_ name: String, _ number: Int64) throws {
        try run("UPDATE state SET number = ? WHERE name = ?", [number, name])
    }

    func run(_ sql: String, _ arguments: StatementArguments) throws {
        try db.cachedStatement(sql: sql).execute(arguments: arguments)
    }

    // MARK: Reading

    private static let columns = "history.key, history.value, history.created, history.revision, history.lease"

    func entry(_ key: String) throws -> StoreEntry? {
        let sql = "SELECT \(Self.columns) FROM current JOIN history USING (id) WHERE current.key = ?"
        let row = try Row.fetchOne(db.cachedStatement(sql: sql), arguments: [Data(key.utf8)])
        return row.map(Self.entry)
    }

    func entries(in range: KeyRange) throws -> [StoreEntry] {
        let sql = """
            SELECT \(Self.columns) FROM current JOIN history USING (id)
            WHERE current.key >= ? AND current.key < ? ORDER BY current.key
            """
        return try rows(sql, [Data(range.lower), Data(range.upper)]).map(Self.entry)
    }

    /// What `entries(in:)` said in that revision.
    func entries(in range: KeyRange, at revision: StoreRevision) throws -> [StoreEntry] {
        let sql = """
            SELECT \(Self.columns) FROM history
            WHERE key >= ? AND key < ? AND NOT deleted AND revision = (
                SELECT max(revision) FROM history AS other WHERE other.key = history.key AND other.revision <= ?)
            ORDER BY key
            """
        return try rows(sql, [Data(range.lower), Data(range.upper), revision]).map(Self.entry)
    }

    /// Whole commits from a revision on, a few of them: in this order they were made.
    func events(in range: KeyRange, from revision: StoreRevision, commits limit: Int) throws -> [StoreEvents] {
        // A commit is never cut in two, so what is limited is their number.
        let bounds = """
            SELECT max(revision) FROM (
                SELECT DISTINCT revision FROM history WHERE revision >= ? AND key >= ? AND key < ?
                ORDER BY revision LIMIT ?)
            """
        let lower = Data(range.lower)
        let upper = Data(range.upper)
        let statement = try db.cachedStatement(sql: bounds)
        guard let last = try Int64.fetchOne(statement, arguments: [revision, lower, upper, limit]) else { return [] }
        let sql = """
            SELECT \(Self.columns), deleted FROM history INDEXED BY history_revision
            WHERE revision BETWEEN ? AND ? AND key >= ? AND key < ? ORDER BY id
            """
        var batches: [StoreEvents] = []
        var events: [StoreEvent] = []
        var current: StoreRevision?
        for row in try rows(sql, [revision, last, lower, upper]) {
            let entry = Self.entry(row)
            if let current, current != entry.modRevision {
                batches.append(StoreEvents(revision: current, events: events))
                events = []
            }
            current = entry.modRevision
            events.append(row["deleted"] ? .delete(key: entry.key) : .put(entry))
        }
        if let current { batches.append(StoreEvents(revision: current, events: events)) }
        return batches
    }

    private func rows(_ sql: String, _ arguments: StatementArguments) throws -> [Row] {
        try Row.fetchAll(db.cachedStatement(sql: sql), arguments: arguments)
    }

    private static func entry(_ row: Row) -> StoreEntry {
        let key: Data = row["key"]
        let value: Data = row["value"]
        let lease: Int64? = row["lease"]
        return StoreEntry(
            key: String(decoding: key, as: UTF8.self), value: Array(value), createRevision: row["created"],
            modRevision: row["revision"], lease: lease.map(LeaseID.init(number:)))
    }

    // MARK: Writing

    func put(_ key: String, _ value: [UInt8], _ lease: LeaseID?, at revision: StoreRevision) throws {
        let sql = "SELECT created FROM current JOIN history USING (id) WHERE current.key = ?"
        let created = try Int64.fetchOne(db.cachedStatement(sql: sql), arguments: [Data(key.utf8)])
        try append(key, value, created: created ?? revision, lease, at: revision)
        try run(
            "INSERT OR REPLACE INTO current (key, id, lease) VALUES (?, ?, ?)",
            [Data(key.utf8), db.lastInsertedRowID, lease?.number])
    }

    /// False where there is no such key.
    func delete(_ key: String, at revision: StoreRevision) throws -> Bool {
        try run("DELETE FROM current WHERE key = ?", [Data(key.utf8)])
        guard db.changesCount > 0 else { return false }
        try append(key, [], created: 0, nil, deleted: true, at: revision)
        return true
    }

    /// False where there is nothing.
    func delete(_ range: KeyRange, at revision: StoreRevision) throws -> Bool {
        let keys = try keys(
            "SELECT key FROM current WHERE key >= ? AND key < ?", [Data(range.lower), Data(range.upper)])
        for key in keys { _ = try delete(key, at: revision) }
        return !keys.isEmpty
    }

    /// The keys that end with a lease, in order.
    func keys(of lease: LeaseID) throws -> [String] {
        try keys("SELECT key FROM current WHERE lease = ? ORDER BY key", [lease.number])
    }

    private func keys(_ sql: String, _ arguments: StatementArguments) throws -> [String] {
        try rows(sql, arguments).map { row in
            let key: Data = row["key"]
            return String(decoding: key, as: UTF8.self)
        }
    }

    private func append(
        _ key: String, _ value: [UInt8], created: StoreRevision, _ lease: LeaseID?, deleted: Bool = false,
        at revision: StoreRevision
    ) throws {
        try run(
            "INSERT INTO history (revision, key, deleted, created, lease, value) VALUES (?, ?, ?, ?, ?, ?)",
            [revision, Data(key.utf8), deleted, created, lease?.number, Data(value)])
    }

    // MARK: Leases and history

    func hasLease(_ lease: LeaseID) throws -> Bool {
        let statement = try db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM leases WHERE id = ?)")
        return try Bool.fetchOne(statement, arguments: [lease.number]) ?? false
    }

    func leases() throws -> [LeaseID: Duration] {
        var leases: [LeaseID: Duration] = [:]
        for row in try rows("SELECT id, seconds FROM leases", []) {
            leases[LeaseID(number: row["id"])] = .seconds(row["seconds"] as Int64)
        }
        return leases
    }

    /// Drops some of what is not needed for any revision after the one that was compacted; false where nothing is left.
    func sweep(rows limit: Int) throws -> Bool {
        let sql = """
            DELETE FROM history WHERE id IN (
                SELECT id FROM history AS old WHERE revision <= ?1 AND (deleted OR EXISTS (
                    SELECT 1 FROM history AS other
                    WHERE other.key = old.key AND other.revision > old.revision AND other.revision <= ?1))
                LIMIT ?2)
            """
        try run(sql, [compacted(), limit])
        return db.changesCount > 0
    }
}
