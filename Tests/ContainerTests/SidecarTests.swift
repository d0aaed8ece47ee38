// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension Containers {
    @Suite("Sidecar")
    struct SidecarTests {
        @Test("two pods talk by mutual TLS, and neither application knows", arguments: NetworkLab.Families.allCases)
        func mutualTLS(_ families: NetworkLab.Families) async throws {
            let pods = try await ContainerPod.make("client", "server", families: families)
            let (client, server) = (pods[0], pods[1])
            let clientSidecar = try await client.startReadySidecar()
            let serverSidecar = try await server.startReadySidecar()
            _ = try await server.startWebServer()
            let network = server.network
            let urls = [network.ipv4.map { "http://\($0):8080/" }, network.ipv6.map { "http://[\($0)]:8080/" }]
            for url in urls.compactMap({ $0 }) { #expect(try await client.fetch(url) == "hello from server\n") }

            let outbound = try await clientSidecar.line(containing: "completed")
            #expect(outbound.contains("mutual-tls") && outbound.contains(server.identity), "\(outbound)")
            let inbound = try await serverSidecar.line(containing: "completed")
            #expect(inbound.contains("mutual-tls") && inbound.contains(client.identity), "\(inbound)")
            for url in urls.compactMap({ $0 }) {
                // Who has no sidecar is not let in: the server's is strict.
                #expect(try await NetworkLab.here.outside.curl(url).wasReset)
            }
            for sidecar in [clientSidecar, serverSidecar] {
                let result = try await sidecar.stop()
                #expect(result.succeeded && result.output.contains("ended"), "\(result)")
            }
        }

        @Test("it has nothing: no capability, no new privileges, no passwd entry, no shell, no file but its own")
        func unprivileged() async throws {
            let pod = try await ContainerPod.make("app")[0]
            let sidecar = try await pod.startReadySidecar()
            for set in ["CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb"] {
                #expect(try sidecar.status(set) == "0000000000000000", "\(set)")
            }
            #expect(try sidecar.status("NoNewPrivs") == "1")
            #expect(try sidecar.status("Uid") == "2102\t2102\t2102\t2102")
            #expect(try sidecar.status("Seccomp") == "2")
            #expect(try sidecar.status("NSpid")?.hasSuffix("\t1") == true, "it is process 1")
            let image = try ContainerHost.here.images.proxy.path
            for path in ["/bin/sh", "/etc/passwd", "/tmp"] {
                #expect(!FileManager.default.fileExists(atPath: image + path), "\(path)")
            }
            #expect(!sidecar.output.contains("less confined"), "\(sidecar.output)")
        }

        @Test(
            "SIGTERM and SIGINT to process 1 drain: what is open goes on, the end is clean", arguments: ["TERM", "INT"])
        func drain(_ signal: String) async throws {
            let pods = try await ContainerPod.make("client", "server")
            let sidecar = try await pods[0].startReadySidecar()
            _ = try await pods[1].startReadySidecar()
            _ = try await pods[1].start("/bin/busybox", "nc", "-ll", "-p", "9000", "-e", "/bin/busybox", "cat")
            let application = try await pods[0].start(
                "/bin/busybox", "sh", "-c", "until busybox nc \(pods[1].network.address4) 9000; do sleep 0.1; done")
            application.type("before")
            try await application.line(containing: "before")

            try await sidecar.send(signal)
            try await sidecar.line(containing: "draining")
            #expect(try await sidecar.run("/weft-proxy", "ready").status == 3)
            application.type("after")
            try await application.line(containing: "after")
            #expect(sidecar.isRunning)
            try await application.send("KILL")
            let result = try await sidecar.result()
            #expect(result.succeeded, "\(result)")
        }

        @Test("SIGHUP to process 1 reads the configuration again")
        func reload() async throws {
            let sidecar = try await ContainerPod.make("app")[0].startReadySidecar()
            try await sidecar.send("HUP")
            try await sidecar.line(containing: "configuration reloaded")
        }

        @Test("as process 1 it reaps what others leave behind")
        func reaping() async throws {
            let pod = try await ContainerPod.make("app")[0]
            let sidecar = try await pod.startReadySidecar()
            // The inner shell ends at once, and what it has started becomes process 1's.
            _ = try await pod.start(
                ["/bin/busybox", "sh", "-c", "(busybox sleep 1 &); exec busybox sleep 60"], processesOf: sidecar)
            try await eventually("an orphan") { children(of: sidecar).isEmpty ? nil : true }
            try await eventually("no orphan and no zombie") { children(of: sidecar).isEmpty ? true : nil }
            #expect(sidecar.isRunning)
        }

        private func children(of container: Container) -> [String] {
            let processes = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
            return processes.filter { process in
                let text = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
                return text?.contains("\nPPid:\t\(container.processIdentifier)\n") == true
            }
        }
    }
}
