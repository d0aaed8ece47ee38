// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// Why a measurement cannot go on.
struct BenchmarkFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
