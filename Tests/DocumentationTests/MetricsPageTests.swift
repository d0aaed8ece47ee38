// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import MeshTesting
import Telemetry
import Testing

@Suite("The page of metrics")
struct MetricsPageTests {
    @Test("docs/metrics.md says what the catalogue says; `make docs` writes it")
    func page() throws {
        try GoldenFile("metrics.md", in: "../../docs").expect(MetricsPage.text)
    }

    @Test("names and units are as Prometheus asks", arguments: Metric.allCases)
    func names(metric: Metric) {
        #expect(metric.name.hasPrefix("weft_") || metric.name.hasPrefix("process_"))
        #expect((metric.kind == .counter) == metric.name.hasSuffix("_total"))
        if metric.kind == .histogram { #expect(metric.name.hasSuffix("_seconds")) }
        #expect(metric.help.hasSuffix("."))
    }

    @Test("a label with listed values never says anything else")
    func values() throws {
        var counters = DataPlaneCounters()
        for direction in TrafficDirection.allCases {
            for reason in PlaintextReason.allCases { counters[direction].plaintext.add(1, reason) }
            for detected in DetectedProtocol.allCases { counters[direction].detected.add(1, detected) }
        }
        for spoken in [DetectedProtocol.http1, .http2] {
            let client = SocketAddress(.v4(IPv4Address(bits: 1)), 1)
            var record = RequestRecord(
                connection: 1, direction: .outbound, client: client, startedAt: Instant(nanoseconds: 0))
            record.spoken = spoken
            counters.finish(record)
        }
        for limit in BreakerLimit.allCases {
            let service = ResourceReference(name: .defaultNamespace)
            counters.requests.refuse(limit, service, now: Instant(nanoseconds: 0))
        }
        var writer = ExpositionWriter()
        writer.write(counters)
        let sample = #/(\w+)\{(.*)\} .*/#
        var count = 0
        for match in writer.text.split(separator: "\n").compactMap({ $0.wholeMatch(of: sample) }) {
            guard let metric = Metric(rawValue: String(match.1)) else { continue }
            for pair in match.2.split(separator: ",") {
                let words = pair.split(separator: "=", maxSplits: 1).map { $0.filter { $0 != "\"" } }
                let label = try #require(metric.labels.first { $0.name == words[0] }, "\(metric.name) \(words[0])")
                #expect(label.values.isEmpty || label.values.contains(words[1]), "\(metric.name) \(pair)")
                count += 1
            }
        }
        #expect(count > 70)
    }
}

/// The page as it should be.
enum MetricsPage {
    static var text: String {
        var text = """
            # Metrics

            Made from the source by `make docs`; do not edit.

            `GET /metrics`, in the Prometheus text format: see [admin.md](admin.md). Labels come from closed sets, from what an
            operator configured, or from identities that an authority of the mesh has given; no peer can make a series. A
            sample that has never counted is left out where its labels are not all listed here, and those about requests are
            left out again [when they have not counted for long](admin.md#series-about-requests).

            | metric | type | labels | meaning |
            |---|---|---|---|

            """
        for metric in Metric.allCases {
            let labels = metric.labels.map { "`\($0.name)`" }.joined(separator: ", ")
            text += "| `\(metric.name)` | \(metric.kind.rawValue) | \(labels) | \(metric.help) |\n"
        }
        text += "\n## Labels\n\n| label | of | values | meaning |\n|---|---|---|---|\n"
        var seen: Set<String> = []
        for metric in Metric.allCases {
            for label in metric.labels where seen.insert(label.name + label.meaning).inserted {
                let users = Metric.allCases.filter {
                    $0.labels.contains { $0.name == label.name && $0.meaning == label.meaning }
                }
                let isEverywhere = users.count > 3
                let names = isEverywhere ? "several" : users.map { "`\($0.name)`" }.joined(separator: " ")
                let values = label.values.map { "`\($0)`" }.joined(separator: " ")
                text += "| `\(label.name)` | \(names) | \(values) | \(label.meaning) |\n"
            }
        }
        return text
    }
}
