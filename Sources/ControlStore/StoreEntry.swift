// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// The name of a lease; it is never given again.
package struct LeaseID: Hashable, Sendable, CustomStringConvertible {
    package let number: Int64

    package init(number: Int64) { self.number = number }

    package var description: String {
        let digits = String(UInt64(bitPattern: number), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// A key with its value.
package struct StoreEntry: Hashable, Sendable {
    package let key: String
    package let value: [UInt8]

    /// The revision in which the key came to be; another after it was deleted and put again.
    package let createRevision: StoreRevision

    /// The revision of the last put.
    package let modRevision: StoreRevision

    /// The lease that the key ends with.
    package let lease: LeaseID?

    package init(
        key: String, value: [UInt8], createRevision: StoreRevision, modRevision: StoreRevision, lease: LeaseID?
    ) {
        self.key = key
        self.value = value
        self.createRevision = createRevision
        self.modRevision = modRevision
        self.lease = lease
    }
}

/// The entries below a prefix in one revision.
package struct StoreListing: Hashable, Sendable {
    /// Ordered by the bytes of their keys.
    package let entries: [StoreEntry]

    /// The state that was read. A watch from the next one continues it.
    package let revision: StoreRevision

    package init(entries: [StoreEntry], revision: StoreRevision) {
        self.entries = entries
        self.revision = revision
    }
}

/// What happened to a key.
package enum StoreEvent: Hashable, Sendable {
    /// It was created or replaced.
    case put(StoreEntry)
    /// It was deleted, by somebody or with its lease.
    case delete(key: String)

    package var key: String {
        switch self {
        case .put(let entry): entry.key
        case .delete(let key): key
        }
    }
}

/// What one commit changed below the prefix of a watch.
package struct StoreEvents: Hashable, Sendable {
    package let revision: StoreRevision
    /// At least one; no key is there twice.
    package let events: [StoreEvent]

    package init(revision: StoreRevision, events: [StoreEvent]) {
        self.revision = revision
        self.events = events
    }
}
