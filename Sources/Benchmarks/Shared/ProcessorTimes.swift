// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation

/// What all processors of this machine have counted so far (proc_stat(5)), in ticks.
package struct ProcessorTimes {
    private let all: UInt64
    private let stolen: UInt64

    package init() throws {
        let text = (try? String(contentsOfFile: "/proc/stat", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("cpu ") } ?? ""
        // user nice system idle iowait irq softirq steal; guests are counted in the first two already.
        let counts = line.split(separator: " ").dropFirst().prefix(8).compactMap { UInt64($0) }
        guard counts.count == 8 else {
            throw BenchmarkFailure("/proc/stat does not begin with the times of all processors")
        }
        all = counts.reduce(0, &+)
        stolen = counts[7]
    }

    /// The share of the processors, 0 to 1, that the host took from this machine since `start` for others.
    package func shareStolen(since start: ProcessorTimes) -> Double {
        // The kernel lets either go back a little at times.
        guard all > start.all, stolen > start.stolen else { return 0 }
        return Double(stolen - start.stolen) / Double(all - start.all)
    }
}
