// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

/// Suites of a real control plane with real sidecars. One test at a time: they measure times.
@Suite("The control plane", .serialized, .needsRoot, .networkLab)
enum ControlledMeshTests {}

/// Two captured pods that have joined a real control plane.
///
///     "web" ── weft/1 ──▶ "api" :8080         the service `api`, port 80, by an address of its own
///       └───── watch ───────┴──▶ replicas :15012 (── etcd on the switch)
final class ControlledMesh: Sendable {
    let mesh: Mesh
    let replicas: [ControlReplica]
    let web: MeshPod
    let api: MeshPod
    /// Where several replicas share one.
    let etcd: LabEtcd?

    static let documents = """
        kind: Mesh
        spec: {ranges: [10.77.0.0/24]}
        ---
        kind: Service
        metadata: {name: api}
        spec: {ports: [{port: 80, targetPort: 8080}]}
        ---
        kind: Service
        metadata: {name: web}
        spec: {ports: [{port: 80, targetPort: 8080}]}

        """

    /// Refuses what `web` asks of `api`.
    static let nobody = """
        kind: Policy
        metadata: {name: nobody}
        spec: {target: {service: api}, rules: [{effect: deny, from: [{identity: "spiffe://mesh.example/ns/default/sa/web"}]}]}

        """

    var control: ControlReplica { replicas[0] }

    /// Nothing runs yet; with several replicas, or `overEtcd`, they share an etcd.
    init(replicas count: Int = 1, options: [String] = [], variables: [String: String] = [:]) async throws {
        mesh = try await Mesh()
        web = try await mesh.pod("web", ["names": "{}"])
        api = try await mesh.pod("api", ["names": "{}"])
        var options = options
        etcd = count > 1 ? try await LabEtcd(mesh.lab) : nil
        if let etcd { options += ["--etcd", etcd.endpoint] }
        var replicas: [ControlReplica] = []
        for number in 1...count {
            replicas.append(try await ControlReplica("control-\(number)", in: mesh.lab, options, variables: variables))
        }
        self.replicas = replicas
    }

    /// Everything is there, and `api` answers.
    static func running(
        replicas count: Int = 1, options: [String] = [], variables: [String: String] = [:]
    ) async throws -> ControlledMesh {
        let scene = try await ControlledMesh(replicas: count, options: options, variables: variables)
        for replica in scene.replicas { try await replica.start() }
        try await scene.control.apply(documents)
        for pod in [scene.web, scene.api] {
            try await pod.enroll(with: scene.control, following: scene.replicas.map(\.address))
        }
        try await scene.startProxies()
        // It is ready a moment before others are told that it is there.
        try await eventually("api is an endpoint") { () async throws -> Bool? in
            try await scene.call().status == 200 ? true : nil
        }
        return scene
    }

    func startProxies() async throws {
        for pod in [web, api] {
            try pod.writeConfiguration()
            try await pod.capture()
            try pod.startProxy()
        }
        try await web.ready()
        try await api.ready()
        // Asked for outside the mesh: the switch answers no question about names.
        let etc = "/etc/netns/\(web.pod.namespace)"
        try FileManager.default.createDirectory(atPath: etc, withIntermediateDirectories: true)
        try "nameserver \(NetworkLab.gateway4)\n".write(
            toFile: "\(etc)/resolv.conf", atomically: true, encoding: .utf8)
        try await api.serve("http", "0.0.0.0:8080")
    }

    /// One request by name from `web`, on a connection of its own.
    func call(_ arguments: String...) async throws -> CurlResult {
        try await web.pod.curl(["-m", "5"] + arguments + ["http://api/"], as: MeshPod.applicationUser)
    }
}

/// A real etcd on the switch of the lab, where every pod reaches it.
struct LabEtcd {
    let endpoint = "http://\(NetworkLab.gateway4):2379"
    private let lab: NetworkLab
    private let program: RunningProgram

    init(_ lab: NetworkLab) async throws {
        self.lab = lab
        let endpoint = "http://\(NetworkLab.gateway4):2379"
        program = try lab.outside.start(
            [
                "etcd", "--data-dir", "\(try lab.directory())/etcd", "--listen-client-urls", endpoint,
                "--advertise-client-urls", endpoint, "--listen-peer-urls", "http://127.0.0.1:2380",
                "--logger", "zap", "--log-level", "error",
            ])
        let program = program
        try await eventually("etcd answers", within: .seconds(30)) {
            guard program.isRunning else { throw DidNotHappen("etcd has ended: \(program.error)") }
            return try await lab.outside.curl("\(endpoint)/health").body.contains("true") ? true : nil
        }
    }

    /// How many leases there are.
    func leases() async throws -> Int {
        let answer = try await lab.outside.curl("\(endpoint)/v3/lease/leases", "-d", "{}")
        guard answer.status == 200 else { throw DidNotHappen("etcd does not say its leases: \(answer)") }
        return try ControlAnswer(answer.body)["leases"].list.count
    }
}
