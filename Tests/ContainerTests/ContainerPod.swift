// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting

/// A pod of containers: its network, the files that are mounted, and its containers as a kubelet would make them.
struct ContainerPod: Sendable {
    static let proxyUser: UInt32 = 2102
    static let applicationUser: UInt32 = 1000
    static let configuration = "/etc/weft/proxy.yaml"
    static let adminSocket = "/var/lib/weft/state/admin.sock"

    let network: Pod
    /// What is mounted at `/etc/weft`: the configuration, and the identity as a mounted secret has it.
    private let files: String
    /// The volume at `/var/lib/weft`, which belongs to root and is open to all, as an `emptyDir` with `fsGroup`.
    private let volume: String
    /// What the application has at `/data`.
    let data: String

    /// Pods that know each other, of one trust domain.
    static func make(
        _ names: String..., families: NetworkLab.Families = .dualStack, settings: String = "drain: {settle: 0s}",
        hasIdentity: Bool = true
    ) async throws -> [ContainerPod] {
        let lab = try NetworkLab.here
        let directory = try lab.directory()
        try await weft("ca", "create", "--trust-domain", "mesh.example", "--directory", "\(directory)/ca")
        var pods: [ContainerPod] = []
        for name in names {
            let network = try await lab.pod(name, families)
            let base = "\(directory)/\(name)"
            pods.append(
                ContainerPod(network: network, files: "\(base)/etc", volume: "\(base)/volume", data: "\(base)/data"))
        }
        for pod in pods { try await pod.write(knowing: pods, settings, hasIdentity: hasIdentity, directory) }
        return pods
    }

    private func write(
        knowing pods: [ContainerPod], _ settings: String, hasIdentity: Bool, _ directory: String
    ) async throws {
        let files = FileManager.default
        for path in ["\(self.files)/identity", data] {
            try files.createDirectory(atPath: path, withIntermediateDirectories: true)
        }
        try files.createDirectory(atPath: volume, withIntermediateDirectories: true)
        try files.setAttributes([.groupOwnerAccountID: Int(ContainerPod.proxyUser)], ofItemAtPath: volume)
        try files.setAttributes([.posixPermissions: 0o2777], ofItemAtPath: volume)
        try "hello from \(network.name)\n".write(toFile: "\(data)/index.html", atomically: true, encoding: .utf8)
        var text = """
            kind: Proxy
            metadata: {name: \(network.name)}
            spec:
              identity:
                chain: /etc/weft/identity/chain.pem
                key: /etc/weft/identity/key.pem
                bundle: /etc/weft/identity/bundle.pem
              capture: {proxyUIDs: [\(ContainerPod.proxyUser)]}
              stateDirectory: /var/lib/weft/state
              \(settings)
            ---
            kind: Mesh
            spec: {trustDomain: mesh.example, ranges: [10.77.0.0/24, "fd77::/64"]}

            """
        for pod in pods {
            let addresses = [pod.network.ipv4, pod.network.ipv6].compactMap { $0 }.map { "\"\($0)\"" }
            text += """
                ---
                kind: Workload
                metadata: {name: \(pod.network.name)}
                spec: {addresses: [\(addresses.joined(separator: ", "))], spiffeID: "\(pod.identity)"}

                """
        }
        try text.write(toFile: "\(self.files)/proxy.yaml", atomically: true, encoding: .utf8)
        try await ContainerPod.weft(
            "ca", "issue", "--directory", "\(directory)/ca", "--namespace", "default", "--service-account",
            network.name, "--output", "\(self.files)/issued")
        if hasIdentity { try mountIdentity() }
    }

    var identity: String { "spiffe://mesh.example/ns/default/sa/\(network.name)" }

    /// Lays the identity where the sidecar looks for it, as the kubelet does with a secret: root's, readable by the
    /// group of the pod, behind two symlinks.
    func mountIdentity() throws {
        let manager = FileManager.default
        let mount = "\(files)/identity"
        try manager.createDirectory(atPath: "\(mount)/..version-1", withIntermediateDirectories: true)
        for name in ["chain.pem", "key.pem", "bundle.pem"] {
            let path = "\(mount)/..version-1/\(name)"
            try manager.copyItem(atPath: "\(files)/issued/\(name)", toPath: path)
            try manager.setAttributes(
                [.posixPermissions: 0o440, .ownerAccountID: 0, .groupOwnerAccountID: Int(ContainerPod.proxyUser)],
                ofItemAtPath: path)
            try manager.createSymbolicLink(atPath: "\(mount)/\(name)", withDestinationPath: "..data/\(name)")
        }
        try manager.createSymbolicLink(atPath: "\(mount)/..data", withDestinationPath: "..version-1")
    }

