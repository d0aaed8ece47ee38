// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import Testing

@Suite("Moments")
struct MomentTests {
    @Test(
        "as RFC 3339",
        arguments: [
            (Int64(0), "1970-01-01T00:00:00.000Z"), (1_795_238_700_123_999_999, "2026-11-21T05:25:00.123Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00.000Z"),
            (4_107_542_399_999_000_000, "2100-02-28T23:59:59.999Z"),
            (4_107_542_400_000_000_000, "2100-03-01T00:00:00.000Z"),
            (1_735_689_599_000_000_000, "2024-12-31T23:59:59.000Z"),
            (-1_000_000_000, "1969-12-31T23:59:59.000Z"), (-1_000_000, "1969-12-31T23:59:59.999Z"),
            (-500_000_000, "1969-12-31T23:59:59.500Z"), (.max, "2262-04-11T23:47:16.854Z"),
            (.min, "1677-09-21T00:12:43.145Z"),
        ])
    func text(_ nanoseconds: Int64, _ expected: String) {
        #expect(WallTime(nanoseconds: nanoseconds).description == expected)
    }

    @Test("saturate where they would overflow")
    func saturation() {
        let late = Instant(nanoseconds: .max - 5)
        #expect(late + .seconds(1) == .never)
        #expect(Instant(nanoseconds: 0) + .seconds(Int64.max) == .never)
        #expect(Instant.never + .seconds(1) == .never)
        #expect(Instant(nanoseconds: 10) - Instant(nanoseconds: 25) == .nanoseconds(-15))
        let (first, last) = (WallTime(seconds: -62_135_596_800), WallTime(seconds: 253_402_300_799))
        #expect(first.nanoseconds == .min && last.nanoseconds == .max)
        #expect(last + .seconds(1) == last)
        #expect(last - first == .nanoseconds(Int64.max))
        #expect(first - last == .nanoseconds(Int64.min))
        #expect(Duration.seconds(Int64.max).wholeNanoseconds == .max)
        #expect(Duration.seconds(Int64.min).wholeNanoseconds == .min)
        #expect(Duration.nanoseconds(-1).wholeNanoseconds == -1)
    }

    @Test(
        "a duration in whole nanoseconds loses what is less than one, whatever its size and sign",
        arguments: [
            (Int128(0), Int64(0)), (999_999_999, 0), (1_000_000_000, 1), (-999_999_999, 0), (-1_000_000_000, -1),
            (18_446_744_073_709_551_615, 18_446_744_073), (18_446_744_073_709_551_616, 18_446_744_073),
            (-18_446_744_073_709_551_616, -18_446_744_073), (86_400_000_000_000_000_000_001, 86_400_000_000_000),
            (9_223_372_036_854_775_807_999_999_999, .max), (9_223_372_036_854_775_808_000_000_000, .max),
            (-9_223_372_036_854_775_808_000_000_000, .min), (-9_223_372_036_854_775_809_000_000_000, .min),
        ])
    func wholeNanoseconds(_ attoseconds: Int128, _ expected: Int64) {
        #expect(Duration(attoseconds: attoseconds).wholeNanoseconds == expected)
    }

    @Test("are ordered")
    func order() {
        #expect(Instant(nanoseconds: 1) < Instant(nanoseconds: 2) && Instant(nanoseconds: 2) < .never)
        #expect(WallTime(seconds: -1) < WallTime(seconds: 0))
        #expect(WallTime(nanoseconds: -1).seconds == -1)
        #expect(WallTime(nanoseconds: 1_999_999_999).seconds == 1)
    }
}
