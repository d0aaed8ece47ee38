// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// A moment on the monotonic clock. Code that decides gets it as a parameter; only drivers read the clock.
///
/// Moments are compared and added to many times for each request, so that all of it is inlined.
public struct Instant: Hashable, Comparable, Sendable {
    /// Since an arbitrary start, never negative.
    @usableFromInline package let nanoseconds: Int64

    @inlinable package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// Later than every other.
    @inlinable package static var never: Instant { Instant(nanoseconds: .max) }

    /// Earlier than.
    @inlinable public static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }

    /// Saturates: a deadline of centuries is "never", not a trap.
    @inlinable package static func + (instant: Instant, duration: Duration) -> Instant {
        let (sum, overflow) = instant.nanoseconds.addingReportingOverflow(duration.wholeNanoseconds)
        return Instant(nanoseconds: overflow ? .max : sum)
    }

    @inlinable package static func - (later: Instant, earlier: Instant) -> Duration {
        .nanoseconds(later.nanoseconds.subtractingReportingOverflow(earlier.nanoseconds).partialValue)
    }
}

extension Duration {
    /// Saturated to what 63 bits hold (292 years).
    @inlinable package var wholeNanoseconds: Int64 {
        // Not by way of `components`, which divides 128 bits twice. Up to eighteen seconds, which is nearly every duration,
        // the attoseconds fit into a word, and a constant then divides it by multiplying.
        if let few = UInt64(exactly: attoseconds) { return Int64(few / 1_000_000_000) }
        return Int64(clamping: attoseconds / 1_000_000_000)
    }

    @inlinable package var wholeMilliseconds: Int64 { wholeNanoseconds / 1_000_000 }
    @inlinable package var wholeMicroseconds: Int64 { wholeNanoseconds / 1_000 }
}

/// A moment on the wall clock, in seconds since 1970; certificates and logs speak of it, nothing measures with it.
package struct WallTime: Hashable, Comparable, Sendable {
    package let nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// Saturates: a certificate "without end" says 9999 (RFC 5280 section 4.1.2.5), which is beyond what 63 bits of
    /// nanoseconds hold.
    package init(seconds: Int64) {
        let (nanoseconds, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        self.nanoseconds = overflow ? (seconds < 0 ? .min : .max) : nanoseconds
    }

    /// Whole seconds, rounded down before 1970 too.
    package var seconds: Int64 { nanoseconds.flooredQuotientAndRemainder(by: 1_000_000_000).quotient }

    package static func < (left: WallTime, right: WallTime) -> Bool { left.nanoseconds < right.nanoseconds }

    package static func + (time: WallTime, duration: Duration) -> WallTime {
        let (sum, overflow) = time.nanoseconds.addingReportingOverflow(duration.wholeNanoseconds)
        return WallTime(nanoseconds: overflow ? .max : sum)
    }

    /// Saturates as the moments do.
    package static func - (later: WallTime, earlier: WallTime) -> Duration {
        let (difference, overflow) = later.nanoseconds.subtractingReportingOverflow(earlier.nanoseconds)
        return .nanoseconds(overflow ? (later < earlier ? .min : .max) : difference)
    }
}

extension WallTime: CustomStringConvertible {
    /// RFC 3339 in UTC with milliseconds, `2026-11-21T05:25:00.123Z`.
    package var description: String {
        let (days, second) = seconds.flooredQuotientAndRemainder(by: 86_400)
        let (year, month, day) = WallTime.date(daysSince1970: days)
        let millisecond = nanoseconds.flooredQuotientAndRemainder(by: 1_000_000_000).remainder / 1_000_000
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let three = "\(millisecond + 1000)".dropFirst()
        return "\(year)-\(two(month))-\(two(day))T\(two(second / 3600)):\(two(second / 60 % 60)):\(two(second % 60))"
            + ".\(three)Z"
    }

    /// The proleptic Gregorian date, by counting in eras of 400 years that begin in March, so that the leap day is last.
    private static func date(daysSince1970 days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let daysPerEra: Int64 = 146_097
        let (era, dayOfEra) = (days + 719_468).flooredQuotientAndRemainder(by: daysPerEra)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }
}

extension Int64 {
    fileprivate func flooredQuotientAndRemainder(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
