// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshTesting
import Testing

/// Real programs through real rules and real sidecars, one test at a time, each in a lab of its own.
///
///     pod "client" 10.77.0.2, fd77::2                     pod "server" 10.77.0.3, fd77::3
///     uid 1000: application                               uid 1000: application
///        │ redirect                                          ▲
///     uid 2102: weft-proxy ═════════ weft/1 over TLS ═════▶ redirect ─▶ uid 2102: weft-proxy
///
///     "outside": 10.77.0.1, fd77::1, the switch; it has neither rules nor a certificate
@Suite("Sidecars", .serialized, .needsRoot, .networkLab)
enum Sidecars {}

extension Sidecars {
    /// The mesh of most stories: one pod that calls, and one that is called.
    struct Pair {
        let mesh: Mesh
        let client: MeshPod
        let server: MeshPod

        /// The settings are fields of the `spec` of the proxies.
        init(
            client: [String: String] = [:], server: [String: String] = [:], _ families: NetworkLab.Families = .dualStack
        ) async throws {
            mesh = try await Mesh()
            self.client = try await mesh.pod("client", client, families)
            self.server = try await mesh.pod("server", server, families)
            try await mesh.start()
        }

        var outside: Pod { mesh.lab.outside }
    }
}

extension RunningProgram {
    /// Types a line and waits for the answer that a peer of `lab-tool connect` sends.
    func hears(_ answer: String, to line: String? = nil) async throws {
        if let line { type(line) }
        try await self.line(containing: "answer: \(answer)")
    }
}
