// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import BenchmarkShared

/// The figures of the last line: our cost divided by haproxy's in the same round, the median of the rounds.
struct Ratios: Codable {
    let smallCPU: Spread?
    let connectionCPU: Spread?
    let fullHandshakeCPU: Spread?
    let bulkCPU: Spread?
    /// Requests that are routed.
    let http1CPU: Spread?
    let http2CPU: Spread?
    /// Of p99.
    let http1Latency99: Spread?
    let http2Latency99: Spread?
    /// What reading and routing them adds to the cost of the same bytes without a route.
    let http1OverOpaqueCPU: Spread?
    /// Of our outbound proxy alone.
    let residentIdleMebibytes: Spread?
    let kibibytesPerConnection: Spread?
    let kibibytesPerHTTP2Connection: Spread?

    init(_ results: Results) {
        func ratio(_ figure: Figure, _ ours: Contender, to theirs: Contender = .haproxy) -> Spread? {
            results.ratio(figure, ours, to: theirs) { $0.cost(figure) }
        }
        smallCPU = ratio(.small, .weft)
        connectionCPU = ratio(.connections, .weft)
        fullHandshakeCPU = ratio(.connections, .weftNoPool)
        bulkCPU = ratio(.bulk, .weft)
        http1CPU = ratio(.http1, .weft)
        http2CPU = ratio(.http2, .weft)
        http1Latency99 = results.ratio(.http1, .weft) { $0.load.percentile99 }
        http2Latency99 = results.ratio(.http2, .weft) { $0.load.percentile99 }
        http1OverOpaqueCPU = ratio(.http1, .weft, to: .weftOpaque)
        func memory(_ speech: Speech) -> [MemorySample] { (results.memory[speech]?[.weft] ?? []).compactMap(\.self) }
        let connections = memory(.tcp)
        residentIdleMebibytes = Spread(connections.map { $0.idle.outbound / 1_048_576 })
        kibibytesPerConnection = Spread(connections.map { $0.kibibytesPerConnection(\.outbound) })
        kibibytesPerHTTP2Connection = Spread(memory(.http2).map { $0.kibibytesPerConnection(\.outbound) })
    }

    /// Read by programs; a figure that was not measured is a dash.
    var line: String {
        func text(_ spread: Spread?, _ digits: Int) -> String { spread?.median.text(digits) ?? "-" }
        return "RATIO small_cpu=\(text(smallCPU, 3)) conn_cpu=\(text(connectionCPU, 3)) "
            + "conn_full_cpu=\(text(fullHandshakeCPU, 3)) bulk_cpu=\(text(bulkCPU, 3)) "
            + "http1_cpu=\(text(http1CPU, 3)) http2_cpu=\(text(http2CPU, 3)) "
            + "rss_idle_mib=\(text(residentIdleMebibytes, 1)) kib_per_conn=\(text(kibibytesPerConnection, 1))"
    }
}
