// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation

/// A process and those it has started, nginx has a worker beside its master, and what they cost together.
package enum ProcessFamily {
    /// The process itself first.
    package static func of(_ process: Int32) -> [Int32] {
        let children = (try? String(contentsOfFile: "/proc/\(process)/task/\(process)/children", encoding: .utf8)) ?? ""
        return [process] + children.split(separator: " ").compactMap { Int32($0) }
    }

    /// Ends all of them, the parent first, which would start others.
    package static func kill(_ process: Int32) {
        for process in of(process) { _ = Foundation.kill(process, SIGKILL) }
    }

    /// User and system time of all processes and threads, in seconds. The clock of a process counts what the scheduler
    /// counts, in nanoseconds, and the threads that have ended too; utime and stime in /proc are the same in ticks of 10 ms.
    package static func processorTime(_ process: Int32) throws -> Double {
        try of(process).reduce(0) { sum, process in
            var clock = clockid_t()
            var time = timespec()
            guard clock_getcpuclockid(process, &clock) == 0, clock_gettime(clock, &time) == 0 else {
                throw BenchmarkFailure("process \(process) has ended")
            }
            return sum + Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
        }
    }

    /// Resident bytes. Of several processes the largest counts whole and the others with what they do not share.
    package static func residentBytes(_ process: Int32) throws -> Double {
        let sizes = try of(process).map { process in
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
