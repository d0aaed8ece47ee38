// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import Glibc
import MeshTesting
import Testing

extension Sidecars {
    /// A sidecar that cannot work says why and does not start; nothing is half-done. One pod "alone", captured.
    @Suite("Starting")
    struct LaunchTests {
        struct Fault: Sendable, CustomTestStringConvertible {
            let testDescription: String
            let status: Int32
            let words: [String]
            var user: UInt32 = MeshPod.proxyUser
            var settings: [String: String] = [:]
            var damage: @Sendable (MeshPod) throws -> Void = { _ in }
        }

        private static let faults = [
            Fault(testDescription: "as root", status: 1, words: ["WEFT6004", "root"], user: 0),
            Fault(testDescription: "as the application's user", status: 1, words: ["WEFT6011", "1000"], user: 1000),
            Fault(
                testDescription: "an unknown field", status: 2, words: ["WEFT1006", "inbuond"],
                settings: ["inbuond": "{mode: strict}"]),
            Fault(
                testDescription: "several bad values at once", status: 2, words: ["mode", "idle", "settle"],
                settings: [
                    "inbound": "{mode: lenient}", "timeouts": "{idle: 5}", "drain": "{settle: never}",
                ]),
            Fault(
                testDescription: "a state directory that others may read", status: 1,
                words: ["WEFT6002", "state-alone"],
                damage: { pod in chmod(pod.stateDirectory, 0o755) }),
            Fault(
                testDescription: "a port that is taken", status: 1, words: ["WEFT6001", "15006"],
                damage: { pod in
                    _ = try pod.pod.start(["lab-tool", "echo", "0.0.0.0:15006"], as: MeshPod.proxyUser)
                }),
            Fault(
                testDescription: "no configuration", status: 2, words: ["WEFT1004", "alone.yaml"],
                damage: { pod in try FileManager.default.removeItem(atPath: pod.configurationPath) }),
        ]

        @Test("a sidecar does not start", arguments: faults)
        func fault(_ fault: Fault) async throws {
            let mesh = try await Mesh()
            let pod = try await mesh.pod("alone", fault.settings)
            try pod.writeConfiguration()
            try fault.damage(pod)
            if fault.words.contains("15006") { try await pod.listens(on: 15006) }
            let result = try await pod.pod.run(
                ["weft-proxy", "run", "--config", pod.configurationPath], as: fault.user)
            #expect(result.status == fault.status, "\(result)")
            for word in fault.words { #expect(result.error.contains(word), "\(result)") }
            #expect(!FileManager.default.fileExists(atPath: pod.adminSocket))
        }

        @Test("a second sidecar in the same pod does not take over from the first", arguments: [1, 2])
        func second(dataThreads: Int) async throws {
            let pair = try await Pair(server: ["dataThreads": "\(dataThreads)"])
            try await pair.server.serve("echo", "0.0.0.0:9000")
            let second = try await pair.server.pod.run(
                ["weft-proxy", "run", "--config", pair.server.configurationPath], as: MeshPod.proxyUser)
            #expect(second.status == 1 && second.error.contains("WEFT6001"), "\(second)")
            let caller = try pair.client.connect("\(pair.server.address):9000")
            try await caller.hears("hello", to: "hello")
            #expect(try await pair.server.ask("/ready").status == 200)
        }

        @Test("a key that others may read is not used")
        func key() async throws {
            let mesh = try await Mesh()
            let pod = try await mesh.pod("alone")
            chmod(pod.identity.key, 0o644)
            try pod.writeConfiguration()
            try await pod.capture()
            try pod.startProxy()
            let line = try await pod.says("there is no identity yet")
            #expect(line.contains("WEFT4002") && line.contains("key.pem"), "\(line)")
            #expect(try await pod.ask("/ready").status == 503)
            // Mended, it is taken without a restart.
            chmod(pod.identity.key, 0o400)
            pod.proxy.send(SIGHUP)
            try await pod.ready()
        }

        @Test("it runs as a user of its own, without capabilities, new privileges or dumps")
        func confinement() async throws {
            let mesh = try await Mesh()
            let pod = try await mesh.pod("alone")
            try await mesh.start()
            let status = try String(contentsOfFile: "/proc/\(pod.proxy.identifier)/status", encoding: .utf8)
            for line in [
                "Uid:\t2102\t2102\t2102\t2102", "CapEff:\t0000000000000000", "CapPrm:\t0000000000000000",
                "NoNewPrivs:\t1", "Seccomp:\t2",
            ] {
                #expect(status.contains(line), "\(status)")
            }
        }

        @Test("the identity can be what `weft ca` makes, and be renewed by it under load")
        func operatorsAuthority() async throws {
            let mesh = try await Mesh()
            let client = try await mesh.pod("client")
            let server = try await mesh.pod("server")
            let authority = "\(mesh.directory)/ca"
            let outside = mesh.lab.outside
            try await outside.must("weft", "ca", "create", "--trust-domain", "mesh.example", "--directory", authority)
            for pod in [client, server] {
                try FileManager.default.removeItem(atPath: pod.identity.directory)
                try await outside.must(
                    "weft", "ca", "issue", "--directory", authority, "--service-account", pod.name, "--output",
                    pod.identity.directory, "--owner", "\(MeshPod.proxyUser)")
            }
            try await mesh.start()
            try await server.serve("echo", "0.0.0.0:9000")
            let load = try await Load(from: client, to: "\(server.address):9000")
            for pod in [client, server] {
                try await outside.must(
                    "weft", "ca", "issue", "--directory", authority, "--output", pod.identity.directory, "--renew")
                try await pod.renewals(reach: 1)
                try await load.proceeds()
            }
            try await load.endsWithoutFailure()
        }
    }
}
