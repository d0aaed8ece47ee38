// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Foundation
internal import GRDB
internal import LinuxSystem
internal import MeshModel

/// The file of a store, opened and locked.
///
/// ```
/// PATH       0600, the database; SQLite puts PATH-wal and PATH-shm beside it with the same permissions
/// PATH-lock  0600, empty; locked by the process that has the store
/// ```
///
/// SQLite would let a second process in. But leases are timed in memory and watches are woken in memory, so that the second
/// one would end leases that the first keeps alive: one process has the file, which the kernel holds us to.
enum SQLiteFile {
    /// Holds others off until it is unlocked or this process ends. Makes the file where there is none.
    static func lock(_ path: String) throws(StoreError) -> Descriptor {
        do throws(SystemError) {
            // By its own name, whatever links lead to it.
            let lock = try lockFile((Files.resolved(path) ?? path) + "-lock")
            try makeFile(path)
            return lock
        } catch {
            let isTaken = error.errno == .wouldBlock
            throw .broken(
                isTaken
                    ? Problem(
                        .storeInUse, at: path, "another process has it open",
                        remedy: "stop that one (`fuser \(path)-lock`) or use another file")
                    : Problem(.storeFile, at: path, "\(error)"))
        }
    }

    /// Blocks: it reads the whole file once to see that it is not damaged.
    static func open(_ path: String) throws(StoreError) -> DatabasePool {
        do {
            let pool = try DatabasePool(path: path, configuration: Self.configuration)
            try pool.writeWithoutTransaction { db in
                try Self.demandDurability(db)
                try SQLiteSchema.prepare(db, path: path)
            }
            return pool
        } catch {
            throw StoreError(sqlite: error, path: path)
        }
    }

    private static func lockFile(_ name: String) throws(SystemError) -> Descriptor {
        do throws(SystemError) {
            try Files.create(name, permissions: 0o600, [])
        } catch  where error.errno == .exists {
        }
        return try Files.lockFile(name)
    }

    /// SQLite would make the file with the permissions that the umask leaves.
    private static func makeFile(_ path: String) throws(SystemError) {
        do throws(SystemError) {
            try Files.create(path, permissions: 0o600, [])
            try Files.syncDirectory(Files.directory(of: path))
        } catch  where error.errno == .exists {
            try Files.setPermissions(path, 0o600)
        }
    }

    private static var configuration: GRDB.Configuration {
        var configuration = GRDB.Configuration()
        configuration.label = "weft-store"
        // Nobody else writes; what may hold a lock for a moment is a backup.
        configuration.busyMode = .timeout(10)
        configuration.maximumReaderCount = 4
        // Made anew they would read the schema again, each time that memory is given back.
        configuration.persistentReadOnlyConnections = true
        return configuration
    }

    /// A commit has returned when the log is on the disk. GRDB asks for less in this mode, so this comes after it, and is
    /// looked at.
    private static func demandDurability(_ db: Database) throws {
        try db.execute(sql: "PRAGMA synchronous = FULL")
        let level = try Int.fetchOne(db, sql: "PRAGMA synchronous")
        let mode = try String.fetchOne(db, sql: "PRAGMA journal_mode")
        precondition(level == 2 && mode == "wal", "The store is written through a synchronous write-ahead log.")
    }
}

extension StoreError {
    init(sqlite error: any Error, path: String) {
        switch error {
        case let error as StoreError: self = error
        case is CancellationError: self = .cancelled
        case let error as DatabaseError: self.init(result: error, path: path)
        default: self = .broken(Problem(.storeFile, at: path, "\(error)"))
        }
    }

    private init(result error: DatabaseError, path: String) {
        let words = error.message ?? "\(error.resultCode)"
        switch error.resultCode {
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: self = .broken(Self.corrupt(path, words))
        // The log may hold the commit all the same, and will after a restart.
        case .SQLITE_IOERR: self = .uncertain(Problem(.storeFile, at: path, words))
        case .SQLITE_MISUSE: self = .closed
        case .SQLITE_INTERRUPT, .SQLITE_ABORT: self = .cancelled
        default: self = .broken(Problem(.storeFile, at: path, words))
        }
    }

    static func corrupt(_ path: String, _ words: String) -> Problem {
        Problem(
            .storeCorrupt, at: path, words,
            remedy: "put a backup in its place, or move it away with its -wal and -shm to start anew")
    }
}
