// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import Testing

@Suite("Times as RFC 3339 writes them")
struct TimestampTextTests {
    @Test(
        "read and written again",
        arguments: [
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"),
            ("2026-11-21T05:25:00.123Z", "2026-11-21T05:25:00.123Z"),
            ("2024-02-29T23:59:59Z", "2024-02-29T23:59:59.000Z"), ("2000-03-01T00:00:00Z", "2000-03-01T00:00:00.000Z"),
            ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500Z"),
            ("2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00.000Z"),
            ("2026-12-31T23:30:00-05:30", "2027-01-01T05:00:00.000Z"),
        ])
    func read(_ text: String, _ expected: String) {
        #expect(WallTime(timestamp: text)?.description == expected)
    }

    @Test(
        "refused",
        arguments: [
            "", "2026-11-21", "2026-11-21T05:25Z", "2026-11-21T05:25:00", "2026-11-21 05:25:00Z",
            "2026-11-21t05:25:00z",
            "2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
            "2026-04-31T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z",
            "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00.1234567890Z", "2026-01-01T00:00:00+1:00",
            "2026-01-01T00:00:00Zx", "٢٠٢٦-01-01T00:00:00Z",
        ])
    func refused(_ text: String) {
        #expect(WallTime(timestamp: text) == nil)
    }
}
