// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension Sidecars {
    /// A refusal shows as a reset, because the kernel has accepted before the sidecar can know; the log says why.
    @Suite("Refusals and resets")
    struct RefusalTests {
        @Test("nobody listens at the destination")
        func refused() async throws {
            let pair = try await Pair()
            let caller = try pair.client.connect("\(pair.server.address):4444")
            try await caller.line(containing: "failed: Connection reset")
            for (pod, direction) in [(pair.client, "outbound"), (pair.server, "inbound")] {
                let told = try await pod.tells(direction, to: 4444)
                #expect(told.outcome == "connect-refused" && told.code == "WEFT3003", "\(told)")
                #expect(told.security == "mutual-tls", "\(told)")
            }
        }

        @Test("an application that listens on loopback only is not exposed, and its owner is told")
        func loopbackOnly() async throws {
            let pair = try await Pair()
            try await pair.server.serve("echo", "127.0.0.1:9000")
            let caller = try pair.client.connect("\(pair.server.address):9000")
            try await caller.line(containing: "failed: Connection reset")
            let told = try await pair.client.tells("outbound", to: 9000)
            #expect(told.outcome == "loopback-only" && told.code == "WEFT3006", "\(told)")
            #expect(try await pair.server.tells("inbound", to: 9000).code == "WEFT3006")
        }

        @Test("a server's reset reaches the client, after what the server had sent")
        func serverReset() async throws {
            let pair = try await Pair()
            try await pair.server.serve("reset", "0.0.0.0:9000")
            let caller = try pair.client.connect("\(pair.server.address):9000")
            try await caller.hears("last words", to: "hello")
            try await caller.line(containing: "failed: Connection reset")
            #expect(try await pair.server.tells("inbound", to: 9000).outcome == "server-reset")
            let told = try await pair.client.tells("outbound", to: 9000)
            #expect(told.outcome == "server-reset" && told.downstreamBytesSent == 11, "\(told)")
        }

        @Test("a client's reset reaches the server")
        func clientReset() async throws {
            let pair = try await Pair()
            let application = try await pair.server.serve("listen", "0.0.0.0:9000")
            let caller = try pair.client.connect("\(pair.server.address):9000")
            try await caller.hears("0.0.0.0:9000 says: hello", to: "hello")
            caller.type("abort")
            try await application.line(containing: "broken at=0.0.0.0:9000")
            #expect(application.output.contains("Connection reset"))
            for (pod, direction) in [(pair.client, "outbound"), (pair.server, "inbound")] {
                let told = try await pod.tells(direction, to: 9000)
                #expect(told.outcome == "client-reset" && told.code == "WEFT3001", "\(told)")
            }
        }

        @Test("a client that resets in the middle of a download frees everything behind it")
        func clientResetsDownload() async throws {
            let pair = try await Pair()
            let application = try await pair.server.serve("flood", "0.0.0.0:9000")
            // Far into the part of a stream that has left its framing behind.
            let caller = try pair.client.start("lab-tool", "sip", "\(pair.server.address):9000", "20000000")
            try await caller.line(containing: "enough")
            try await application.line(containing: "broken at=0.0.0.0:9000")
            let outbound = try await pair.client.tells("outbound", to: 9000)
            #expect(outbound.outcome == "client-reset" && outbound.downstreamBytesSent >= 20_000_000, "\(outbound)")
            // Without frames a reset between the sidecars has no words: docs/adr/0004-abort-in-raw.md.
            #expect(try await pair.server.tells("inbound", to: 9000).outcome == "peer-cut")
            for pod in [pair.client, pair.server] {
                try await pod.measures("nothing left") {
                    $0.value("weft_connections_active") == 0 && $0.value("weft_peer_connections") == 0
                }
            }
        }

        @Test("a server that resets in the middle of a download is not taken for one that has finished")
        func serverResetsDownload() async throws {
            let pair = try await Pair()
            try await pair.server.serve("burst", "0.0.0.0:9000")
            let caller = try pair.client.start("lab-tool", "sip", "\(pair.server.address):9000", "100000000")
            try await caller.line(containing: "failed: Connection reset")
            #expect(try await pair.server.tells("inbound", to: 9000).outcome == "server-reset")
            let told = try await pair.client.tells("outbound", to: 9000)
            #expect(["server-reset", "peer-cut"].contains(told.outcome), "\(told)")
        }

        @Test("an address of the mesh that nobody has is refused, never tried in plaintext")
        func unknown() async throws {
            let pair = try await Pair()
            let tap = try await WireTap(on: pair.client.pod)
            let caller = try pair.client.connect("10.77.0.99:80")
            try await caller.line(containing: "failed: Connection reset")
            let told = try await pair.client.tells("outbound", to: 80)
            #expect(told.outcome == "unknown-destination" && told.code == "WEFT3040", "\(told)")
            #expect(told.upstream == nil)
            // Not even its Ethernet address was asked for: 10.77.0.99 in an ARP request.
            let request = Data([0, 0, 0, 0, 0, 0, 10, 77, 0, 99])
            #expect(try await tap.bytes().range(of: request) == nil)
        }

        @Test("with registryOnly the rest of the world is refused too")
        func registryOnly() async throws {
            let pair = try await Pair(client: ["outbound": "{registryOnly: true}"])
            let caller = try pair.client.connect("192.0.2.1:80")
            try await caller.line(containing: "failed: Connection reset")
            #expect(try await pair.client.tells("outbound", to: 80).code == "WEFT3041")
        }

        @Test("the sidecar's own ports are no services", arguments: [15001, 15006])
        func ownListener(_ port: Int) async throws {
            let pair = try await Pair()
            let outside = try pair.outside.start("lab-tool", "connect", "\(pair.server.address):\(port)")
            try await outside.line(containing: "failed: Connection reset")
            let told = try await pair.server.tells("inbound", to: port)
            #expect(told.outcome == "own-listener" && told.code == "WEFT3011", "\(told)")
            // From within, straight to the port: there is no original destination, or it is the port itself.
            let inside = try pair.server.connect("127.0.0.1:\(port)")
            try await inside.line(containing: "failed: Connection reset")
            try await pair.server.tells("a connection from within") {
                $0.client.hasPrefix("127.0.0.1:") && ["WEFT3010", "WEFT3011"].contains($0.code)
            }
        }

        @Test("through the mesh nobody reaches another pod's sidecar, save for its public metrics port")
        func peersListener() async throws {
            let pair = try await Pair()
            for port in [15001, 15006] {
                let caller = try pair.client.connect("\(pair.server.address):\(port)")
                try await caller.line(containing: "failed: ")
            }
            let open = try await pair.client.curl("http://\(pair.server.address):15020/ready")
            #expect(open.status == 200, "\(open)")
            #expect(try await pair.client.curl("http://\(pair.server.address):15020/connections").status == 404)
        }

        @Test("connections that come before the identity wait for it, as many as are allowed")
        func held() async throws {
            let mesh = try await Mesh()
            let client = try await mesh.pod("client", ["limits": "{held: 2}"])
            let server = try await mesh.pod("server", ["timeouts": "{hold: 60s, handshake: 60s}"])
            let withoutIdentity = [client, server]
            for pod in withoutIdentity {
                try FileManager.default.removeItem(atPath: pod.identity.chain)
                try pod.writeConfiguration()
                try await pod.capture()
                try pod.startProxy()
                try await pod.says("there is no identity yet")
                #expect(try await pod.ask("/ready").status == 503)
            }
            try await server.serve("echo", "0.0.0.0:9000")
            client.set("timeouts", "{hold: 60s}")
            #expect(try await client.reload())
            var waiting: [RunningProgram] = []
            for number in 1...2 {
                waiting.append(try client.connect("\(server.address):9000"))
                try await client.measures("\(number) held") { $0.value("weft_held_connections") == Double(number) }
            }
            #expect(try await client.connections().allSatisfy { $0.state == "held" })
            let tooMany = try client.connect("\(server.address):9000")
            try await tooMany.line(containing: "failed: Connection reset")
            try await client.tells("one too many") { $0.outcome == "hold-full" && $0.code == "WEFT3031" }
            // The client's identity comes first: its connections then wait in the server's sidecar.
            for pod in withoutIdentity {
                for caller in waiting { caller.type("hello") }
                try pod.identity.write(mesh.authority.leaf(pod.spiffeID), of: mesh.authority)
                try await pod.ready()
            }
            for caller in waiting { try await caller.hears("hello") }
        }

        @Test("what waits for an identity does not wait for ever")
        func heldTooLong() async throws {
            let mesh = try await Mesh()
            let client = try await mesh.pod("client", ["timeouts": "{hold: 1s}"])
            let server = try await mesh.pod("server")
            try FileManager.default.removeItem(atPath: client.identity.chain)
            try client.writeConfiguration()
            try await client.capture()
            try client.startProxy()
            try await client.says("there is no identity yet")
            let caller = try client.connect("\(server.address):9000")
            try await caller.line(containing: "failed: Connection reset")
            let told = try await client.tells("outbound", to: 9000)
            #expect(told.outcome == "identity-missing" && told.code == "WEFT3030", "\(told)")
        }
    }
}
