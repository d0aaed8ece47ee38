// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension Containers {
    @Suite("Control plane")
    struct ControlPlaneTests {
        private static let user: UInt32 = 2103
        private static let weft = "/usr/local/bin/weft"

        /// A directory that becomes a volume of somebody.
        private static func volume(_ name: String, of user: UInt32) throws -> String {
            let path = "\(try NetworkLab.here.directory())/\(name)"
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            try FileManager.default.setAttributes(
                [.ownerAccountID: Int(user), .groupOwnerAccountID: Int(user), .posixPermissions: 0o700],
                ofItemAtPath: path)
            return path
        }

        private static func start(in network: Pod, keeping data: String) async throws -> Container {
            let host = try ContainerHost.here
            var spec = ContainerSpec(
                host.images.control,
                [
                    "/usr/local/bin/weft-control", "run", "--data", "/var/lib/weft-control", "--trust-domain",
                    "mesh.example", "--address", network.address4,
                ], user: user)
            spec.mounts = [.volume(data, at: "/var/lib/weft-control")]
            let control = try await host.start(spec, in: network, named: "control")
            try await eventually("an answer of the control plane") {
                if !control.isRunning { throw DidNotHappen("\(try await control.result())") }
                return try await control.run(weft, "get", "services").succeeded ? true : nil
            }
            return control
        }

        /// Whether the workload is connected, as `weft proxy status` has it.
        private static func knows(_ name: String, _ control: Container) async throws {
            try await eventually("\(name) at the control plane") {
                let status = try await control.run(weft, "proxy", "status")
                return status.succeeded && status.output.contains(name) ? true : nil
            }
        }

        @Test("it has nothing but its volume, which it goes on from; a pod joins it, and finds it again")
        func joins() async throws {
            let lab = try NetworkLab.here
            let host = try ContainerHost.here
            let network = try await lab.pod("control", .dualStack)
            let data = try Self.volume("control-data", of: Self.user)
            let control = try await Self.start(in: network, keeping: data)
            for set in ["CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb"] {
                #expect(try control.status(set) == "0000000000000000", "\(set)")
            }
            #expect(try control.status("NoNewPrivs") == "1")

            let token = try await control.run(Self.weft, "token", "create", "--service", "web")
            try #require(token.succeeded, "\(token)")
            let pod = try await lab.pod("web", .dualStack)
            let (files, state) = (
                try Self.volume("web-etc", of: ContainerPod.proxyUser),
                try Self.volume("web-state", of: ContainerPod.proxyUser)
            )
            var join = ContainerSpec(
                host.images.control, [Self.weft, "join", "--name", "web-1"], user: ContainerPod.proxyUser)
            join.environment = ["WEFT_TOKEN": token.output.trimmingCharacters(in: .whitespacesAndNewlines)]
            join.mounts = [.volume(files, at: "/etc/weft"), .volume(state, at: "/var/lib/weft")]
            let joined = try await host.run(join, in: pod, named: "join")
            try #require(joined.succeeded, "\(joined)")

            var initStep = ContainerSpec(host.images.initStep, ["/usr/local/bin/container-init.sh"], user: 0)
            // Root without the right to read what is somebody else's alone.
            initStep.capabilities = ["NET_ADMIN", "NET_RAW"]
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: files)
            initStep.mounts = [.reading(files, at: "/etc/weft")]
            let captured = try await host.run(initStep, in: pod, named: "init")
            try #require(captured.succeeded, "\(captured)")

            var proxy = ContainerSpec(
                host.images.proxy, ["/weft-proxy", "run", "--config", ContainerPod.configuration],
                user: ContainerPod.proxyUser)
            proxy.mounts = [.reading(files, at: "/etc/weft"), .volume(state, at: "/var/lib/weft")]
            let sidecar = try await host.start(proxy, in: pod, named: "sidecar")
            let wait = try await sidecar.run("/weft-proxy", "wait", "--ready", "--timeout", "20s")
            try #require(wait.succeeded, "\(wait)\n\(sidecar.output)\(sidecar.error)")
            try await Self.knows("web-1", control)

            let ended = try await control.stop()
            #expect(ended.succeeded, "\(ended)")
            let again = try await Self.start(in: network, keeping: data)
            try await Self.knows("web-1", again)
            #expect(sidecar.isRunning)
        }
    }
}
