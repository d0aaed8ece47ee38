// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// What a load generator tells of one measurement, as a line of JSON.
struct LoadResult: Codable {
    /// Answers that came whole.
    var answers = 0
    /// Bytes of bodies and heads received.
    var bytes = 0
    var seconds = 0.0
    /// Microseconds from the request (or, with a connection for each, from the connect) to the last byte of the answer.
    var median = 0.0
    var percentile99 = 0.0
    var worst = 0.0

    /// Takes the latencies, in nanoseconds and any order.
    mutating func take(latencies: [Int64]) {
        guard !latencies.isEmpty else { return }
        let sorted = latencies.sorted()
        func at(_ share: Double) -> Double {
            Double(sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))]) / 1000
        }
        (median, percentile99, worst) = (at(0.5), at(0.99), at(1))
    }
}
