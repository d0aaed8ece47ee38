// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import BenchmarkShared

/// The results as text.
struct ControlReport {
    let machine: Machine
    let plan: ControlPlan
    let results: ControlResults

    var text: String {
        var parts = [machine.text]
        if !results.certificates.isEmpty { parts.append("certificates, by how many ask at once\n\(certificates.text)") }
        if !results.crowds.isEmpty {
            parts.append(
                "a revision that all who watch are told of, until they have acknowledged it "
                    + "(\(plan.rounds) revisions each)\n\(crowds.text)")
        }
        if let quiet = results.quietMilliseconds {
            parts.append("after a minute of silence, until the last of them: \(quiet.text(0)) ms")
        }
        if let memory { parts.append("memory resident\n\(memory.text)") }
        if let sidecar = results.sidecar { parts.append("a sidecar that uses 10 workloads\n\(table(sidecar).text)") }
        return parts.joined(separator: "\n\n") + "\n\n" + line
    }

    private var certificates: Table {
        var table = Table(["connections", "a second", "CPU ms each"])
        for sample in results.certificates {
            table.add([
                "\(sample.connections)", sample.perSecond.text(0), sample.processorMilliseconds.text(2),
            ])
        }
        return table
    }

    private var crowds: Table {
        var table = Table(["proxies", "p50 ms", "p99 ms", "last p50 ms", "last max ms", "CPU ms each", "to watch s"])
        for crowd in results.crowds {
            table.add([
                "\(crowd.proxies)", crowd.milliseconds.median.text(0), crowd.milliseconds.percentile99.text(0),
                crowd.lastMilliseconds.median.text(0), crowd.lastMilliseconds.highest.text(0),
                crowd.processorMilliseconds.text(2), crowd.secondsToWatch.text(1),
            ])
        }
        return table
    }

    private var memory: Table? {
        guard let idle = results.idleBytes else { return nil }
        var table = Table(["weft-control", "MiB", "KiB per proxy"])
        table.add(["idle", mebibytes(idle), ""])
        for crowd in results.crowds {
            table.add([
                "\(crowd.proxies) watch", mebibytes(crowd.residentBytes),
                ((crowd.residentBytes - idle) / 1024 / Double(crowd.proxies)).text(1),
            ])
        }
        if let quiet = results.quietBytes, let count = results.crowds.last?.proxies {
            table.add([
                "after a minute of silence", mebibytes(quiet), ((quiet - idle) / 1024 / Double(count)).text(1),
            ])
        }
        if let left = results.leftBytes {
            table.add(["30 s after they left", mebibytes(left), "\(((left / idle - 1) * 100).text(0)) % above idle"])
        }
        return table
    }

    private func table(_ sidecar: ControlResults.Sidecar) -> Table {
        var table = Table(["", "MiB"])
        table.add(["mesh of \(2 * MeshDocuments.used) workloads", mebibytes(sidecar.smallBytes, 2)])
        table.add([
            "grown to \(sidecar.workloads) (applied in \(sidecar.applySeconds.text(1)) s)",
            mebibytes(sidecar.grownBytes, 2),
        ])
        table.add(["started in that", mebibytes(sidecar.freshBytes, 2)])
        return table
    }

    private func mebibytes(_ bytes: Double, _ digits: Int = 1) -> String { (bytes / 1_048_576).text(digits) }

    /// Read by programs; a figure that was not measured is a dash. Of certificates the most, of proxies the p99 of the
    /// largest crowd where that is 1,000.
    private var line: String {
        let most = results.certificates.map(\.perSecond).max()
        let crowd = results.crowds.first { $0.proxies == 1000 }
        return "CONTROL certs_per_s=\(most?.text(0) ?? "-") "
            + "apply_ack_ms_1000=\(crowd?.milliseconds.percentile99.text(0) ?? "-") "
            + "idle_mib=\(results.idleBytes.map { mebibytes($0) } ?? "-") "
            + "kib_per_proxy=\(results.bytesPerProxy.map { ($0 / 1024).text(1) } ?? "-") "
            + "sidecar_growth_mib=\(results.sidecar.map { mebibytes($0.growth, 2) } ?? "-")"
    }
}
