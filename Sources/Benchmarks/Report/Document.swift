// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import BenchmarkShared

/// What is written as JSON: the table as numbers, and every sample it was made from.
struct Document: Codable {
    /// One contender under one load.
    struct Load: Codable {
        let cpuMicrosecondsPerAnswer: Spread?
        let cpuSecondsPerGigabyte: Spread?
        let answersPerSecond: Spread?
        let gigabytesPerSecond: Spread?
        let microsecondsMedian: Spread?
        let microseconds99: Spread?
        let shareStolen: Spread?

        init(_ samples: [Sample]) {
            func spread(_ value: (Sample) -> Double) -> Spread? { Spread(samples.map(value)) }
            cpuMicrosecondsPerAnswer = spread(\.microsecondsPerAnswer)
            cpuSecondsPerGigabyte = spread(\.secondsPerGigabyte)
            answersPerSecond = spread(\.answersPerSecond)
            gigabytesPerSecond = spread(\.gigabytesPerSecond)
            microsecondsMedian = spread(\.load.median)
            microseconds99 = spread(\.load.percentile99)
            shareStolen = spread(\.shareStolen)
        }
    }

    /// One hop of one contender.
    struct Memory: Codable {
        let idleMebibytes: Spread?
        let fewMebibytes: Spread?
        let manyMebibytes: Spread?
        let afterMebibytes: Spread?
        let kibibytesPerConnection: Spread?

        init(_ samples: [MemorySample], _ hop: KeyPath<MemorySample.Pair, Double>) {
            func spread(_ pair: (MemorySample) -> MemorySample.Pair) -> Spread? {
                Spread(samples.map { pair($0)[keyPath: hop] / 1_048_576 })
            }
            idleMebibytes = spread(\.idle)
            fewMebibytes = spread(\.few)
            manyMebibytes = spread(\.many)
            afterMebibytes = spread(\.after)
            kibibytesPerConnection = Spread(samples.map { $0.kibibytesPerConnection(hop) })
        }
    }

    let machine: Machine
    let rounds: Int
    let ratios: Ratios
    let loads: [Figure: [Contender: Load]]
    let outboundMemory: [Speech: [Contender: Memory]]
    let inboundMemory: [Speech: [Contender: Memory]]
    let samples: Results

    init(_ machine: Machine, rounds: Int, _ results: Results) {
        self.machine = machine
        self.rounds = rounds
        ratios = Ratios(results)
        loads = results.samples.mapValues { $0.mapValues { Load($0.compactMap(\.self)) } }
        outboundMemory = results.memory.mapValues { $0.mapValues { Memory($0.compactMap(\.self), \.outbound) } }
        inboundMemory = results.memory.mapValues { $0.mapValues { Memory($0.compactMap(\.self), \.inbound) } }
        samples = results
    }
}
