// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension Sidecars {
    /// What comes in without the mesh: `outside` has no certificate and no sidecar.
    @Suite("Strict and permissive ports")
    struct AdmissionTests {
        @Test("a strict port resets plaintext, and the application never hears of it")
        func strict() async throws {
            let pair = try await Pair()
            let application = try await pair.server.serve("http", "0.0.0.0:8080")
            let result = try await pair.outside.curl("http://\(pair.server.address):8080/")
            #expect(result.wasReset, "\(result)")
            let told = try await pair.server.tells("inbound", to: 8080)
            #expect(told.outcome == "plaintext-refused" && told.code == "WEFT3020", "\(told)")
            #expect(told.security == "none")
            #expect(!application.output.contains("accepted"))
            #expect(
                try await pair.server.metrics().value(
                    "weft_connections_finished_total", ["code": "WEFT3020", "direction": "inbound"]) == 1)
        }

        @Test("a permissive workload takes plaintext and says why it is plaintext")
        func permissive() async throws {
            let pair = try await Pair(server: ["inbound": "{mode: permissive}"])
            try await pair.server.serve("http", "0.0.0.0:8080")
            #expect(try await pair.outside.curl("http://\(pair.server.address):8080/").status == 200)
            let told = try await pair.server.tells("inbound", to: 8080)
            #expect(told.security == "plaintext" && told.plaintextReason == "permissive", "\(told)")
            #expect(told.protocol == "http/1" && told.outcome == "completed", "\(told)")
            #expect(told.peer == nil && told.cipher == nil)
            #expect(
                try await pair.server.metrics().value(
                    "weft_plaintext_connections_total", ["reason": "permissive"]) == 1)
            // The mesh's own connections are as before.
            #expect(try await pair.client.curl("http://\(pair.server.address):8080/").status == 200)
            try await pair.server.tells("an authenticated connection") { $0.peer == pair.client.spiffeID }
        }

        @Test("the application's own TLS passes a permissive port, counted as unauthenticated")
        func permissiveTLS() async throws {
            let pair = try await Pair(server: ["inbound": "{mode: permissive}"])
            try await pair.server.serveTLS(port: 8443, as: "the-application")
            let result = try await pair.outside.curl("-k", "-v", "https://\(pair.server.address):8443/")
            #expect(result.status == 200 && result.error.contains("CN=the-application"), "\(result)")
            let told = try await pair.server.tells("inbound", to: 8443)
            #expect(told.plaintextReason == "passthrough-tls" && told.protocol == "tls", "\(told)")
        }

        @Test("a port can be other than its workload")
        func perPort() async throws {
            let ports = "[{port: 8081, mode: permissive}, {port: 8443, passthroughTLS: true}]"
            let pair = try await Pair(server: ["inbound": "{mode: strict, ports: \(ports)}"])
            let (server, outside) = (pair.server, pair.outside)
            try await server.serve("http", "0.0.0.0:8080", "0.0.0.0:8081")
            try await server.serveTLS(port: 8443, as: "the-application")
            #expect(try await outside.curl("http://\(server.address):8080/").status == 0)
            #expect(try await outside.curl("http://\(server.address):8081/").status == 200)
            #expect(try await outside.curl("-k", "https://\(server.address):8443/").status == 200)
            #expect(try await outside.curl("http://\(server.address):8443/").status == 0)
            #expect(try await server.tells("inbound", to: 8081).plaintextReason == "permissive")
            try await server.tells("TLS on the listed port") { $0.plaintextReason == "passthrough-tls" }
            try await server.tells("plaintext on the port for TLS") {
                $0.originalDestination == "\(server.address):8443" && $0.outcome == "plaintext-refused"
            }
        }

        @Test("a strict port in a permissive workload, and back by a reload")
        func reload() async throws {
            let pair = try await Pair(server: ["inbound": "{mode: permissive, ports: [{port: 8081, mode: strict}]}"])
            let (server, outside) = (pair.server, pair.outside)
            try await server.serve("http", "0.0.0.0:8080", "0.0.0.0:8081")
            #expect(try await outside.curl("http://\(server.address):8080/").status == 200)
            #expect(try await outside.curl("http://\(server.address):8081/").status == 0)
            server.set("inbound", "{mode: strict, ports: [{port: 8081, mode: permissive}]}")
            #expect(try await server.reload())
            try await eventually("the port is strict now") {
                try await outside.curl("http://\(server.address):8080/").status == 0 ? true : nil
            }
            #expect(try await outside.curl("http://\(server.address):8081/").status == 200)
        }

        @Test("plaintext that is open when its port turns strict is cut")
        func policyChanged() async throws {
            let pair = try await Pair(server: ["inbound": "{mode: permissive}"])
            try await pair.server.serve("echo", "0.0.0.0:9000")
            let stranger = try pair.outside.start("lab-tool", "connect", "\(pair.server.address):9000")
            try await stranger.hears("hello", to: "hello")
            let member = try pair.client.connect("\(pair.server.address):9000")
            try await member.hears("hello", to: "hello")
            pair.server.set("inbound", nil)
            #expect(try await pair.server.reload())
            try await stranger.line(containing: "failed: Connection reset")
            let told = try await pair.server.tells("inbound", to: 9000)
            #expect(told.outcome == "policy-changed" && told.plaintextReason == "permissive", "\(told)")
            try await member.hears("still here", to: "still here")
        }

        @Test("a silent client of a strict port is let go in time")
        func silence() async throws {
            let pair = try await Pair(server: ["timeouts": "{handshake: 1s}"])
            try await pair.server.serve("greet", "0.0.0.0:9000")
            let caller = try pair.outside.start("lab-tool", "connect", "\(pair.server.address):9000")
            try await caller.line(containing: "failed: Connection reset")
            #expect(try await pair.server.tells("inbound", to: 9000).outcome == "client-silent")
        }
    }
}
