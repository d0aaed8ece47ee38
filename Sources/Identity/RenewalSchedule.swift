// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// When a certificate is renewed: at a random moment between half and three quarters of its life, so that a mesh that was
/// started at once does not renew at once; after a failure again, ever more seldom.
///
/// The wall clock is looked at once, when the certificate is taken; from then on the monotonic clock counts, so that a clock
/// that is set does not renew too early or too late.
package struct RenewalSchedule: Sendable {
    private static let earliest = 0.5
    private static let latest = 0.75
    private static let firstRetry = Duration.seconds(2)
    private static let longestRetry = Duration.seconds(300)
    /// Whom the control plane tells to renew do so within this time, each at a moment of its own.
    private static let spread = Duration.seconds(5)

    /// When to ask for the next certificate.
    package private(set) var due: Instant
    /// From here on somebody should know that it could not be had.
    package let overdue: Instant
    package private(set) var failures = 0
    private let end: Instant

    /// For a certificate that is in force from `now` on. What of its life has passed before counts, but not the time before
    /// it was made: a minute's certificate would be due when it comes.
    package init(
        notBefore: WallTime, notAfter: WallTime, wallNow: WallTime, now: Instant,
        using random: inout some RandomNumberGenerator
    ) {
        let whole = notAfter - notBefore
        let early = CertificateValidity.backdating
        let begin = whole > early ? notBefore + early : notBefore
        let life = max(.zero, notAfter - begin)
        let passed = min(life, max(.zero, wallNow - begin))
        due = now + max(.zero, life * Double.random(in: Self.earliest...Self.latest, using: &random) - passed)
        overdue = now + max(.zero, life * 0.8 - passed)
        end = now + (life - passed)
    }

    /// The control plane has asked for it.
    package mutating func hasten(now: Instant, using random: inout some RandomNumberGenerator) {
        let moment = now + Self.spread * Double.random(in: 0...1, using: &random)
        if moment < due { due = moment }
    }

    /// It could not be had; `due` is the next try, with full jitter, and sooner the less of the life is left.
    package mutating func failed(now: Instant, using random: inout some RandomNumberGenerator) {
        failures += 1
        let left = max(.zero, end - now) / 10
        let longest = min(Self.longestRetry, Self.firstRetry * (1 << min(failures, 10)), max(Self.firstRetry, left))
        due = now + max(.milliseconds(500), longest * Double.random(in: 0...1, using: &random))
    }

    package func isOverdue(now: Instant) -> Bool { now >= overdue }
}
