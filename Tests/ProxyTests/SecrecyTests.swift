// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension Sidecars {
    /// Somebody listens on the server's cable.
    @Suite("What is on the cable")
    struct SecrecyTests {
        private static let marker = "a-marked-payload-that-nobody-may-read"

        @Test("without the mesh the payload can be read off the cable: the tap works")
        func control() async throws {
            let lab = try NetworkLab.here
            let client = try await lab.pod("client")
            let server = try await lab.pod("server")
            let tap = try await WireTap(on: server)
            try await server.serve("echo", ["0.0.0.0:9000"])
            let caller = try client.start("lab-tool", "connect", "\(server.address4):9000")
            try await caller.hears(Self.marker, to: Self.marker)
            #expect(try await tap.heard(Self.marker))
        }

        @Test("between sidecars not one byte of the payload can be read, in either direction and family")
        func secret() async throws {
            let pair = try await Pair()
            let tap = try await WireTap(on: pair.server.pod)
            try await pair.server.serve("echo", "0.0.0.0:9000", "[::]:9000")
            for target in ["\(pair.server.address):9000", "[\(pair.server.address6)]:9000"] {
                let caller = try pair.client.connect(target)
                for round in 0..<3 { try await caller.hears("\(Self.marker) \(round)", to: "\(Self.marker) \(round)") }
                try await caller.stop()
            }
            // Enough for a stream to leave its framing behind.
            let big = try await pair.client.pod.shell(
                """
                yes \(Self.marker) | head -c 8000000 > \(pair.mesh.directory)/marked
                nc -N \(pair.server.address) 9000 < \(pair.mesh.directory)/marked | cmp - \(pair.mesh.directory)/marked && echo whole
                """)
            #expect(big == "whole\n")
            let bytes = try await tap.bytes()
            #expect(bytes.range(of: Data(Self.marker.utf8)) == nil)
            #expect(bytes.range(of: Data(Self.marker.utf8.prefix(12))) == nil)
            #expect(bytes.count > 4_000_000, "the tap has seen too little to tell: \(bytes.count) bytes")
            // The names of the peers travel encrypted too, as TLS 1.3 has it.
            #expect(bytes.range(of: Data("spiffe://".utf8)) == nil)
        }
    }
}
