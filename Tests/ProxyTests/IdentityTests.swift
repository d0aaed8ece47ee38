// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshModel
import MeshTesting
import Testing

extension Sidecars {
    /// A server that should not be believed.
    enum Impostor: String, CaseIterable, Sendable, CustomStringConvertible {
        case ofAnotherAuthority = "its authority is another of the same name"
        case ofAnotherTrustDomain = "its trust domain is another"
        case expired = "its certificate has expired while it ran"
        case somebodyElse = "it is somebody else of the mesh"

        var description: String { rawValue }

        /// What the client's sidecar says of it.
        var outcome: String { self == .somebodyElse ? "wrong-identity" : "certificate-rejected" }

        var detail: String {
            switch self {
            case .ofAnotherAuthority: "WEFT4102"
            case .ofAnotherTrustDomain: "WEFT4115"
            case .expired: "WEFT4103"
            case .somebodyElse: "sa/server"
            }
        }
    }

    /// A caller with the right protocol and the wrong papers, or none.
    struct Caller: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let detail: String
        var papers: @Sendable (TestMesh) throws -> (leaf: MintedCertificate, authority: TestMesh)? = { _ in nil }
    }

    /// Who may talk to whom, in both directions: whoever cannot prove who they are gets a reset, never plaintext.
    @Suite("Identities")
    struct IdentityTests {
        @Test("a server is not believed", arguments: Impostor.allCases)
        func server(_ impostor: Impostor) async throws {
            let mesh = try await Mesh()
            let client = try await mesh.pod("client")
            let server = try await mesh.pod("server")
            switch impostor {
            case .ofAnotherAuthority:
                let other = try TestMesh("mesh.example", now: .today)
                try server.identity.write(other.leaf(server.spiffeID), of: other)
            case .ofAnotherTrustDomain:
                let other = try TestMesh("elsewhere.example", now: .today)
                let identity = "spiffe://elsewhere.example/ns/default/sa/server"
                try server.identity.write(other.leaf(identity), of: other)
                server.believe(server, is: identity)
            case .expired:
                let end = WallTime(seconds: WallTime.today.seconds + 12)
                try server.identity.write(
                    mesh.authority.leaf(server.spiffeID) { $0.notAfter = end }, of: mesh.authority)
            case .somebodyElse:
                client.believe(server, is: "spiffe://mesh.example/ns/default/sa/somebody-else")
            }
            try await mesh.start()
            let application = try await server.serve("http", "0.0.0.0:8080")
            if impostor == .expired {
                try await eventually("the end of the certificate", within: .seconds(30)) {
                    try await server.ask("/certificates").body.contains("\"seconds_left\":-") ? true : nil
                }
            }
            let result = try await client.curl("http://\(server.address):8080/")
            #expect(result.wasReset, "\(result)")
            let told = try await client.tells("outbound", to: 8080)
            #expect(told.outcome == impostor.outcome, "\(told)")
            #expect(told.reason?.contains(impostor.detail) == true, "\(told)")
            #expect(told.security != "plaintext")
            // The application has heard nothing of it.
            #expect(!application.output.contains("accepted"))
            #expect(try await client.metrics().value("weft_handshakes_total", ["result": "failed"]) > 0)
        }

        private static let callers = [
            Caller(testDescription: "no certificate", detail: "WEFT4101"),
            Caller(testDescription: "another authority", detail: "WEFT4102") { mesh in
                let other = try TestMesh("mesh.example", now: mesh.now)
                return (try other.leaf(), other)
            },
            Caller(testDescription: "another trust domain", detail: "WEFT4115") { mesh in
                let other = try TestMesh("elsewhere.example", now: mesh.now)
                return (try other.leaf(), other)
            },
            Caller(testDescription: "expired", detail: "WEFT4103") { mesh in
                (try mesh.leaf { $0.notAfter = WallTime(seconds: mesh.now.seconds - 60) }, mesh)
            },
            Caller(testDescription: "not valid yet", detail: "WEFT4104") { mesh in
                (try mesh.leaf { $0.notBefore = WallTime(seconds: mesh.now.seconds + 3600) }, mesh)
            },
            Caller(testDescription: "two identities", detail: "WEFT4113") { mesh in
                (try mesh.leaf { $0.set(.names(.uri(mesh.identity), .uri(mesh.identity + "2"))) }, mesh)
            },
        ]

        @Test("a caller is not believed", arguments: callers)
        func caller(_ caller: Caller) async throws {
            let mesh = try await Mesh()
            let server = try await mesh.pod("server")
            try await mesh.start()
            let application = try await server.serve("http", "0.0.0.0:8080")
            var words = [
                "openssl", "s_client", "-connect", "\(server.address):8080", "-tls1_3", "-alpn", "weft/1", "-quiet",
                "-verify_quiet",
            ]
            if let (leaf, authority) = try caller.papers(mesh.authority) {
                let files = try IdentityFiles("\(mesh.directory)/caller", owner: 0)
                try files.write(leaf, of: authority)
                words += ["-cert", files.chain, "-cert_chain", files.chain, "-key", files.key]
            }
            let stranger = try mesh.lab.outside.start(words)
            let told = try await server.tells("inbound", to: 8080)
            #expect(told.outcome == "certificate-rejected", "\(told)")
            #expect(told.reason?.contains(caller.detail) == true, "\(told)")
            #expect(try await !stranger.result().succeeded)
            #expect(!application.output.contains("accepted"))
        }

        @Test("two trust domains that know each other's roots talk; each is judged by its own")
        func federation() async throws {
            let mesh = try await Mesh()
            let client = try await mesh.pod("client")
            let server = try await mesh.pod("server")
            let other = try TestMesh("elsewhere.example", now: .today)
            let identity = "spiffe://elsewhere.example/ns/default/sa/server"
            let roots = "\(mesh.directory)/roots"
            for (name, authority) in [("mesh.example", mesh.authority), ("elsewhere.example", other)] {
                let files = try IdentityFiles("\(roots)-\(name)", owner: MeshPod.proxyUser)
                try files.write(authority.leaf(), of: authority)
            }
            try server.identity.write(other.leaf(identity), of: other)
            for pod in [client, server] { pod.believe(server, is: identity) }
            client.add(
                "elsewhere", kind: "Trust",
                "{trustDomain: elsewhere.example, bundle: \(roots)-elsewhere.example/bundle.pem}")
            server.add(
                "elsewhere", kind: "Trust", "{trustDomain: mesh.example, bundle: \(roots)-mesh.example/bundle.pem}")
            try await mesh.start()
            try await server.serve("http", "0.0.0.0:8080")
            #expect(try await client.curl("http://\(server.address):8080/").status == 200)
            #expect(try await client.tells("outbound", to: 8080).peer == identity)
            #expect(try await server.tells("inbound", to: 8080).peer == client.spiffeID)
        }

        @Test("a mesh certificate opens no door without weft/1")
        func foreignProtocol() async throws {
            let mesh = try await Mesh()
            let server = try await mesh.pod("server")
            try await mesh.start()
            let files = try IdentityFiles("\(mesh.directory)/caller", owner: 0)
            try files.write(mesh.authority.leaf(), of: mesh.authority)
            _ = try mesh.lab.outside.start(
                "openssl", "s_client", "-connect", "\(server.address):8080", "-alpn", "http/1.1", "-cert", files.chain,
                "-key", files.key)
            let told = try await server.tells("inbound", to: 8080)
            #expect(told.outcome == "foreign-tls-refused" && told.code == "WEFT3021", "\(told)")
        }
    }
}
