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
