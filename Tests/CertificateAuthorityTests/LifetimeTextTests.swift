// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import Testing

@Suite("Lifetimes as text")
struct LifetimeTextTests {
    @Test(
        "days go with the other units, and back",
        arguments: [
            ("90d", 90 * 86_400), ("1d12h", 129_600), ("24h", 86_400), ("1h2m3s", 3723), ("1d1h1m1s1ms", 90_061),
        ])
    func parse(_ text: String, seconds: Int64) throws {
        #expect(try #require(DurationText.parseLifetime(text)).components.seconds == seconds)
    }

    @Test(
        "what is no lifetime", arguments: ["", "1", "d", "-1d", "1.5d", "1y", "1d ", "100000d", "1d1h1m1s1ms1d", "1D"])
    func refused(_ text: String) {
        #expect(DurationText.parseLifetime(text) == nil)
    }

    @Test("configuration knows no days")
    func noDays() {
        #expect(DurationText.parse("1d") == nil)
        #expect(DurationText.parse("24h") == .seconds(86_400))
        #expect(DurationText.text(.seconds(86_400)) == "24h")
    }

    @Test(
        "whole days are said first", arguments: [(86_400, "1d"), (3650 * 86_400, "3650d"), (90_000, "1d1h"), (0, "0s")])
    func text(seconds: Int64, _ text: String) {
        #expect(DurationText.lifetimeText(.seconds(seconds)) == text)
    }
}
