// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshModel
import MeshTesting
import Testing

/// Two captured pods whose sidecars know nothing but where their control plane is, and a control plane that says what the
/// test writes down (`Programs/control.py`).
///
///     "client" ── weft/1 ──▶ "server"          10.96.0.10:80, the service "api", is told of on first use
///         └────── watch ─────────┴──▶ "control" :15012
final class ControlScene: Sendable {
    let mesh: Mesh
    let control: Pod
    let client: MeshPod
    let server: MeshPod
    private let directory: String

    /// What the control plane says of itself and of the mesh.
    struct Script {
        var identity = "spiffe://mesh.example/ns/weft-system/sa/weft-control"
        var host = "control.mesh.example"
        var leaf: TestMesh.Edit = { _ in }
    }

    init(_ script: Script = Script()) async throws {
        mesh = try await Mesh()
        control = try await mesh.lab.pod("control", .dualStack)
        client = try await mesh.pod("client")
        server = try await mesh.pod("server")
        directory = "\(try mesh.lab.directory())/control"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let files = try IdentityFiles(directory, owner: 0)
        let leaf = try mesh.authority.leaf(script.identity) { recipe in
            recipe.set(.names(.uri(script.identity), .dns(script.host)))
        }
        try files.write(leaf, of: mesh.authority)
        try FileManager.default.moveItem(atPath: files.bundle, toPath: "\(directory)/roots.pem")
        try files.write(leaf, of: mesh.authority, trusting: [mesh.authority.intermediate])
        try FileManager.default.moveItem(atPath: files.bundle, toPath: "\(directory)/issuer.pem")
        try mesh.authority.intermediate.key.pem.write(
            toFile: "\(directory)/issuer.key", atomically: true, encoding: .utf8)
        for pod in [client, server] { try pod.join(["\(control.address4):15012"], script.leaf) }
    }

    // MARK: What the control plane says

    /// One document; `on`: told only to who asks for one of these.
    struct Document: Encodable {
        var id: String
        var text: String
        var on: [String]?
    }

    struct Denied: Encodable {
        var serials: [String] = []
        var identities: [String] = []
    }

    struct Said: Encodable {
        var revision = 1
        var resources: [Document]
        var namespaces = ["default"]
        var denied = Denied()
        var mute = false
        var unsigned = false
        var refuse = false
        /// How far its clock is ahead of ours, in seconds.
        var skew = 0
        var lose = false
    }

    /// The mesh, both workloads, and the service on first use.
    var ordinary: Said {
        Said(resources: [
            Document(
                id: "Mesh//mesh",
                text: #"{"kind":"Mesh","spec":{"trustDomain":"mesh.example","ranges":["10.77.0.0/24","10.96.0.0/16"]}}"#
            ),
            workload(client), workload(server), service(on: ["10.96.0.10", "api"]),
        ])
    }

    func workload(_ pod: MeshPod) -> Document {
        Document(
            id: "Workload/default/\(pod.name)",
            text: #"{"kind":"Workload","metadata":{"name":"\#(pod.name)"},"spec":{"addresses":["\#(pod.address)"],"#
                + #""spiffeID":"\#(pod.spiffeID)"}}"#)
    }

    func service(on: [String]?, targetPort: Int = 9000) -> Document {
        Document(
            id: "Service/default/api",
            text: #"{"kind":"Service","metadata":{"name":"api"},"spec":{"addresses":["10.96.0.10"],"#
                + #""ports":[{"port":80,"targetPort":\#(targetPort)}],"endpoints":[{"workload":"server"}]}}"#, on: on)
    }

    /// In force at once, on every watch.
    func say(_ said: Said) throws {
        let text = try JSONEncoder().encode(said)
        try text.write(to: URL(filePath: "\(directory)/mesh.json"), options: .atomic)
    }

    func startControl() async throws -> RunningProgram {
        let program = try control.start(
            ["/usr/bin/python3", RequestScene.script("control.py"), "\(control.address4):15012", directory, "15013"])
        try await program.line(containing: "listening")
        return program
    }

    // MARK: The life of the scene

    /// Rules and sidecars, which are not waited for.
    func startProxies() async throws {
        for pod in [client, server] {
            try pod.writeConfiguration()
            try await pod.capture()
            try pod.startProxy()
        }
    }

    /// Everything is there, and the server answers at its port 9000.
    static func running(
        _ script: Script = Script(), _ change: (ControlScene, inout Said) -> Void = { _, _ in }
    ) async throws -> (ControlScene, RunningProgram) {
        let scene = try await ControlScene(script)
        var said = scene.ordinary
        change(scene, &said)
        try scene.say(said)
        let control = try await scene.startControl()
        try await scene.startProxies()
        for pod in [scene.client, scene.server] { try await pod.ready() }
        try await scene.server.serve("http", "0.0.0.0:9000")
        return (scene, control)
    }

    func call(_ arguments: String...) async throws -> CurlResult {
        try await client.pod.curl(
            ["--max-time", "5"] + arguments + ["http://10.96.0.10/"], as: MeshPod.applicationUser)
    }
}

extension RunningProgram {
    /// What proxies have said to the control plane, a line each, of one kind and perhaps with some text in it.
    func told(_ kind: String, _ text: String = "") -> [String] {
        output.split(separator: "\n").map(String.init).filter {
            $0.contains("\"told\": \"\(kind)\"") && (text.isEmpty || $0.contains(text))
        }
    }

    @discardableResult
    func hears(_ kind: String, containing text: String = "", count: Int = 1) async throws -> [String] {
        do {
            return try await eventually("\(kind) with `\(text)`, \(count) times") {
                let lines = told(kind, text)
                return lines.count >= count ? lines : nil
            }
        } catch {
            throw DidNotHappen("\(error)\n--- the control plane\n\(output)\n\(self.error)")
        }
    }
}
