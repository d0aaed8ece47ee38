// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

extension Store {
    /// Keeps a lease alive until it is lost or the task is cancelled, and says why it ended.
    ///
    /// A process that is cut off from the store cannot be told that its lease has ended, so it has to know by itself: the
    /// time counts from before the last call that was answered, which is never later than the store's own count. A tenth of
    /// it is left for whoever has to stop something now: when this returns, the lease may still be alive for a moment, and
    /// never the other way round. The time should leave room for a call that needs a second endpoint.
    package func keepLease(
        _ lease: LeaseID, timeToLive: Duration, clock: some Clock<Duration> = ContinuousClock()
    ) async -> StoreError {
        // Where one try fails the next ones come quicker.
        let pace = timeToLive / 4
        let useful = timeToLive / 10 * 9
        var aliveUntil = clock.now.advanced(by: useful)
        while true {
            let asked = clock.now
            let limit = aliveUntil
            let answer = await answered(before: limit, clock) { () throws(StoreError) -> Bool in
                try await keepAlive(lease)
            }
            switch answer {
            case .success(true): aliveUntil = asked.advanced(by: useful)
            case .success(false): return .leaseLost(lease)
            case .failure(.closed): return .closed
            case .failure(.cancelled) where Task.isCancelled: return .cancelled
            case .failure: break
            }
            guard clock.now < aliveUntil else { return .leaseLost(lease) }
            let isFresh = aliveUntil == asked.advanced(by: useful)
            let next = asked.advanced(by: isFresh ? pace : pace / 4)
            do {
                try await clock.sleep(until: min(next, aliveUntil), tolerance: nil)
            } catch {
                return .cancelled
            }
            guard clock.now < aliveUntil else { return .leaseLost(lease) }
        }
    }

    /// The answer to a call, or ``StoreError/cancelled`` at a moment from which on it is of no use.
    private func answered<Instants: Clock<Duration>>(
        before limit: Instants.Instant, _ clock: Instants,
        _ call: @escaping @Sendable () async throws(StoreError) -> Bool
    ) async -> Result<Bool, StoreError> {
        await withTaskGroup(of: Result<Bool, StoreError>.self) { group in
            group.addTask {
                do throws(StoreError) {
                    return .success(try await call())
                } catch {
                    return .failure(error)
                }
            }
            group.addTask {
                try? await clock.sleep(until: limit, tolerance: nil)
                return .failure(.cancelled)
            }
            let first = await group.next() ?? .failure(.cancelled)
            group.cancelAll()
            return first
        }
    }
}
