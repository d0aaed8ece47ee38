// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// What was measured; a part that was left out is nil or empty.
struct ControlResults {
    struct Certificates {
        let connections: Int
        let perSecond: Double
        /// User and system time of the control plane for each.
        let processorMilliseconds: Double
    }

    struct Crowd {
        let proxies: Int
        /// Until all watch and have acknowledged what they were told first.
        let secondsToWatch: Double
        /// From sending a revision to the control plane until it had each acknowledgement, of all proxies in all rounds.
        let milliseconds: Percentiles
        /// The same until the last one in each round.
        let lastMilliseconds: Percentiles
        /// User and system time of the control plane for each proxy and revision.
        let processorMilliseconds: Double
        let residentBytes: Double
    }

    struct Sidecar {
        let workloads: Int
        let applySeconds: Double
        let smallBytes: Double
        /// The same sidecar, after the mesh has grown.
        let grownBytes: Double
        /// One that was started in the large mesh.
        let freshBytes: Double

        var growth: Double { max(grownBytes, freshBytes) - smallBytes }
    }

    var certificates: [Certificates] = []
    var idleBytes: Double?
    var crowds: [Crowd] = []
    /// Milliseconds until the last acknowledgement of a revision after a minute in which nobody had said anything.
    var quietMilliseconds: Double?
    /// Just before that revision, when the connections beside the watches have been closed.
    var quietBytes: Double?
    var leftBytes: Double?
    var sidecar: Sidecar?

    var bytesPerProxy: Double? {
        guard let idleBytes, let crowd = crowds.last else { return nil }
        return (crowd.residentBytes - idleBytes) / Double(crowd.proxies)
    }
}

struct Percentiles {
    let median: Double
    let percentile99: Double
    let highest: Double

    /// Of at least one value.
    init(_ values: [Double]) {
        let sorted = values.sorted()
        func at(_ share: Double) -> Double { sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))] }
        (median, percentile99, highest) = (at(0.5), at(0.99), at(1))
    }
}
