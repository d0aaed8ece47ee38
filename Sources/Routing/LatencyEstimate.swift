// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// What an endpoint's next answer is expected to take: a peak EWMA. A slower answer replaces the average at once, faster
/// ones bring it down over seconds, so that the first sign of trouble moves load and one good answer does not move it back.
///
/// Without answers it decays: an idle endpoint to nothing, so that one that was slow once is tried again; one that has
/// something under way not below ``unknown`` (or what it had), so that an endpoint that takes everything and answers
/// nothing never looks fast.
struct LatencyEstimate: Sendable {
    // Chosen by us; nanoseconds. 30 ms is slower than most calls inside a mesh: a new endpoint is tried when the others
    // are busy or after some seconds, and not given everything because nothing is known of it.
    static let unknown = 30_000_000.0
    /// The time constant of the decay.
    static let decay = 10_000_000_000.0
    /// What an error counts as at least: far more than any good answer, so that failing fast attracts nothing.
    static let penalty = Duration.seconds(1)
    /// Half a minute between two looks is the most.
    private static let errorsMax = 6
    /// No answer counts as slower, however long it took.
    private static let longest = 3_600_000_000_000.0

    private var average = unknown
    /// The last word is an error's: what it counted as comes down with good answers, and faster than an average does.
    private var isPenalised = false
    private var errorsInARow = 0
    private var updatedAt: Instant?
    /// The same from answers alone: it begins with the first one and does not decay. Nil without one.
    private(set) var answered: Double?
    private var answeredAt: Instant?

    init() {}

    /// In nanoseconds.
    func value(isBusy: Bool, now: Instant) -> Double {
        guard let updatedAt else { return average }
        let floor = isBusy ? min(average, Self.unknown) : 0
        return floor + (average - floor) * Self.weight(after: now - updatedAt)
    }

    /// Decays to `now`; called before the endpoint turns busy or idle, which decay to different floors. The decay of an
    /// endpoint of which nothing is known begins with the first call.
    mutating func settle(isBusy: Bool, now: Instant) {
        average = value(isBusy: isBusy, now: now)
        updatedAt = max(updatedAt ?? now, now)
    }

    /// An error.
    mutating func penalise(_ latency: Duration, now: Instant) {
        let errors = min(errorsInARow + 1, Self.errorsMax)
        record(max(latency, Self.penalty), now: now)
        isPenalised = true
        errorsInARow = errors
    }

    /// After this long without a request, one whose last answer was an error is asked again: a second, and twice as long
    /// after each error more. Nil where nobody has to be asked.
    var probeAfter: Duration? { isPenalised ? .seconds(1 << max(0, errorsInARow - 1)) : nil }

    mutating func record(_ latency: Duration, now: Instant) {
        let sample = min(max(0, Double(latency.wholeNanoseconds)), Self.longest)
        errorsInARow = 0
        var weight = updatedAt.map { Self.weight(after: now - $0) } ?? 1
        if isPenalised, sample < average {
            weight = min(weight, 0.5)
            // Down to twice what it answers in, the penalty is paid.
            isPenalised = average > 2 * sample
        }
        average = sample >= average ? sample : average * weight + sample * (1 - weight)
        let known = answered ?? 0
        let share = answeredAt.map { Self.weight(after: now - $0) } ?? 0
        answered = sample >= known ? sample : known * share + sample * (1 - share)
        answeredAt = max(answeredAt ?? now, now)
        updatedAt = max(updatedAt ?? now, now)
    }

    /// e^(-elapsed/decay) to a part in a thousand: the eighth power of the first terms of the series for an eighth of it,
    /// as this layer has no mathematics library.
    static func weight(after elapsed: Duration) -> Double {
        let part = max(0, Double(elapsed.wholeNanoseconds)) / decay / 8
        let eighth = 1 + part + part * part / 2 + part * part * part / 6
        let quarter = eighth * eighth
        let half = quarter * quarter
        return 1 / (half * half)
    }
}
