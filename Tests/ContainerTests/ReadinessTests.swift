// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension Containers {
    @Suite("Readiness")
    struct ReadinessTests {
        @Test("`wait --ready -- COMMAND` becomes the application once the sidecar has its identity")
        func heldBack() async throws {
            let pod = try await ContainerPod.make("app", hasIdentity: false)[0]
            let application = try await pod.start(
                "/bin/weft-proxy", "wait", "--ready", "--", "/bin/busybox", "httpd", "-f", "-p", "8080", "-h", "/data")
            try await eventually("a word of what it waits for") {
                application.error.contains("waiting: no proxy answers") ? true : nil
            }
            let sidecar = try await pod.startSidecar()
            try await eventually("the sidecar not being ready") {
                application.error.contains("waiting: not ready") ? true : nil
            }
            #expect(try await sidecar.run("/weft-proxy", "ready").status == 3)
            #expect(Self.program(of: application) == "weft-proxy")

            try pod.mountIdentity()
            try await eventually("the application") { Self.program(of: application) == "busybox" ? true : nil }
            #expect(try await sidecar.run("/weft-proxy", "ready").status == 0)
            #expect(try await pod.fetch("http://127.0.0.1:8080/") == "hello from app\n")
        }

        private static func program(of container: Container) -> String? {
            let link = "/proc/\(container.processIdentifier)/exe"
            let path = try? FileManager.default.destinationOfSymbolicLink(atPath: link)
            return path.map { ($0 as NSString).lastPathComponent }
        }

        @Test("without a sidecar the application is not started, and `wait` can be ended though it is process 1")
        func neverReady() async throws {
            let pod = try await ContainerPod.make("app")[0]
            let impatient = try await pod.run(
                "/bin/weft-proxy", "wait", "--ready", "--timeout", "300ms", "--", "/bin/busybox", "echo", "started")
            #expect(impatient.status == 3 && impatient.output.isEmpty, "\(impatient)")
            #expect(impatient.error.contains("WEFT6006"), "\(impatient)")

            let patient = try await pod.start("/bin/weft-proxy", "wait", "--ready", "--", "/bin/busybox", "true")
            try await eventually("waiting") { patient.error.contains("waiting") ? true : nil }
            let result = try await patient.stop()
            #expect(result.status == 128 + SIGTERM, "\(result)")
        }

        @Test("a command that is not there is named")
        func missingCommand() async throws {
            let pod = try await ContainerPod.make("app")[0]
            _ = try await pod.startReadySidecar()
            let result = try await pod.run("/bin/weft-proxy", "wait", "--ready", "--", "/bin/nothing", "--flag")
            #expect(result.status == 1 && result.error.contains("WEFT6013 /bin/nothing"), "\(result)")
            let arguments = try await pod.run(
                "/bin/weft-proxy", "wait", "--ready", "--", "/bin/busybox", "echo", "--help", "--", "-x")
            #expect(arguments.succeeded && arguments.output == "--help -- -x\n", "\(arguments)")
        }

        @Test("the probe finds the metrics port that the configuration names", arguments: NetworkLab.Families.allCases)
        func otherPort(_ families: NetworkLab.Families) async throws {
            let pod = try await ContainerPod.make("app", families: families, settings: "ports: {metrics: 15920}")[0]
            if families == .ipv6Only {
                // Nothing of IPv4 at all, not even on loopback.
                try await pod.network.must("ip", "address", "delete", "127.0.0.1/8", "dev", "lo")
            }
            let sidecar = try await pod.startSidecar()
            let byConfiguration = ["--config", ContainerPod.configuration]
            try await eventually("readiness") {
                try await sidecar.run(["/weft-proxy", "ready"] + byConfiguration).succeeded ? true : nil
            }
            #expect(try await sidecar.run("/weft-proxy", "ready", "--port", "15920").status == 0)
            let other = try await sidecar.run("/weft-proxy", "ready")
            #expect(other.status == 3 && other.error.contains("no proxy answers on port 15020"), "\(other)")
        }
    }
}
