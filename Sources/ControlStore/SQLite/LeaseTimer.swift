// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// When each lease ends. Renewing one touches no disk: what a restart forgets is only how much of its time had passed.
actor LeaseTimer {
    typealias End = @Sendable (LeaseID) async throws(StoreError) -> Void

    private struct Lease {
        let timeToLive: Duration
        var end: ContinuousClock.Instant
        /// Its keys are being deleted; it can no longer be renewed.
        var isEnding = false
    }

    private var leases: [LeaseID: Lease]
    private var end: End?
    private var alarm: Task<Void, Never>?
    private var alarmAt: ContinuousClock.Instant?

    /// Leases found in the file; each has its whole time from now on.
    init(_ known: [LeaseID: Duration]) {
        let now = ContinuousClock.now
        leases = known.mapValues { Lease(timeToLive: $0, end: now + $0) }
    }

    /// From now on leases end; `end` deletes one with its keys.
    func start(_ end: @escaping End) {
        self.end = end
        setAlarm()
    }

    func stop() {
        end = nil
        alarm?.cancel()
    }

    func add(_ lease: LeaseID, _ timeToLive: Duration) {
        leases[lease] = Lease(timeToLive: timeToLive, end: .now + timeToLive)
        setAlarm()
    }

    func remove(_ lease: LeaseID) { leases[lease] = nil }

    /// False where it has ended.
    func renew(_ lease: LeaseID) -> Bool {
        guard var found = leases[lease], !found.isEnding, found.end > .now else { return false }
        found.end = .now + found.timeToLive
        leases[lease] = found
        return true
    }

    /// One alarm, for the lease that ends first. A renewal leaves it as it is: it then finds nothing and is set again.
    private func setAlarm() {
        guard end != nil, let first = leases.values.map(\.end).min() else { return }
        if let alarmAt, alarmAt <= first { return }
        alarm?.cancel()
        alarmAt = first
        alarm = Task { [weak self] in
            do { try await Task.sleep(until: first, clock: .continuous) } catch { return }
            // What has begun is not to be cancelled by an earlier alarm.
            Task { await self?.ring() }
        }
    }

    private func ring() async {
        alarmAt = nil
        let now = ContinuousClock.now
        for (lease, state) in leases where state.end <= now {
            leases[lease]?.isEnding = true
            // Where the disk is full, say: the keys have to go sooner or later.
            leases[lease]?.end = now + .seconds(1)
            guard let end else { return }
            do throws(StoreError) {
                try await end(lease)
                leases[lease] = nil
            } catch {
            }
        }
        setAlarm()
    }
}
