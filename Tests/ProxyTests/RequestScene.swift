// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting

/// A service "shop" at 10.96.0.20, port 80, with an HTTPRoute: requests are looked at one by one. Its pods are also services
/// of their own, "shop-one" and "shop-two".
///
///     client ── 10.96.0.20:80 ──▶ weft-proxy ══ mutual TLS ══▶ one:9000, two:9000
struct RequestScene {
    /// Everything to everybody.
    static let plain = "[{backendRefs: [{name: shop, port: 80}]}]"

    let mesh: Mesh
    let client: MeshPod
    let one: MeshPod
    let two: MeshPod
    let servers: [RunningProgram]

    /// `rules` are those of the route, as in the file; `server` is what the two run: see ``serve(_:on:)``. `settings` are
    /// those of the client's proxy.
    init(
        _ rules: String, server: String = "http", ejection: String = "{consecutiveFailures: 100, consecutiveErrors: 0}",
        settings: [String: String] = [:], adding more: (Mesh, MeshPod) -> Void = { _, _ in }
    ) async throws {
        mesh = try await Mesh()
        client = try await mesh.pod("client", settings)
        one = try await mesh.pod("one")
        two = try await mesh.pod("two")
        mesh.service(
            "shop", at: ["10.96.0.20"], port: 80, targetPort: 9000, ["one", "two"], ejection: ejection)
        for pod in ["one", "two"] {
            let address = pod == "one" ? "10.96.0.21" : "10.96.0.22"
            mesh.service("shop-\(pod)", at: [address], port: 80, targetPort: 9000, [pod], ejection: ejection)
        }
        mesh.add(
            "shop-route", kind: "HTTPRoute", "{parentRefs: [{kind: Service, name: shop}], rules: \(rules)}")
        more(mesh, one)
        try await mesh.start()
        servers = [try await Self.serve(server, on: one), try await Self.serve(server, on: two)]
    }

    /// `http`: that of the lab-tool; `http2`: one that gives back what it is sent; `grpc`: one with the calls of `calls.py`.
    static func serve(_ server: String, on pod: MeshPod) async throws -> RunningProgram {
        switch server {
        case "http2":
            let program = try pod.start(
                "nghttpd", "--no-tls", "--echo-upload", "--verbose", "--address=\(pod.address)", "9000")
            try await program.line(containing: "listen \(pod.address):9000")
            return program
        case "grpc":
            let program = try pod.start("/usr/bin/python3", Self.script("calls.py"), "serve", "\(pod.address):9000")
            try await program.line(containing: "serving")
            return program
        case "dialogues":
            let program = try pod.start(
                "/usr/bin/python3", Self.script("dialogues.py"), "serve", "\(pod.address):9000")
            try await program.line(containing: "serving")
            return program
        default: return try await pod.serve(server, "\(pod.address):9000")
        }
    }

    /// A program of the tests' own in another language.
    static func script(_ name: String, from file: String = #filePath) -> String {
        URL(filePath: file).deletingLastPathComponent().appending(path: "Programs/\(name)").path
    }

    func get(_ path: String, _ arguments: String...) async throws -> CurlResult {
        try await client.pod.curl(
            arguments + ["http://10.96.0.20\(path)"], as: MeshPod.applicationUser)
    }

    /// How often a server has read such a request line.
    func count(_ line: String) -> Int {
        servers.reduce(0) { $0 + $1.output.components(separatedBy: line).count - 1 }
    }
}
