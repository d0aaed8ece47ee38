// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

@Suite("Ports that are taken", .serialized)
struct TakenPortTests {
    @Test(
        "a control plane beside another says of each port by whom it is taken and how to choose another, and begins nothing"
    )
    func beside() async throws {
        let scene = try await ControlScene()
        func second(_ listen: String, _ options: String...) async throws -> ProgramResult {
            let words = [
                BuiltProgram.path("weft-control"), "run", "--data", scene.directory + "/second", "--trust-domain",
                "mesh.test", "--listen", listen, "--metrics-port", "0",
            ]
            return try await RunningProgram(words + options, log: scene.directory + "/second").result()
        }
        let ports = [("--api-port", scene.apiPort), ("--proxy-port", scene.proxyPort), ("--join-port", scene.joinPort)]
        let result = try await second(
            "127.0.0.1", "--api-port", "\(scene.apiPort)", "--proxy-port", "\(scene.proxyPort)", "--join-port",
            "\(scene.joinPort)")
        #expect(result.status == 1 && result.output.isEmpty, "\(result)")
        let lines = result.error.split(separator: "\n")
        #expect(lines.count == 3, "\(result)")
        for (option, port) in ports {
            let line = "WEFT6001 127.0.0.1:\(port): is taken by `weft-control`, process \(scene.process)"
            #expect(lines.contains { $0.contains(line) && $0.contains("`\(option)`") }, "\(result)")
        }
        #expect(!FileManager.default.fileExists(atPath: scene.directory + "/second"))
        let nowhere = try await second("192.0.2.1", "--api-port", "0", "--join-port", "0")
        #expect(
            nowhere.status == 1 && nowhere.error.contains("WEFT6001 --listen: this host has no address 192.0.2.1"),
            "\(nowhere)")
    }
}
