// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation

/// One proxy of a contender: a program with the processes it has started, and what they cost.
final class Hop {
    let child: Child

    init(_ child: Child) { self.child = child }

    var processes: [Int32] { ProcessFamily.of(child.identifier) }

    /// User and system time of all processes and threads, in seconds. The clock of a process counts what the scheduler
    /// counts, in nanoseconds, and the threads that have ended too; utime and stime in /proc are the same in ticks of 10 ms.
    func processorTime() throws -> Double {
        try processes.reduce(0) { sum, process in
            var clock = clockid_t()
            var time = timespec()
            guard clock_getcpuclockid(process, &clock) == 0, clock_gettime(clock, &time) == 0 else {
                throw BenchmarkFailure("process \(process) has ended")
            }
            return sum + Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
        }
    }

    /// Resident bytes. Of several processes the largest counts whole and the others with what they do not share.
    func residentBytes() throws -> Double {
        let sizes = try processes.map { process in
            let path = "/proc/\(process)/smaps_rollup"
            guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
                throw BenchmarkFailure("\(path) cannot be read")
            }
            var kibibytes: [Substring: Double] = [:]
            for line in text.split(separator: "\n").dropFirst() {
                let words = line.split(separator: " ", omittingEmptySubsequences: true)
                if words.count >= 2 { kibibytes[words[0].dropLast()] = Double(words[1]) }
            }
            func of(_ name: Substring) -> Double { (kibibytes[name] ?? 0) * 1024 }
            return (whole: of("Rss"), own: of("Private_Clean") + of("Private_Dirty"))
        }
        guard let largest = sizes.max(by: { $0.whole < $1.whole }) else { return 0 }
        return largest.whole + sizes.reduce(0) { $0 + $1.own } - largest.own
    }
}
