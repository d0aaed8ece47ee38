// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// Writes metrics in the Prometheus text format 0.0.4.
package struct ExpositionWriter {
    package private(set) var text = ""

    package init() {}

    /// One sample of a family: labels and value.
    package typealias Sample = (labels: [(name: String, value: String)], value: String)

    /// A metric of the catalogue, which is no histogram, with all its samples.
    package mutating func write(_ metric: Metric, _ samples: [Sample]) {
        check(metric, samples.map(\.labels))
        family(metric.name, metric.kind, metric.help, samples)
    }

    /// A metric of the catalogue with a single sample and no labels.
    package mutating func write(_ metric: Metric, _ value: some BinaryInteger) {
        write(metric, [([], String(value))])
    }

    /// A histogram of the catalogue.
    package mutating func write(
        _ metric: Metric, _ series: [(labels: [(name: String, value: String)], histogram: Histogram)]
    ) {
        check(metric, series.map(\.labels))
        histogram(metric.name, metric.help, series)
    }

    private func check(_ metric: Metric, _ labels: [[(name: String, value: String)]]) {
        assert(
            labels.allSatisfy { $0.map(\.name) == metric.labels.map(\.name) },
            "A metric has the labels that its page tells of.")
    }

    /// A counter or gauge with all its samples; a family without samples is left out.
    package mutating func family(_ name: String, _ kind: Metric.Kind, _ help: String, _ samples: [Sample]) {
        guard !samples.isEmpty else { return }
        header(name, kind.rawValue, help)
        for sample in samples { line(name, sample.labels, sample.value) }
    }

    /// A family with a single sample and no labels.
    package mutating func single(_ name: String, _ kind: Metric.Kind, _ help: String, _ value: some BinaryInteger) {
        family(name, kind, help, [([], String(value))])
    }

    package mutating func histogram(
        _ name: String, _ help: String, _ series: [(labels: [(name: String, value: String)], histogram: Histogram)]
    ) {
        guard !series.isEmpty else { return }
        header(name, "histogram", help)
        for (labels, histogram) in series {
            var count: UInt64 = 0
            for (index, bucket) in histogram.counts.enumerated() {
                count += bucket
                let bound = index < histogram.bounds.count ? Self.seconds(histogram.bounds[index]) : "+Inf"
                line("\(name)_bucket", labels + [("le", bound)], String(count))
            }
            line("\(name)_sum", labels, Self.seconds(histogram.sum))
            line("\(name)_count", labels, String(count))
        }
    }

    /// Nanoseconds as decimal seconds, without binary rounding.
    package static func seconds(_ nanoseconds: Int64) -> String {
        let magnitude = nanoseconds.magnitude
        var fraction = String(magnitude % 1_000_000_000)
        fraction = String(repeating: "0", count: 9 - fraction.utf8.count) + fraction
        while fraction.hasSuffix("0") { fraction.removeLast() }
        let sign = nanoseconds < 0 ? "-" : ""
        return sign + String(magnitude / 1_000_000_000) + (fraction.isEmpty ? "" : ".\(fraction)")
    }

    private mutating func header(_ name: String, _ kind: String, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind)\n"
    }

    private mutating func line(_ name: String, _ labels: [(name: String, value: String)], _ value: String) {
        text += name
        if !labels.isEmpty {
            text += "{" + labels.map { "\($0.name)=\"\(Self.escaped($0.value))\"" }.joined(separator: ",") + "}"
        }
        text += " \(value)\n"
    }

    private static func escaped(_ value: String) -> String {
        var escaped = ""
        for character in value.unicodeScalars {
            switch character {
            case "\\": escaped += "\\\\"
            case "\"": escaped += "\\\""
            case "\n": escaped += "\\n"
            default: escaped.unicodeScalars.append(character)
            }
        }
        return escaped
    }
}
