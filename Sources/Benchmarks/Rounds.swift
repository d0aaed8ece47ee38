// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import BenchmarkShared
import Foundation
import LinuxSystem

/// How long everything takes.
struct Plan {
    var rounds: Int
    var seconds: Double
    var memoryRounds: Int
    var figures: [Figure]
    var contenders: [Contender]

    /// What a contender is set up for, one after the other.
    func speeches(of contender: Contender) -> [Speech] {
        let measured = figures.filter { $0.contenders.contains(contender) }.map(\.speech)
        let held = memoryRounds > 0 ? contender.heldSpeeches : []
        return [.tcp, .http1, .http2].filter { measured.contains($0) || held.contains($0) }
    }
}

/// Measures in rounds: in each, every contender has its turn under every load, so that what changes on the machine
/// changes for all. A proxy is started for its turn and ended after it.
final class Rounds {
    private let lab: Lab
    private let plan: Plan
    private(set) var results = Results()

    init(_ lab: Lab, _ plan: Plan) {
        self.lab = lab
        self.plan = plan
    }

    func run() throws {
        for contender in plan.contenders {
            for speech in plan.speeches(of: contender) {
                try Proof(lab: lab, contender: contender, speech: speech).check()
                let hops = contender == .direct ? "plaintext" : "mutual TLS 1.3 between the hops"
                progress("checked \(contender.rawValue), \(speech.rawValue): \(hops)")
            }
        }
        for round in 1...max(1, plan.rounds) {
            for figure in plan.figures {
                for contender in figure.contenders where plan.contenders.contains(contender) {
                    let sample = attempt("\(figure.rawValue) \(contender.rawValue)") { try measure(figure, contender) }
                    results.samples[figure, default: [:]][contender, default: []].append(sample)
                    if let sample {
                        progress("round \(round)/\(plan.rounds)  \(Report.line(figure, contender, sample))")
                    }
                }
            }
        }
        for round in 0..<plan.memoryRounds {
            for contender in plan.contenders {
                for speech in contender.heldSpeeches {
                    let what = speech == .tcp ? "memory" : "memory \(speech.rawValue)"
                    let sample = attempt("\(what) \(contender.rawValue)") { try measureMemory(contender, speech) }
                    results.memory[speech, default: [:]][contender, default: []].append(sample)
                    if let sample {
                        progress("\(what) \(round + 1)/\(plan.memoryRounds)  \(Report.line(contender, sample))")
                    }
                }
            }
        }
    }

    private func measure(_ figure: Figure, _ contender: Contender) throws -> Sample {
        try lab.with(contender, figure.speech) { hops in
            let seconds = figure == .small || figure == .steady ? plan.seconds * 4 / 3 : plan.seconds
            let load = try lab.start(figure.load(contender, seconds: seconds))
            defer { load.kill() }
            try load.expect("ready")
            let before = try settled(hops)
            let begun = try ProcessorTimes()
            load.write("go")
            let result = try JSONDecoder().decode(LoadResult.self, from: Data(try load.line().utf8))
            let shareStolen = try ProcessorTimes().shareStolen(since: begun)
            let after = try settled(hops)
            guard result.answers > 0 else { throw BenchmarkFailure("no answers") }
            let costs = zip(after, before).map { $0 - $1 }
            return Sample(
                load: result, outboundProcessorSeconds: costs.first ?? 0,
                inboundProcessorSeconds: costs.count > 1 ? costs[1] : 0, shareStolen: shareStolen)
        }
    }

    /// The processor times when nothing is under way any more.
    private func settled(_ hops: [Hop]) throws -> [Double] {
        ThisProcess.pause(.milliseconds(100))
        return try hops.map { try $0.processorTime() }
    }

    private func measureMemory(_ contender: Contender, _ speech: Speech) throws -> MemorySample {
        try lab.with(contender, speech) { hops in
            let load = try lab.start([
                "load", "idle", contender.address(speech), "0", "\(Wire.smallByteCount)", "0", "0", speech.rawValue,
            ])
            defer { load.kill() }
            try load.expect("ready")
            // Memory is given back with some delay; so that everybody has had the time.
            func size(after delay: Duration = .seconds(3)) throws -> MemorySample.Pair {
                ThisProcess.pause(delay)
                return MemorySample.Pair(outbound: try hops[0].residentBytes(), inbound: try hops[1].residentBytes())
            }
            func hold(_ what: String, for delay: Duration = .seconds(3)) throws -> MemorySample.Pair {
                load.write(what)
                try load.expect("done")
                return try size(after: delay)
            }
            return MemorySample(
                idle: try size(), few: try hold("\(MemorySample.fewCount)"),
                many: try hold("\(MemorySample.manyCount)"),
                after: try hold("close", for: .seconds(10)))
        }
    }

    private func attempt<Value>(_ what: String, _ body: () throws -> Value) -> Value? {
        do {
            return try body()
        } catch {
            progress("FAILED \(what): \(error)")
            return nil
        }
    }
}
