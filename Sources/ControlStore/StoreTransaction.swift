// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// What must hold for a transaction to happen.
package enum StoreCompare: Hashable, Sendable {
    /// There is no such key.
    case absent(String)
    /// The key is as it was when it was read; 0 stands for no key.
    case unchanged(String, modRevision: StoreRevision)
    /// The key has not been deleted since it was created in that revision, whatever its value is now.
    case created(String, createRevision: StoreRevision)
    /// The key has this value.
    case holds(String, [UInt8])

    package var key: String {
        switch self {
        case .absent(let key), .unchanged(let key, _), .created(let key, _), .holds(let key, _): key
        }
    }

    /// The key is as this entry shows it.
    package static func unchanged(_ entry: StoreEntry) -> StoreCompare {
        .unchanged(entry.key, modRevision: entry.modRevision)
    }

    func holds(for entry: StoreEntry?) -> Bool {
        switch self {
        case .absent: entry == nil
        case .unchanged(_, let revision): (entry?.modRevision ?? 0) == revision
        case .created(_, let revision): (entry?.createRevision ?? 0) == revision
        case .holds(_, let value): entry?.value == value
        }
    }
}

/// One step of a transaction.
package enum StoreOperation: Hashable, Sendable {
    /// Creates or replaces. Without a lease the key stays for good, also where it had one before.
    case put(key: String, value: [UInt8], lease: LeaseID? = nil)
    /// Nothing happens where there is no such key.
    case delete(key: String)
    /// Deletes every key below a prefix, which may be none.
    case deletePrefix(String)
}

/// Operations that happen together, as one revision, if what is compared holds.
package struct StoreTransaction: Hashable, Sendable {
    package var compares: [StoreCompare]
    package var operations: [StoreOperation]

    package init(compares: [StoreCompare] = [], operations: [StoreOperation]) {
        self.compares = compares
        self.operations = operations
    }
}

/// What a transaction came to.
package enum StoreOutcome: Hashable, Sendable {
    /// It has happened and is kept; the revision is that of the change. Where nothing was there to be changed the revision
    /// is the one it was before.
    case committed(StoreRevision)
    /// A comparison did not hold and nothing has happened: the entries that the compared keys have now, ordered by key; one
    /// that is missing does not exist.
    case conflict([StoreEntry])

    package var revision: StoreRevision? {
        if case .committed(let revision) = self { revision } else { nil }
    }
}

/// What fits into a store. etcd as it comes takes 128 operations and 1.5 MiB in one request, keys and framing included; both
/// kinds of store keep to that, so that what was tried with one works with the other.
package enum StoreLimits {
    package static let operations = 128
    package static let compares = 128
    package static let keyBytes = 1_024
    package static let valueBytes = 1 << 20
    /// All keys and values of a transaction.
    package static let transactionBytes = 5 << 18
}

extension StoreTransaction {
    /// Refuses what one of the two kinds of store could not do.
    func check() throws(StoreError) {
        guard operations.count <= StoreLimits.operations, compares.count <= StoreLimits.compares else {
            throw .refused(
                Problem(
                    .storeLimit,
                    "a transaction of \(operations.count) operations and \(compares.count) comparisons",
                    remedy: "it may have \(StoreLimits.operations) of each"))
        }
        var bytes = 0
        for compare in compares {
            try Self.check(key: compare.key)
            bytes += 2 * compare.key.utf8.count
            if case .holds(_, let value) = compare { bytes += value.count }
        }
        var prefixes: [[UInt8]] = []
        var keys: Set<[UInt8]> = []
        for operation in operations {
            let key: String
            switch operation {
            case .put(let name, let value, _):
                guard value.count <= StoreLimits.valueBytes else {
                    throw .refused(
                        Problem(
                            .storeLimit, at: name, "a value of \(value.count) bytes",
                            remedy: "a value may have \(StoreLimits.valueBytes)"))
                }
                bytes += value.count
                key = name
            case .delete(let name): key = name
            case .deletePrefix(let prefix):
                prefixes.append(Array(prefix.utf8))
                bytes += prefix.utf8.count
                continue
            }
            try Self.check(key: key)
            bytes += key.utf8.count
            guard keys.insert(Array(key.utf8)).inserted else { throw Self.touchedTwice(key) }
        }
        // What would come of both depends on their order, which etcd does not want to know.
        for operation in operations {
            guard case .put(let key, _, _) = operation else { continue }
            if prefixes.contains(where: { key.utf8.starts(with: $0) }) { throw Self.touchedTwice(key) }
        }
        guard bytes <= StoreLimits.transactionBytes else {
            throw .refused(
                Problem(
                    .storeLimit, "a transaction of \(bytes) bytes",
                    remedy: "its keys and values may have \(StoreLimits.transactionBytes) together"))
        }
    }

    private static func check(key: String) throws(StoreError) {
        guard (1...StoreLimits.keyBytes).contains(key.utf8.count) else {
            throw .refused(
                Problem(
                    .storeLimit, "a key of \(key.utf8.count) bytes", remedy: "a key has 1 to \(StoreLimits.keyBytes)"))
        }
    }

    private static func touchedTwice(_ key: String) -> StoreError {
        .refused(Problem(.storeLimit, at: key, "a transaction touches a key twice", remedy: "make it one operation"))
    }
}
