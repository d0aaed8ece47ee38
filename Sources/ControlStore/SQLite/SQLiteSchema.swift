// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import GRDB
internal import MeshModel

/// The tables of the file, and how an older file becomes one of today.
///
/// Every put and every delete is a row of `history`; its `id` grows with the revision and, within one, with the order of the
/// operations. `current` points to the row that each key stands at, so that nothing is stored twice.
enum SQLiteSchema {
    /// "Weft": tells a store from another program's database.
    private static let application = 0x5765_6674

    /// Each step leads from the version that is its index to the next. What has been released is never changed.
    private static let steps: [String] = [
        """
        CREATE TABLE state (name TEXT NOT NULL PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
        INSERT INTO state VALUES ('revision', 0), ('compacted', 0);
        CREATE TABLE history (
            id INTEGER PRIMARY KEY AUTOINCREMENT, revision INTEGER NOT NULL, key BLOB NOT NULL, deleted INTEGER NOT NULL,
            created INTEGER NOT NULL, lease INTEGER, value BLOB NOT NULL);
        CREATE UNIQUE INDEX history_key ON history (key, revision);
        CREATE INDEX history_revision ON history (revision);
        CREATE TABLE current (
            key BLOB NOT NULL PRIMARY KEY, id INTEGER NOT NULL, lease INTEGER) WITHOUT ROWID;
        CREATE INDEX current_lease ON current (lease) WHERE lease IS NOT NULL;
        CREATE TABLE leases (id INTEGER NOT NULL PRIMARY KEY, seconds INTEGER NOT NULL);
        """
    ]

    /// Judges the file and brings it up to date; all of it or nothing.
    static func prepare(_ db: Database, path: String) throws {
        let version = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
        let owner = try Int.fetchOne(db, sql: "PRAGMA application_id") ?? 0
        let tables = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_master") ?? 0
        guard owner == application || (owner == 0 && tables == 0 && version == 0) else {
            throw StoreError.broken(StoreError.corrupt(path, "it is the database of another program"))
        }
        guard version <= steps.count else {
            throw StoreError.broken(
                Problem(
                    .storeNewer, at: path, "its version is \(version), and this program knows \(steps.count)",
                    remedy: "use the program that wrote it, or a backup from before"))
        }
        let verdict = try String.fetchOne(db, sql: "PRAGMA quick_check(1)") ?? ""
        guard verdict == "ok" else { throw StoreError.broken(StoreError.corrupt(path, verdict)) }
        guard version < steps.count else { return }
        try db.inTransaction(.immediate) {
            for step in steps[version...] { try db.execute(sql: step) }
            try db.execute(sql: "PRAGMA application_id = \(application)")
            try db.execute(sql: "PRAGMA user_version = \(steps.count)")
            return .commit
        }
    }
}
