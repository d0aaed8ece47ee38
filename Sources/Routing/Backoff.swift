// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// The pauses before retries: each is drawn from half of a span to the whole of it, and the span doubles, up to 25 times
/// the first. The draw keeps those that failed together from coming back together.
package struct Backoff: Sendable {
    private static let factorMax: Int64 = 25

    private let longest: Int64
    private var span: Int64

    /// `base` is the first span; from nothing to a century.
    package init(base: Duration) {
        span = min(max(0, base.wholeNanoseconds), .max / Self.factorMax)
        longest = span * Self.factorMax
    }

    package mutating func next(using random: inout some RandomNumberGenerator) -> Duration {
        let pause = Int64.random(in: (span - span / 2)...span, using: &random)
        span = span > longest / 2 ? longest : span * 2
        return .nanoseconds(pause)
    }
}
