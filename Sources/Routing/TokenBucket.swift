// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// The rate limit of one data thread: so many requests in a time, some of them at once. Exact: no error adds up.
///
/// The credit is counted in parts of a request that make every nanosecond worth a whole number of them: a request costs
/// `interval` in nanoseconds x `share`, a nanosecond earns `requests`. 128 bits hold the product of any two words.
package struct TokenBucket: Sendable {
    private let cost: UInt128
    private let earnedPerNanosecond: UInt128
    private let capacity: UInt128
    private var credit: UInt128
    private var updatedAt: Instant?

    /// A full one for one of `share` data threads; connections are spread over them, so that each has an equal part of the
    /// limit. A burst of less than one request is one, as else none would ever go through.
    package init(_ limit: FilterResource.RateLimit, share: Int) {
        let interval = UInt128(max(1, limit.interval.wholeNanoseconds))
        cost = interval * UInt128(max(1, share))
        earnedPerNanosecond = UInt128(max(0, limit.requests))
        capacity = max(cost, interval * UInt128(max(0, limit.burst)))
        credit = capacity
    }

    /// Nil if the request may go on, which uses it up; else how long until one may, rounded up to a nanosecond.
    package mutating func take(now: Instant) -> Duration? {
        refill(now: now)
        guard credit < cost else {
            credit -= cost
            return nil
        }
        return Self.time(for: cost - credit, earning: earnedPerNanosecond)
    }

    /// An empty bucket is full again after this.
    package var timeToFill: Duration { Self.time(for: capacity, earning: earnedPerNanosecond) }

    private mutating func refill(now: Instant) {
        if let updatedAt, updatedAt < now {
            let elapsed = UInt128(max(0, (now - updatedAt).wholeNanoseconds))
            credit = min(capacity, credit + elapsed * earnedPerNanosecond)
        }
        updatedAt = max(updatedAt ?? now, now)
    }

    private static func time(for credit: UInt128, earning: UInt128) -> Duration {
        guard earning > 0 else { return .nanoseconds(Int64.max) }
        return .nanoseconds(Int64(clamping: (credit + earning - 1) / earning))
    }
}
