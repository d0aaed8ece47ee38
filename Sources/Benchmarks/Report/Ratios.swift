// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// The figures of the last line: our cost divided by haproxy's in the same round, the median of the rounds.
struct Ratios: Codable {
    let smallCPU: Spread?
    let connectionCPU: Spread?
    let fullHandshakeCPU: Spread?
    let bulkCPU: Spread?
    /// Of our outbound proxy alone.
    let residentIdleMebibytes: Spread?
    let kibibytesPerConnection: Spread?

    init(_ results: Results) {
        func ratio(_ figure: Figure, _ ours: Contender) -> Spread? {
            let (ours, theirs) = (results.samples[figure]?[ours] ?? [], results.samples[figure]?[.haproxy] ?? [])
            return Spread(
                zip(ours, theirs).compactMap { ours, theirs in
                    guard let ours, let theirs else { return nil }
                    return ours.cost(figure) / theirs.cost(figure)
                })
        }
        smallCPU = ratio(.small, .weft)
        connectionCPU = ratio(.connections, .weft)
        fullHandshakeCPU = ratio(.connections, .weftNoPool)
        bulkCPU = ratio(.bulk, .weft)
        let memory = (results.memory[.weft] ?? []).compactMap(\.self)
        residentIdleMebibytes = Spread(memory.map { $0.idle.outbound / 1_048_576 })
        kibibytesPerConnection = Spread(memory.map { $0.kibibytesPerConnection(\.outbound) })
    }

    /// Read by programs; a figure that was not measured is a dash.
    var line: String {
        func text(_ spread: Spread?, _ digits: Int) -> String { spread?.median.text(digits) ?? "-" }
        return "RATIO small_cpu=\(text(smallCPU, 3)) conn_cpu=\(text(connectionCPU, 3)) "
            + "conn_full_cpu=\(text(fullHandshakeCPU, 3)) bulk_cpu=\(text(bulkCPU, 3)) "
            + "rss_idle_mib=\(text(residentIdleMebibytes, 1)) kib_per_conn=\(text(kibibytesPerConnection, 1))"
    }
}
