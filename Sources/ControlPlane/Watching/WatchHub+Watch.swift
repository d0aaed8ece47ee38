// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ControlAPI
package import MeshModel

extension WatchHub {
    /// One proxy's watch.
    struct Watch {
        let workload: ResourceReference
        let instance: String
        let identity: SPIFFEID
        var serial: String
        let since: WallTime
        let version: String
        let registration: Registration
        /// The store has yet to be told of it.
        var isRegistrationDue: Bool
        var wants: Wants
        /// What the proxy has, or will have when the update under way has arrived.
        var sent: [String: ResourceDigest]
        var sentRevision: UInt64
        /// What was in force in it when it came; nil for one that had nothing.
        let held: UInt64?
        /// What it would have if it were told everything now.
        var target: [String: ResourceDigest] = [:]
        /// The revision that `target` was made of.
        var evaluated: UInt64 = 0
        var sequence: UInt64 = 0
        /// The update that has not been acknowledged, and the step that it brings.
        var underway: UInt64?
        var step = 0
        /// It has been told the newest before the others are, and is not to be taken back.
        var isAhead = true
        var acknowledgedRevision: UInt64 = 0
        var rejection: Rejected?
        var commonSent = 0
        /// The lists that everybody gets, as far as this one has acknowledged them.
        var commonAcknowledged = -1
        /// A whole update is due: the first, or after one that was rejected.
        var isWholeDue: Bool
        var mustAnswer = false
        var isDirty = true
        var messages: [WatchMessage] = []
        var waiter: CheckedContinuation<Void, Never>?
        /// The revisions that changed something for this proxy, with the update that carries each; the newest few.
        var carried: [(revision: UInt64, sequence: UInt64)] = []
        var isSynced: Bool { underway == nil && !isDirty && rejection == nil }
        /// Nothing is said any more after what is to be said now.
        var isLast = false

        /// True if it had the revision when it came, and is counted as one that has it.
        func hadBrought(_ revision: UInt64, into progress: inout RevisionProgress) -> Bool {
            guard let held, held >= revision else { return false }
            progress.concerned += 1
            progress.acknowledged += 1
            return true
        }
    }

    /// Gives back the room of those who have left.
    package func releaseMemory() {
        guard watches.capacity > 1024, watches.count < watches.capacity / 4 else { return }
        watches = Dictionary(uniqueKeysWithValues: watches.map { ($0.key, $0.value) })
        registrations = Dictionary(uniqueKeysWithValues: registrations.map { ($0.key, $0.value) })
    }
}

extension DeniedPeers {
    package func holds(_ identity: SPIFFEID, serial: String) -> Bool {
        serials.contains(serial) || identities.contains(identity)
    }
}
