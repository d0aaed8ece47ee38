// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Synchronization

/// The newest revision, and who waits for a newer one.
final class ChangeSignal: Sendable {
    private struct State {
        var revision: StoreRevision
        var isClosed = false
        var nextWaiter = 0
        var waiters: [Int: (revision: StoreRevision, continuation: CheckedContinuation<StoreError?, Never>)] = [:]
    }

    private let state: Mutex<State>

    init(_ revision: StoreRevision) { state = Mutex(State(revision: revision)) }

    var revision: StoreRevision { state.withLock { $0.revision } }
    var isClosed: Bool { state.withLock { $0.isClosed } }

    /// Wakes those who waited for this revision or an older one.
    func advance(to revision: StoreRevision) {
        let woken = state.withLock { state in
            // Two commits may tell of themselves in the wrong order.
            state.revision = max(state.revision, revision)
            let due = state.waiters.filter { $0.value.revision <= state.revision }
            for number in due.keys { state.waiters[number] = nil }
            return due.values.map(\.continuation)
        }
        for continuation in woken { continuation.resume(returning: nil) }
    }

    /// Wakes everybody, for good.
    func close() {
        let woken = state.withLock { state in
            state.isClosed = true
            defer { state.waiters = [:] }
            return state.waiters.values.map(\.continuation)
        }
        for continuation in woken { continuation.resume(returning: .closed) }
    }

    /// Returns when that revision has been made.
    func wait(for revision: StoreRevision) async throws(StoreError) {
        let number = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        let error: StoreError? = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: StoreError?? = state.withLock { state in
                    if state.isClosed { return .some(.closed) }
                    // A cancellation that came before this found nobody to wake.
                    if Task.isCancelled { return .some(.cancelled) }
                    if state.revision >= revision { return .some(nil) }
                    state.waiters[number] = (revision, continuation)
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            let waiter = state.withLock { $0.waiters.removeValue(forKey: number) }
            waiter?.continuation.resume(returning: .cancelled)
        }
        if let error { throw error }
    }
}