    private static func weft(_ words: String...) async throws {
        let log = "\(try NetworkLab.here.directory())/weft"
        let result = try await RunningProgram([BuiltProgram.path("weft")] + words, log: log).result()
        guard result.succeeded else { throw DidNotHappen("weft \(words) \(result)") }
    }

    // MARK: Containers

    /// The init step: root with these capabilities and no other.
    func runInit(
        _ capabilities: [String] = ["NET_ADMIN", "NET_RAW"], environment: [String: String] = [:]
    ) async throws -> ProgramResult {
        let host = try ContainerHost.here
        var spec = ContainerSpec(host.images.initStep, ["/usr/local/bin/container-init.sh"], user: 0)
        spec.capabilities = capabilities
        spec.environment = environment
        spec.mounts = [.reading(files, at: "/etc/weft")]
        return try await host.run(spec, in: network, named: "init")
    }

    /// The sidecar: its own user, no capability, a read-only root and one volume.
    func startSidecar(_ options: String..., processesOf other: Container? = nil) async throws -> Container {
        let host = try ContainerHost.here
        var spec = ContainerSpec(
            host.images.proxy, ["/weft-proxy", "run", "--config", ContainerPod.configuration] + options,
            user: ContainerPod.proxyUser)
        spec.mounts = [.reading(files, at: "/etc/weft"), .volume(volume, at: "/var/lib/weft")]
        spec.processesOf = other
        return try await host.start(spec, in: network, named: "sidecar")
    }

    /// The sidecar after an init step, ready for traffic.
    func startReadySidecar() async throws -> Container {
        let result = try await runInit()
        guard result.succeeded else { throw DidNotHappen("the init step \(result)") }
        let sidecar = try await startSidecar()
        let wait = try await sidecar.run("/weft-proxy", "wait", "--ready", "--timeout", "20s")
        guard wait.succeeded else { throw DidNotHappen("\(wait)\n\(sidecar.output)\(sidecar.error)") }
        return sidecar
    }

    /// The same in an image with a shell, by its entry point there.
    func startSidecarByScript(
        _ environment: [String: String], processesOf other: Container
    ) async throws -> Container {
        let host = try ContainerHost.here
        var spec = ContainerSpec(
            host.images.application, ["/usr/local/bin/container-proxy.sh"], user: ContainerPod.proxyUser)
        spec.mounts = [.reading(files, at: "/etc/weft"), .volume(volume, at: "/var/lib/weft")]
        spec.environment = environment
        spec.processesOf = other
        return try await host.start(spec, in: network, named: "sidecar")
    }

    /// A container of the application. It sees the state volume, as every container of a pod may.
    func start(
        _ words: [String], as user: UInt32 = applicationUser, capabilities: [String] = [],
        processesOf other: Container? = nil
    ) async throws -> Container {
        let host = try ContainerHost.here
        var spec = ContainerSpec(host.images.application, words, user: user)
        spec.capabilities = capabilities
        spec.mounts = [.reading(data, at: "/data"), .volume(volume, at: "/var/lib/weft")]
        spec.processesOf = other
        return try await host.start(spec, in: network, named: "application")
    }

    func start(_ words: String...) async throws -> Container { try await start(words) }

    func run(
        _ words: String..., as user: UInt32 = applicationUser, capabilities: [String] = []
    ) async throws -> ProgramResult {
        try await start(words, as: user, capabilities: capabilities).result()
    }

    /// A web server of the application, on 8080 of every address, that gives `/data`.
    func startWebServer() async throws -> Container {
        try await start("/bin/busybox", "httpd", "-f", "-p", "[::]:8080", "-h", "/data")
    }

    /// Asks a web server, again while nobody listens yet.
    func fetch(_ url: String) async throws -> String {
        try await eventually("an answer of \(url)") {
            let result = try await run("/bin/busybox", "wget", "-q", "-O", "-", url)
            return result.succeeded ? result.output : nil
        }
    }
}
