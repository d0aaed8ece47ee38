// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension Sidecars {
    /// What `weft import envoy` writes, run as it is.
    @Suite("Imported configuration")
    struct ImportTests {
        @Test("the small example that everybody knows runs as imported")
        func small() async throws {
            let lab = try NetworkLab.here
            let edge = try await lab.pod("edge", .dualStack)
            let server = try await lab.pod("server", .dualStack)
            let directory = try lab.directory()
            let zone = "\(directory)/zone"
            try "service_b.lab A \(server.address4) 60\n".write(toFile: zone, atomically: true, encoding: .utf8)
            let names = try lab.outside.start(["lab-tool", "dns", "\(NetworkLab.gateway4):53", zone])
            try await names.line(containing: "listening")
            try edge.useNames(server: NetworkLab.gateway4, search: "lab", hosts: "")
            try await server.serve("http", ["\(server.address4):8080"])

            let example = URL(filePath: #filePath).deletingLastPathComponent()
                .appending(path: "../EnvoyImportTests/Golden/small.envoy.yaml").standardized.path
            let imported = "\(directory)/imported.yaml"
            try await edge.must("weft", "import", "envoy", example, "--output", imported)
            // A directory for state as the packages make it, in this namespace of mounts alone.
            let script = """
                mount -t tmpfs tmpfs /var/lib
                install -d -m 0700 -o 2102 /var/lib/weft
                exec setpriv --reuid=2102 --regid=2102 --clear-groups \
                "\(BuiltProgram.directory)/weft-proxy" run --config "\(imported)"
                """
            let proxy = try edge.start(["sh", "-euc", script])
            try await eventually("an answer through the gateway") {
                if !proxy.isRunning { throw DidNotHappen("the gateway has ended: \(proxy.output)\(proxy.error)") }
                let result = try await lab.outside.curl("http://\(edge.address4):10000/echo?x=1")
                return result.status == 200 && result.body.contains("GET /echo?x=1") ? true : nil
            }
            let many = try await lab.outside.run(
                "h2load", "--h1", "-n", "300", "-c", "3", "http://\(edge.address4):10000/")
            #expect(many.output.contains("300 succeeded"), "\(many)")
        }
    }
}
