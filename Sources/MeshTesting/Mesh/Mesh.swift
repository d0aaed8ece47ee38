// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshModel
import Synchronization

/// A whole mesh in the lab of the running test: captured pods, each with a sidecar, that know each other.
///
///     let mesh = try await Mesh()
///     let client = try await mesh.pod("client")
///     let server = try await mesh.pod("server", ["inbound": "{mode: permissive}"])
///     try await mesh.start()
///
/// Every sidecar reads a file of its own with the same resources. What a test adds later takes effect with
/// ``MeshPod/reload()``.
package final class Mesh: Sendable {
    /// Where pods and the addresses of services live; whoever else is in here is unknown.
    package static let ranges = ["10.77.0.0/24", "\"fd77::/64\"", "10.96.0.0/16", "\"fd96::/64\""]

    package let lab: NetworkLab
    package let directory: String
    /// Issues the identities.
    package let authority: TestMesh

    private struct State {
        var pods: [MeshPod] = []
        var resources: [String: String] = [:]
    }

    private let state = Mutex(State())

    package init() async throws {
        lab = try NetworkLab.here
        directory = try lab.directory()
        // Old enough to have issued what has expired since.
        let early: TestMesh.Edit = { $0.notBefore = WallTime(seconds: WallTime.today.seconds - 30 * 86_400) }
        authority = try TestMesh("mesh.example", now: .today, root: early, intermediate: early)
    }

    /// A pod with an identity of its own, `sa/NAME`. It is captured and its sidecar runs after ``start()``.
    ///
    /// `settings` are fields of the `spec` of its proxy, written as in the file.
    package func pod(
        _ name: String, _ settings: [String: String] = [:], _ families: NetworkLab.Families = .dualStack
    ) async throws -> MeshPod {
        let pod = try await MeshPod(lab.pod(name, families), in: self, settings)
        try pod.identity.write(authority.leaf(pod.spiffeID), of: authority)
        state.withLock { $0.pods.append(pod) }
        return pod
    }

    /// Adds a document beside those of the pods, or replaces the one that was added under this name.
    package func add(_ name: String, kind: String, _ spec: String) {
        state.withLock { $0.resources[name] = Mesh.document(name, kind: kind, spec) }
    }

    static func document(_ name: String, kind: String, _ spec: String) -> String {
        "kind: \(kind)\nmetadata: {name: \(name)}\nspec: \(spec)\n"
    }

    package func remove(_ name: String) { state.withLock { $0.resources[name] = nil } }

    /// A service with a virtual address, in front of the pods named.
    package func service(
        _ name: String, at addresses: [String], port: Int, targetPort: Int, _ endpoints: [String],
        ejection: String = "{consecutiveFailures: 3}"
    ) {
        let members = endpoints.map { "{workload: \($0)}" }.joined(separator: ", ")
        let quoted = addresses.map { "\"\($0)\"" }.joined(separator: ", ")
        add(
            name, kind: "Service",
            "{addresses: [\(quoted)], ports: [{port: \(port), targetPort: \(targetPort)}], "
                + "endpoints: [\(members)], ejection: \(ejection)}")
    }

    /// Everything is there: files written, rules applied and proven, sidecars ready.
    package func start() async throws {
        let pods = state.withLock { $0.pods }
        for pod in pods { try pod.writeConfiguration() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for pod in pods {
                group.addTask {
                    try await pod.capture()
                    try pod.startProxy()
                    try await pod.ready()
                }
            }
            try await group.waitForAll()
        }
    }

    /// What one sidecar is told of the mesh.
    func resources(for viewer: MeshPod) -> String {
        let (pods, more) = state.withLock { ($0.pods, $0.resources) }
        let trustDomain = (viewer.believed(viewer.name) ?? viewer.spiffeID).split(separator: "/")[1]
        var documents = [
            "kind: Mesh\nspec: {trustDomain: \(trustDomain), ranges: [\(Mesh.ranges.joined(separator: ", "))]}\n"
        ]
        for pod in pods {
            let addresses = [pod.pod.ipv4, pod.pod.ipv6].compactMap { $0 }.map { "\"\($0)\"" }.joined(separator: ", ")
            let identity = viewer.believed(pod.name) ?? pod.spiffeID
            let locality = pod.locality.map { ", locality: \($0)" } ?? ""
            documents.append(
                """
                kind: Workload
                metadata: {name: \(pod.name)}
                spec: {addresses: [\(addresses)], spiffeID: \(identity), ports: \(pod.ports)\(locality)}

                """)
        }
        documents += more.sorted { $0.key < $1.key }.map(\.value) + viewer.resources
        return documents.joined(separator: "---\n")
    }
}
