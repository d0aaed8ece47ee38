// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import Glibc
import Synchronization

/// A captured pod: an application's uid, a sidecar with a uid of its own, and the rules between them.
///
///     uid 1000: the application ── redirect ──▶ uid 2102: weft-proxy ══▶ other pods
package final class MeshPod: Sendable {
    /// Who the applications are.
    package static let applicationUser: UInt32 = 1000
    /// Who the sidecar is.
    package static let proxyUser: UInt32 = 2102

    package let pod: Pod
    package let identity: IdentityFiles
    private unowned let mesh: Mesh

    private struct State {
        var settings: [String: String]
        var beliefs: [String: String] = [:]
        var ports = "[]"
        var locality: String?
        var resources: [String] = []
        var proxy: RunningProgram?
        var isJoined = false
    }

    private let state: Mutex<State>

    init(_ pod: Pod, in mesh: Mesh, _ settings: [String: String]) async throws {
        self.pod = pod
        self.mesh = mesh
        state = Mutex(State(settings: settings))
        identity = try IdentityFiles("\(mesh.directory)/\(pod.name)", owner: Self.proxyUser)
        try FileManager.default.createDirectory(atPath: stateDirectory, withIntermediateDirectories: true)
        guard chmod(stateDirectory, 0o700) == 0, chown(stateDirectory, Self.proxyUser, Self.proxyUser) == 0 else {
            throw DidNotHappen("\(stateDirectory) cannot be made: errno \(errno)")
        }
    }

    package var name: String { pod.name }
    package var address: String { pod.address4 }
    package var address6: String { pod.address6 }
    package var spiffeID: String { "spiffe://mesh.example/ns/default/sa/\(name)" }
    package var stateDirectory: String { "\(mesh.directory)/state-\(name)" }
    package var adminSocket: String { "\(stateDirectory)/admin.sock" }
    package var configurationPath: String { "\(mesh.directory)/\(name).yaml" }

    /// The sidecar that runs, or ran last.
    package var proxy: RunningProgram {
        guard let proxy = state.withLock({ $0.proxy }) else { preconditionFailure("\(name) has no sidecar yet.") }
        return proxy
    }

    // MARK: Configuration

    /// Has a control plane at these addresses from now on: its file holds only its own Proxy, and the identity lies where the
    /// control plane puts it.
    package func join(_ addresses: [String], _ edit: TestMesh.Edit = { _ in }) throws {
        follow(addresses)
        let files = try IdentityFiles("\(stateDirectory)/identity", owner: Self.proxyUser)
        try files.giveAway()
        try files.write(mesh.authority.leaf(spiffeID, edit), of: mesh.authority)
    }

    /// Has a control plane at these addresses from now on, and its identity from there.
    package func follow(_ addresses: [String]) {
        state.withLock { state in
            state.isJoined = true
            state.settings["control"] = "{addresses: [\(addresses.map { "\"\($0)\"" }.joined(separator: ", "))]}"
        }
    }

    /// Changes fields of the proxy's `spec`; nil takes one away. In force after ``reload()``.
    package func set(_ field: String, _ value: String?) { state.withLock { $0.settings[field] = value } }

    /// Lets this sidecar alone expect another identity of a pod.
    package func believe(_ other: MeshPod, is spiffeID: String) {
        state.withLock { $0.beliefs[other.name] = spiffeID }
    }

    /// Adds a document that this sidecar alone reads.
    package func add(_ name: String, kind: String, _ spec: String) {
        state.withLock { $0.resources.append(Mesh.document(name, kind: kind, spec)) }
    }

    var resources: [String] { state.withLock { $0.resources } }

    /// What its workload says of single ports, as in the file.
    package var ports: String {
        get { state.withLock { $0.ports } }
        set { state.withLock { $0.ports = newValue } }
    }

    /// Where it runs, as its workload says.
    package var locality: String? {
        get { state.withLock { $0.locality } }
        set { state.withLock { $0.locality = newValue } }
    }

    func believed(_ name: String) -> String? { state.withLock { $0.beliefs[name] } }

    package func writeConfiguration() throws {
        var spec = [
            "identity": "{chain: \(identity.chain), key: \(identity.key), bundle: \(identity.bundle)}",
            "capture": "{proxyUIDs: [\(Self.proxyUser)]}", "stateDirectory": stateDirectory, "log": "{format: json}",
            "drain": "{settle: 0s}",
        ]
        spec.merge(state.withLock { $0.settings }) { _, new in new }
        let isJoined = state.withLock { $0.isJoined }
        if isJoined { spec["identity"] = nil }
        let fields = spec.sorted { $0.key < $1.key }.map { "  \($0.key): \($0.value)\n" }.joined()
        let documents = isJoined ? resources : [mesh.resources(for: self)]
        let text = (["kind: Proxy\nmetadata: {name: \(name)}\nspec:\n\(fields)"] + documents).joined(separator: "---\n")
        try text.write(toFile: configurationPath, atomically: true, encoding: .utf8)
    }

    // MARK: The sidecar's life

    /// The init step.
    package func capture() async throws { try await pod.must("weft-init", "apply", "--config", configurationPath) }

    /// `prefix` is a program that starts it, such as `prlimit`.
    package func startProxy(under prefix: [String] = []) throws {
        let words = ["weft-proxy", "run", "--config", configurationPath]
        let program = try pod.start(words, as: Self.proxyUser, under: prefix)
        state.withLock { $0.proxy = program }
    }

    /// Waits until the sidecar says that it may receive traffic.
    package func ready(within limit: Duration = .seconds(20)) async throws {
        do {
            try await eventually("readiness of \(name)", within: limit) { [self] in
                if !proxy.isRunning { throw DidNotHappen("the sidecar has ended") }
                return try await ask("/ready").status == 200 ? true : nil
            }
        } catch {
            throw DidNotHappen("\(error)\n--- output\n\(proxy.output)\n--- error\n\(proxy.error)")
        }
    }

    /// Writes the configuration anew and has the sidecar read it; true if it took it.
    @discardableResult
    package func reload() async throws -> Bool {
        try writeConfiguration()
        let before = answersToReload
        proxy.send(SIGHUP)
        return try await eventually("an answer to SIGHUP") { [self] in
            let now = answersToReload
            return now == before ? nil : now.done > before.done
        }
    }

    private var answersToReload: (done: Int, rejected: Int) {
        let output = proxy.output
        return (
            output.components(separatedBy: "configuration reloaded").count,
            output.components(separatedBy: "configuration rejected").count
        )
    }

    /// Ends the sidecar as a crash would.
    package func killProxy() async throws { try await proxy.stop(SIGKILL) }

    // MARK: The application

    package func run(_ words: String...) async throws -> ProgramResult {
        try await pod.run(words, as: Self.applicationUser)
    }

    package func start(_ words: String...) throws -> RunningProgram {
        try pod.start(words, as: Self.applicationUser)
    }

    package func curl(_ arguments: String...) async throws -> CurlResult {
        try await pod.curl(arguments, as: Self.applicationUser)
    }

    /// Starts a server of the `lab-tool` and waits until it listens.
    @discardableResult
    package func serve(_ behaviour: String, _ addresses: String...) async throws -> RunningProgram {
        try await pod.serve(behaviour, addresses)
    }

    /// Connects the `lab-tool`, which says line by line what comes of it.
    package func connect(_ target: String) throws -> RunningProgram { try start("lab-tool", "connect", target) }
}

extension Pod {
    /// Starts a server of the `lab-tool` and waits until it listens.
    @discardableResult
    package func serve(_ behaviour: String, _ addresses: [String]) async throws -> RunningProgram {
        let program = try start(["lab-tool", behaviour] + addresses, as: MeshPod.applicationUser)
        for address in addresses { try await program.line(containing: "listening \(address)") }
        return program
    }
}
