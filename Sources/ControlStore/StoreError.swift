// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// Why a store did not do what it was asked for.
package enum StoreError: Error, Hashable, Sendable {
    /// The state asked for, or the one before the first change asked for, is no longer kept. The oldest that can be listed is
    /// this one or a later one.
    case compacted(oldest: StoreRevision)
    /// The revision asked for has not been yet.
    case futureRevision
    /// The lease has ended, and its keys with it.
    case leaseLost(LeaseID)
    /// What was asked for can never work: it breaks a limit of ``StoreLimits``. Nothing has happened.
    case refused(Problem)
    /// The store could not be reached. Nothing has happened.
    case unavailable(Problem)
    /// The answer to a write did not come: it may have happened or not.
    case uncertain(Problem)
    /// The store does not let us in.
    case denied(Problem)
    /// The store's file is damaged, in use, unreadable or full, or etcd said something that makes no sense.
    case broken(Problem)
    /// The store has been closed.
    case closed
    /// The task that asked was cancelled. Where that was a write, it may have happened or not.
    case cancelled

    /// What an operator is told.
    package var problem: Problem {
        switch self {
        case .compacted(let oldest):
            Problem(.storeCompacted, "what was asked for is older than revision \(oldest), the oldest that is kept")
        case .futureRevision: Problem(.storeCompacted, "what was asked for is newer than the newest revision")
        case .leaseLost(let lease): Problem(.leaseLost, "lease \(lease) has ended")
        case .refused(let problem), .unavailable(let problem), .uncertain(let problem), .denied(let problem),
            .broken(let problem):
            problem
        case .closed: Problem(.storeUnavailable, "the store has been closed")
        case .cancelled: Problem(.storeUncertain, "a call was cancelled before the store answered")
        }
    }
}

extension StoreError: CustomStringConvertible {
    package var description: String { problem.description }
}

extension StoreError {
    /// A page of a list has more bytes than were asked for; it is asked for again with fewer entries.
    static let answerTooLong = StoreError.broken(Problem(.storeAnswer, "etcd's answer is too long"))
}
