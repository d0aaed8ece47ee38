// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import BenchmarkShared

/// One contender under one load in one round.
struct Sample: Codable {
    let load: LoadResult
    /// Seconds of processor time that both hops took together, and each.
    let outboundProcessorSeconds: Double
    let inboundProcessorSeconds: Double
    /// What of all processors the host took for others meanwhile, 0 to 1. A processor that is taken away stops whoever runs on
    /// it for milliseconds, and all that wait for it: the longest waits are the host's then, whoever is measured.
    let shareStolen: Double

    var processorSeconds: Double { outboundProcessorSeconds + inboundProcessorSeconds }
    var microsecondsPerAnswer: Double { processorSeconds / Double(load.answers) * 1e6 }
    var answersPerSecond: Double { Double(load.answers) / load.seconds }
    var secondsPerGigabyte: Double { processorSeconds / (Double(load.bytes) / 1e9) }
    var gigabytesPerSecond: Double { Double(load.bytes) / 1e9 / load.seconds }

    /// What a contender is compared by.
    func cost(_ figure: Figure) -> Double { figure == .bulk ? secondsPerGigabyte : microsecondsPerAnswer }
}

/// What both hops of a contender hold resident, in bytes.
struct MemorySample: Codable {
    struct Pair: Codable {
        let outbound: Double
        let inbound: Double
    }

    /// After the first request.
    let idle: Pair
    /// With so many idle connections, each of which has carried a request.
    let few: Pair
    let many: Pair
    /// Some seconds after they have closed.
    let after: Pair

    static let fewCount = 1_000
    static let manyCount = 5_000

    func kibibytesPerConnection(_ hop: KeyPath<Pair, Double>, few isFew: Bool = false) -> Double {
        let (held, count) = isFew ? (few, Self.fewCount) : (many, Self.manyCount)
        return (held[keyPath: hop] - idle[keyPath: hop]) / 1024 / Double(count)
    }
}

/// Everything that was measured. A sample that failed is nil, so that the rounds stay aligned.
struct Results: Codable {
    var samples: [Figure: [Contender: [Sample?]]] = [:]
    var memory: [Speech: [Contender: [MemorySample?]]] = [:]
}

extension Results {
    /// What `value` is of one contender, by what it is of another in the same round.
    func ratio(
        _ figure: Figure, _ ours: Contender, to theirs: Contender = .haproxy, _ value: (Sample) -> Double
    ) -> Spread? {
        Spread(
            zip(samples[figure]?[ours] ?? [], samples[figure]?[theirs] ?? []).compactMap { ours, theirs in
                guard let ours, let theirs else { return nil }
                return value(ours) / value(theirs)
            })
    }
}
