// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// What endpoints weigh where they do not all weigh the same.
struct EndpointWeights: Sendable {
    /// No single one counts for more: a thousand of them fit into any sum made here, many times.
    private static let weightMax = 1_000_000

    private let weights: [Int]
    /// The sum of all weights up to and with each, to draw by halving.
    private let ends: [Int]

    /// Nil where all are equal, or there are none.
    init?(_ weights: [Int]) {
        guard let first = weights.first, weights.contains(where: { $0 != first }) else { return nil }
        self.weights = weights.map { min(max(1, $0), Self.weightMax) }
        var sum = 0
        ends = self.weights.map { weight in
            sum += weight
            return sum
        }
    }

    var count: Int { weights.count }

    subscript(_ index: Int) -> Int { weights[index] }

    /// One of all by weight, but not `spared`; nil if there is no other. O(log n).
    func draw(sparing spared: Int?, using random: inout some RandomNumberGenerator) -> Int? {
        let total = ends.last ?? 0
        guard let spared else { return place(of: Int.random(in: 0..<total, using: &random)) }
        guard total > weights[spared] else { return nil }
        let point = Int.random(in: 0..<(total - weights[spared]), using: &random)
        let start = ends[spared] - weights[spared]
        return place(of: point < start ? point : point + weights[spared])
    }

    /// Whose part of the sum a point lies in.
    private func place(of point: Int) -> Int {
        var (low, high) = (0, ends.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if ends[middle] > point { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// What an endpoint draws in weighted rendezvous hashing (Schindelhauer, Schomaker 2005): -ln(u) divided by its weight,
    /// where u is its number as a fraction of one. The lowest of all wins, each in proportion to its weight; a change of one
    /// weight moves only what comes to that endpoint or leaves it.
    static func lot(_ number: UInt64, weight: Int) -> Double { negativeLogarithm(number) / Double(weight) }

    /// -ln((number + 1) / 2^64). This layer has no mathematics library, and the result has to be the same everywhere: plain
    /// arithmetic is, by IEEE 754.
    static func negativeLogarithm(_ number: UInt64) -> Double {
        let zeros = number.leadingZeroBitCount
        // The fraction is m * 2^(-zeros - 1) with m from 1 to 2. Within the precision of a Double the one that is added does
        // not matter but for zero, whose logarithm would be endless.
        guard zeros < 64 else { return 64 * logarithmOfTwo }
        let mantissa = Double(number << UInt64(zeros)) / 9_223_372_036_854_775_808
        // ln m = 2 artanh((m - 1) / (m + 1)); the argument is at most a third, so that 16 terms are more than enough.
        let argument = (mantissa - 1) / (mantissa + 1)
        let square = argument * argument
        var power = argument
        var sum = 0.0
        for term in 0..<16 {
            sum += power / Double(2 * term + 1)
            power *= square
        }
        return max(0, Double(zeros + 1) * logarithmOfTwo - 2 * sum)
    }

    private static let logarithmOfTwo = 0.693_147_180_559_945_3
}
