// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// What is known of one endpoint from using it: how busy it is with our connections and requests, how fast it answers, and
/// whether it fails.
///
/// It is ejected, that is left out for a while, for one of three reasons: connects that failed in a row, requests that
/// failed in a row, or too few requests that succeeded. Each ejection is twice as long as the one before; what proves that
/// the reason is gone makes the next one short again.
package struct EndpointHealth: Sendable {
    private enum Cause {
        /// A connect that succeeds proves it wrong at once.
        case connects
        /// A request that succeeds after the return proves it gone.
        case errors
        /// An interval with enough successes after the return proves it gone.
        case successRate
    }

    /// However long an endpoint wants to be left alone, it is asked again after this.
    private static let restMax = Duration.seconds(60)

    package private(set) var activeCount = 0
    private(set) var tally = EndpointTally()
    private(set) var latency = LatencyEstimate()
    private(set) var restingUntil: Instant?
    /// When it was given a request last.
    private var triedAt: Instant?

    private var consecutiveFailures = 0
    private var consecutiveErrors = 0
    private var ejections = 0
    private var cause: Cause?
    package private(set) var ejectedUntil: Instant?

    private var intervalStart: Instant?
    private var intervalSuccesses = 0
    private var intervalRequests = 0

    /// What the last checks of it have said.
    var isUnhealthy = false

    package init() {}

    /// It gets nothing as long as there are others.
    func isLeftOut(now: Instant) -> Bool { isUnhealthy || isEjected(now: now) }

    package func isEjected(now: Instant) -> Bool { ejectedUntil.map { now < $0 } ?? false }

    /// It has asked to be left alone until later.
    func isResting(now: Instant) -> Bool { restingUntil.map { now < $0 } ?? false }

    /// What one more request would find: the time of an answer, times those that are before it and itself. One that has
    /// failed and rests since costs nothing, now and then: somebody has to find out whether it still does.
    func cost(now: Instant) -> Double {
        if activeCount == 0, let pause = latency.probeAfter, let triedAt, now - triedAt >= pause { return 0 }
        return latency.value(isBusy: activeCount > 0, now: now) * Double(activeCount + 1)
    }

    /// What is before one more request and itself, where endpoints differ in what they can take.
    func load(weight: Int) -> Double { Double(activeCount) / Double(max(1, weight)) + 1 }

    // MARK: What is under way

    package mutating func begin() { activeCount += 1 }

    package mutating func finish() {
        precondition(activeCount > 0, "A connection that ends has begun.")
        activeCount -= 1
    }

    /// Brings what decays with time up to `now`.
    mutating func settle(now: Instant) { latency.settle(isBusy: activeCount > 0, now: now) }

    /// It is given a request.
    mutating func begin(now: Instant) {
        triedAt = now
        begin()
    }

    // MARK: Connects

    package mutating func succeed() {
        tally.noteReached()
        consecutiveFailures = 0
        guard cause == .connects else { return }
        forgive()
        ejectedUntil = nil
    }

    /// A connect failed; true if the endpoint is ejected by it. Each ejection is twice as long as the one before.
    package mutating func fail(_ settings: EjectionSettings, mayEject: Bool, now: Instant) -> Bool {
        tally.noteUnreachable()
        if consecutiveFailures < settings.consecutiveFailures { consecutiveFailures += 1 }
        guard mayEject, consecutiveFailures >= settings.consecutiveFailures, !isEjected(now: now) else { return false }
        eject(settings, for: .connects, now: now)
        // One failure after its return is enough to send it away again, for longer.
        consecutiveFailures = max(0, settings.consecutiveFailures - 1)
        return true
    }

    // MARK: Requests

    /// A request is over; true if the endpoint is ejected by it. `mayEject` is asked for an error only.
    mutating func record(
        _ result: RequestResult, latency: Duration, _ settings: EjectionSettings, mayEject: Bool, now: Instant
    ) -> Bool {
        tally.note(result)
        switch result {
        case .success: self.latency.record(latency, now: now)
        case .serverError: self.latency.penalise(latency, now: now)
        case .overloaded: self.latency.record(max(latency, LatencyEstimate.penalty), now: now)
        case .cancelled: return false
        }
        if let retryAfter = result.retryAfter, retryAfter > .zero {
            restingUntil = max(restingUntil ?? now, now + min(retryAfter, Self.restMax))
        }
        // What was sent before the ejection, or in need, is no news: it would make the ejections longer or shorter by
        // chance.
        guard !isEjected(now: now) else { return false }
        switch result {
        case .success:
            count(isSuccess: true, settings, now: now)
            consecutiveErrors = 0
            if cause == .errors { forgive() }
            return false
        case .serverError:
            count(isSuccess: false, settings, now: now)
            return judge(settings, mayEject: mayEject, now: now)
        case .overloaded, .cancelled: return false
        }
    }

    /// After an error.
    private mutating func judge(_ settings: EjectionSettings, mayEject: Bool, now: Instant) -> Bool {
        if consecutiveErrors < settings.consecutiveErrors { consecutiveErrors += 1 }
        let isAllErrors = settings.consecutiveErrors > 0 && consecutiveErrors >= settings.consecutiveErrors
        let hasFewSuccesses =
            intervalRequests >= max(1, settings.requestsMin)
            && intervalSuccesses * 100 < settings.successPercentMin * intervalRequests
        guard mayEject, isAllErrors || hasFewSuccesses else { return false }
        eject(settings, for: isAllErrors ? .errors : .successRate, now: now)
        consecutiveErrors = isAllErrors ? settings.consecutiveErrors - 1 : 0
        intervalStart = nil
        return true
    }

    private mutating func count(isSuccess: Bool, _ settings: EjectionSettings, now: Instant) {
        if let intervalStart, now - intervalStart < settings.interval {
            intervalRequests += 1
            intervalSuccesses += isSuccess ? 1 : 0
            return
        }
        let isGood = intervalSuccesses * 100 >= settings.successPercentMin * intervalRequests
        if cause == .successRate, intervalStart != nil, isGood { forgive() }
        intervalStart = now
        intervalRequests = 1
        intervalSuccesses = isSuccess ? 1 : 0
    }

    // MARK: Ejections

    private mutating func eject(_ settings: EjectionSettings, for cause: Cause, now: Instant) {
        let factor = 1 << min(ejections, 16)
        ejectedUntil = now + min(settings.base * factor, settings.longest)
        ejections = min(ejections + 1, 16)
        self.cause = cause
    }

    private mutating func forgive() {
        ejections = 0
        cause = nil
    }
}
