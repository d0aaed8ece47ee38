// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

@Suite("The allocator of the control plane", .serialized)
struct HeapSettingTests {
    @Test("no thread keeps freed memory for itself, unless whoever starts it wants that")
    func setting() async throws {
        let scene = try await ControlScene()
        /// glibc ends each setting with a zero where it stands, so that /proc shows them one by one.
        func settings() throws -> [String] {
            let environment = try Data(contentsOf: URL(filePath: "/proc/\(scene.process)/environ"))
            return environment.split { [0, UInt8(ascii: ":")].contains($0) }
                .map { String(decoding: $0, as: UTF8.self).replacing("GLIBC_TUNABLES=", with: "") }
                .filter { $0.hasPrefix("glibc.") }
        }
        #expect(try settings() == ["glibc.malloc.tcache_count=0"])
        // It is who was started, by process and by name.
        let name = try String(contentsOfFile: "/proc/\(scene.process)/comm", encoding: .utf8)
        #expect(name == "weft-control\n")
        try await scene.restart(variables: ["GLIBC_TUNABLES": "glibc.malloc.perturb=0:glibc.malloc.mxfast=64"])
        #expect(
            try settings() == ["glibc.malloc.perturb=0", "glibc.malloc.mxfast=64", "glibc.malloc.tcache_count=0"])
        try await scene.restart(variables: ["GLIBC_TUNABLES": "glibc.malloc.tcache_count=3"])
        #expect(try settings() == ["glibc.malloc.tcache_count=3"])
    }
}
