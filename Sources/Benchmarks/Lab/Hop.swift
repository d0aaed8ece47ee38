// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import BenchmarkShared

/// One proxy of a contender: a program with the processes it has started, and what they cost.
final class Hop {
    let child: Child

    init(_ child: Child) { self.child = child }

    /// In seconds.
    func processorTime() throws -> Double { try ProcessFamily.processorTime(child.identifier) }

    func residentBytes() throws -> Double { try ProcessFamily.residentBytes(child.identifier) }
}
