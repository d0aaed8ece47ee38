// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import MeshTesting
import Testing

@Suite("Durations as people write them")
struct DurationTextTests {
    @Test(
        "are read and printed",
        arguments: [
            ("5s", "5s"), ("100ms", "100ms"), ("1h30m", "1h30m"), ("90m", "1h30m"), ("1h2m3s4ms", "1h2m3s4ms"),
            ("0s", "0s"), ("0ms", "0s"), ("99999h", "99999h"), ("1500ms", "1s500ms"), ("60s", "1m"),
        ])
    func configuration(_ text: String, _ expected: String) throws {
        let duration = try #require(DurationText.parse(text))
        #expect(DurationText.text(duration) == expected)
        #expect(DurationText.parse(expected) == duration)
    }

    @Test(
        "anything else is none",
        arguments: [
            "", " ", "5", "s", "5 s", " 5s", "5s ", "-5s", "+5s", "1.5s", "5S", "5sec", "1d", "100000s", "5s5", "5µs",
            "5us",
            "5ns", "٥s", "1h1m1s1ms1h", "5s\u{301}", "5\u{ff53}", "1,5s", "0x5s", "5s\0", "1h 30m",
        ])
    func refused(_ text: String) {
        #expect(DurationText.parse(text) == nil)
    }

    @Test(
        "a lifetime knows days",
        arguments: [("90d", "90d"), ("1d12h", "1d12h"), ("36h", "1d12h"), ("1d1h1m1s1ms", "1d1h1m1s1ms")])
    func lifetimes(_ text: String, _ expected: String) throws {
        let duration = try #require(DurationText.parseLifetime(text))
        #expect(DurationText.lifetimeText(duration) == expected)
    }

    @Test("every whole number of milliseconds comes back")
    func roundTrip() throws {
        let seed: UInt64 = 60
        var random = SeededRandom(seed: seed)
        for round in 0..<2000 {
            let duration = Duration.milliseconds(Int64.random(in: 0...99_999 * 3_600_000, using: &random))
            try #require(DurationText.parse(DurationText.text(duration)) == duration, "seed \(seed), round \(round)")
            try #require(
                DurationText.parseLifetime(DurationText.lifetimeText(duration)) == duration,
                "seed \(seed), round \(round)")
        }
    }
}

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

    @Test("are ordered")
    func order() {
        #expect(Instant(nanoseconds: 1) < Instant(nanoseconds: 2) && Instant(nanoseconds: 2) < .never)
        #expect(WallTime(seconds: -1) < WallTime(seconds: 0))
        #expect(WallTime(nanoseconds: -1).seconds == -1)
        #expect(WallTime(nanoseconds: 1_999_999_999).seconds == 1)
    }
}

@Suite("Numbers as people write them")
struct NumberTests {
    @Test(
        "strictly decimal",
        arguments: [
            ("0", UInt64.max, UInt64?(0)), ("7", 7, 7), ("8", 7, nil), ("18446744073709551615", .max, .max),
            ("18446744073709551616", .max, nil), ("99999999999999999999999", .max, nil), ("", .max, nil),
            ("00", .max, nil),
            ("01", .max, nil), ("-1", .max, nil), ("+1", .max, nil), ("1 ", .max, nil), ("1a", .max, nil),
            ("٣", .max, nil),
        ])
    func decimal(_ text: String, _ limit: UInt64, _ expected: UInt64?) {
        #expect(Decimal.parse(text.utf8, atMost: limit) == expected)
    }

    @Test("hexadecimal")
    func hexadecimal() {
        #expect(Hexadecimal.text(of: [0, 0x0f, 0xa5, 0xff]) == "000fa5ff")
        #expect(Hexadecimal.text(of: []) == "")
        for byte in UInt8.min...UInt8.max {
            let expected = Character(UnicodeScalar(byte)).isASCII ? Character(UnicodeScalar(byte)).hexDigitValue : nil
            #expect(Hexadecimal.value(of: byte).map(Int.init) == expected)
        }
    }

    @Test("a trace id is 32 digits")
    func trace() {
        #expect(TraceID(bits: 0xab).description == String(repeating: "0", count: 30) + "ab")
        #expect(TraceID(bits: .max).bits == .max)
        var random = SeededRandom(seed: 1)
        #expect(TraceID(using: &random) != TraceID(using: &random))
    }
}
