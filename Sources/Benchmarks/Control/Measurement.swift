// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import BenchmarkShared
import Foundation
import LinuxSystem
import MeshModel

/// Measures one part after the other, each with a control plane that was started for it.
struct Measurement {
    private let lab: ControlLab
    private let plan: ControlPlan

    /// Memory is given back with some delay.
    private static let settling = Duration.seconds(15)
    /// As the aim says: so long after all have left.
    private static let absence = Duration.seconds(30)
    /// Longer than any idle connection is kept by those who have limits of a minute.
    private static let quiet = Duration.seconds(75)

    init(_ lab: ControlLab, _ plan: ControlPlan) {
        self.lab = lab
        self.plan = plan
    }

    func run() throws -> ControlResults {
        var results = ControlResults()
        if plan.parts.contains(.certificates) || plan.parts.contains(.proxies) {
            try lab.start("mesh")
            _ = try lab.administrator.apply(MeshDocuments.crowd)
            progress("\(MeshDocuments.services) members join")
            for number in 0..<MeshDocuments.services {
                try lab.join("s\(number)", name: "proxy-\(number)", to: members + "/\(number)")
            }
            if plan.parts.contains(.certificates) { try measureCertificates(&results) }
            lab.stop()
            if plan.parts.contains(.proxies) { try measureProxies(&results) }
        }
        if plan.parts.contains(.sidecar) { results.sidecar = try SidecarMeasurement(lab).run() }
        return results
    }

    private var members: String { "\(lab.directory)/members" }

    // MARK: Certificates

    private func measureCertificates(_ results: inout ControlResults) throws {
        for connections in plan.askers {
            let crowd = try lab.crowd(members, MeshDocuments.services)
            defer { crowd.kill() }
            crowd.write("certificates \(connections) \(plan.seconds)")
            try crowd.expect("ready")
            let before = try lab.controlTime()
            crowd.write("go")
            let words = try crowd.line().split(separator: " ").compactMap { Double($0) }
            guard words.count == 2, words[0] > 0 else { throw BenchmarkFailure("no certificates were issued") }
            let cost = try lab.controlTime() - before
            let sample = ControlResults.Certificates(
                connections: connections, perSecond: words[0] / words[1],
                processorMilliseconds: cost / words[0] * 1000)
            results.certificates.append(sample)
            progress(
                "certificates   \(connections) connections: \(sample.perSecond.text(0))/s, "
                    + "\(sample.processorMilliseconds.text(2)) ms of CPU each")
        }
    }

    // MARK: Proxies

    private func measureProxies(_ results: inout ControlResults) throws {
        try lab.start("mesh")
        defer { lab.stop() }
        ThisProcess.pause(Self.settling)
        let idle = try lab.controlMemory()
        results.idleBytes = idle
        progress("memory         idle: \(mebibytes(idle))")
        let crowd = try lab.crowd(members, MeshDocuments.services)
        defer { crowd.kill() }
        var number = 0
        for count in plan.crowds {
            let sample = try measure(crowd, count, &number)
            results.crowds.append(sample)
            progress(
                "proxies        \(count) watch after \(sample.secondsToWatch.text(1)) s; a revision: p50 "
                    + "\(sample.milliseconds.median.text(0)) ms, p99 \(sample.milliseconds.percentile99.text(0)) ms, "
                    + "\(sample.processorMilliseconds.text(2)) ms of CPU each; \(mebibytes(sample.residentBytes))")
        }
        if plan.hasQuietRound {
            progress("a minute of silence")
            ThisProcess.pause(Self.quiet)
            results.quietBytes = try lab.controlMemory()
            number += 1
            let moments = try round(crowd, number, plan.crowds.last ?? 0)
            results.quietMilliseconds = moments.max()
            progress(
                "proxies        after it, until the last: \((moments.max() ?? 0).text(0)) ms; before that "
                    + mebibytes(results.quietBytes ?? 0))
        }
        crowd.write("leave")
        try crowd.expect("left")
        ThisProcess.pause(Self.absence)
        let left = try lab.controlMemory()
        results.leftBytes = left
        progress("memory         30 s after all have left: \(mebibytes(left))")
    }

    private func measure(_ crowd: Child, _ count: Int, _ number: inout Int) throws -> ControlResults.Crowd {
        crowd.write("watch \(count)")
        guard let seconds = Double(try crowd.line()) else { throw BenchmarkFailure("the crowd has not come") }
        crowd.write("rest")
        try crowd.expect("still")
        ThisProcess.pause(Self.settling)
        let early = try lab.controlMemory()
        let before = try lab.controlTime()
        var all: [Double] = []
        var last: [Double] = []
        for _ in 0..<plan.rounds {
            number += 1
            let moments = try round(crowd, number, count)
            all += moments
            last.append(moments.max() ?? 0)
        }
        let cost = try lab.controlTime() - before
        ThisProcess.pause(Self.settling)
        return ControlResults.Crowd(
            proxies: count, secondsToWatch: seconds, milliseconds: Percentiles(all),
            lastMilliseconds: Percentiles(last), processorMilliseconds: cost / Double(all.count) * 1000,
            residentBytes: max(early, try lab.controlMemory()))
    }

    /// One revision that concerns everybody; when each has acknowledged it, in milliseconds from when it was sent.
    private func round(_ crowd: Child, _ number: Int, _ count: Int) throws -> [Double] {
        let begin = Instant.now()
        let revision = try lab.administrator.apply(MeshDocuments.route(number))
        crowd.write("await \(revision)")
        let moments = try crowd.line().split(separator: " ").compactMap { Int64($0) }
        guard moments.count == count else { throw BenchmarkFailure("\(moments.count) proxies have acknowledged") }
        // What the control plane says of it has to be the same.
        guard try lab.administrator.acknowledged(revision) == count else {
            throw BenchmarkFailure("the control plane does not know that all have acknowledged \(revision)")
        }
        return moments.map { Double($0 - begin.nanoseconds) / 1e6 }
    }

    private func mebibytes(_ bytes: Double) -> String { "\((bytes / 1_048_576).text(1)) MiB" }
}
