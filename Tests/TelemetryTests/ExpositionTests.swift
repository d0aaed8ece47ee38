// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import Telemetry
import Testing

@Suite("The Prometheus text format")
struct ExpositionTests {
    @Test("a family has its help, its type and a line for each sample")
    func family() {
        var writer = ExpositionWriter()
        writer.family(
            "weft_x_total", .counter, "What it is.",
            [([("direction", "inbound")], "1"), ([("direction", "outbound"), ("code", "a")], "2")])
        writer.single("weft_y", .gauge, "Another.", -3)
        writer.family("weft_absent", .gauge, "Never seen.", [])
        #expect(
            writer.text == """
                # HELP weft_x_total What it is.
                # TYPE weft_x_total counter
                weft_x_total{direction="inbound"} 1
                weft_x_total{direction="outbound",code="a"} 2
                # HELP weft_y Another.
                # TYPE weft_y gauge
                weft_y -3

                """)
    }

    @Test(
        "label values are escaped",
        arguments: [
            ("plain", "plain"), (#"a\b"#, #"a\\b"#), (#"say "no""#, #"say \"no\""#), ("a\nb", #"a\nb"#),
            ("\\\n\"", #"\\\n\""#), ("größer {}=,", "größer {}=,"), ("", ""),
        ])
    func escaping(_ value: String, _ expected: String) {
        var writer = ExpositionWriter()
        writer.family("m", .gauge, "h", [([("l", value)], "0")])
        #expect(writer.text.hasSuffix("m{l=\"\(expected)\"} 0\n"))
        #expect(writer.text.split(separator: "\n").count == 3)
    }

    @Test(
        "seconds are decimal, without rounding",
        arguments: [
            (Int64(0), "0"), (1, "0.000000001"), (250_000, "0.00025"), (1_000_000_000, "1"), (1_500_000_000, "1.5"),
            (-1_500_000_000, "-1.5"), (3_600_000_000_000, "3600"), (.max, "9223372036.854775807"),
            (.min, "-9223372036.854775808"),
        ])
    func seconds(_ nanoseconds: Int64, _ expected: String) {
        #expect(ExpositionWriter.seconds(nanoseconds) == expected)
    }

    @Test("a histogram is cumulative, and its last bucket is its count")
    func histogram() {
        var histogram = Histogram(bounds: [.milliseconds(1), .milliseconds(10)])
        for microseconds in [500, 1000, 1001, 9999, 10_000, 10_001, 50_000] {
            histogram.observe(.microseconds(microseconds))
        }
        var writer = ExpositionWriter()
        writer.histogram("d_seconds", "How long.", [([("role", "x")], histogram)])
        #expect(
            writer.text == """
                # HELP d_seconds How long.
                # TYPE d_seconds histogram
                d_seconds_bucket{role="x",le="0.001"} 2
                d_seconds_bucket{role="x",le="0.01"} 5
                d_seconds_bucket{role="x",le="+Inf"} 7
                d_seconds_sum{role="x"} 0.082501
                d_seconds_count{role="x"} 7

                """)
    }

    @Test("a time that went backwards counts as none, and no sum traps")
    func extremes() {
        var histogram = Histogram(bounds: Histogram.durationBounds)
        histogram.observe(.seconds(-5))
        #expect(histogram.counts[0] == 1 && histogram.sum == 0)
        for _ in 0..<3 { histogram.observe(.seconds(Int64.max)) }
        #expect(histogram.counts.last == 3)
        #expect(Histogram.durationBounds == Histogram.durationBounds.sorted())
    }
}
