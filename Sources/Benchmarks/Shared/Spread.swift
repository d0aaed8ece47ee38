// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// Median and range of what was measured in several rounds.
package struct Spread: Codable {
    package let median: Double
    package let lowest: Double
    package let highest: Double

    package init?(_ values: [Double]) {
        let sorted = values.filter(\.isFinite).sorted()
        guard let first = sorted.first, let last = sorted.last else { return nil }
        let middle = sorted.count / 2
        median = sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
        (lowest, highest) = (first, last)
    }

    /// `28.1 (27.4-30.2)`.
    package func text(_ digits: Int) -> String {
        "\(median.text(digits)) (\(lowest.text(digits))-\(highest.text(digits)))"
    }
}

extension Double {
    package func text(_ digits: Int) -> String {
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let scaled = Int((abs(self) * scale).rounded())
        let sign = self < 0 && scaled > 0 ? "-" : ""
        guard digits > 0 else { return "\(sign)\(scaled)" }
        let whole = "\(scaled / Int(scale))"
        let fraction = "\(scaled % Int(scale))"
        return sign + whole + "." + String(repeating: "0", count: digits - fraction.count) + fraction
    }
}
