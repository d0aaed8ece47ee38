// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// Why a measurement cannot go on.
package struct BenchmarkFailure: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
