// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import BenchmarkShared
import Foundation
import LinuxSystem
import MeshModel

/// The memory of a real sidecar that has asked for one service of ten workloads: in a mesh of twenty, then in one of as many
/// documents as there may be, and once more started in that.
struct SidecarMeasurement {
    private let lab: ControlLab
    private static let settling = Duration.seconds(10)
    private static let names = SocketAddress(.v4(IPv4Address(bits: 127 << 24 | 1)), Port.known(15053))

    init(_ lab: ControlLab) { self.lab = lab }

    func run() throws -> ControlResults.Sidecar {
        try lab.start("large")
        defer { lab.stop() }
        _ = try lab.administrator.apply(MeshDocuments.small)
        let state = "\(lab.directory)/web"
        try lab.join("web", name: "web-1", to: state)
        try Shell.run("printf '  names: {}\\n' >>'\(state)/proxy.yaml'")
        let first = try lab.sidecar("\(state)/proxy.yaml")
        defer { first.kill() }
        let small = try settled(first)
        progress("sidecar        in a mesh of \(2 * MeshDocuments.used) workloads: \(mebibytes(small))")
        let (text, workloads) = MeshDocuments.rest
        let begin = Instant.now()
        let revision = try lab.administrator.apply(text)
        let seconds = Double((Instant.now() - begin).wholeNanoseconds) / 1e9
        progress("sidecar        \(workloads) more workloads, in one revision (\(revision)): \(seconds.text(1)) s")
        let grown = try settled(first)
        first.kill()
        let second = try lab.sidecar("\(state)/proxy.yaml")
        defer { second.kill() }
        let fresh = try settled(second)
        progress("sidecar        in that mesh: \(mebibytes(grown)), and started anew \(mebibytes(fresh))")
        return ControlResults.Sidecar(
            workloads: workloads + 2 * MeshDocuments.used, applySeconds: seconds, smallBytes: small, grownBytes: grown,
            freshBytes: fresh)
    }

    /// Its memory when it has what it uses, and nothing goes on any more.
    private func settled(_ sidecar: Child) throws -> Double {
        // The application asks for the name that it is about to call.
        try lab.wait("the sidecar knows what it uses") {
            (try? NameQuestion.ask("used.default.mesh", at: Self.names)) == true
        }
        try lab.wait("it has acknowledged all of it") {
            let metrics = try Shell.run("curl -sf http://\(ControlLab.host):15014/metrics").split(separator: "\n")
            return ["weft_control_watches 1.0", "weft_control_watches_behind 0.0"].allSatisfy {
                metrics.contains($0[...])
            }
        }
        let documents = try lab.administrator.ask("/v1/proxies/default/web-1/config")
        guard let resources = documents["resources"] as? [Any], resources.count >= MeshDocuments.used else {
            throw BenchmarkFailure("the sidecar has not got what it uses: \(documents)")
        }
        ThisProcess.pause(Self.settling)
        return try ProcessFamily.residentBytes(sidecar.identifier)
    }

    private func mebibytes(_ bytes: Double) -> String { "\((bytes / 1_048_576).text(2)) MiB" }
}
