// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension Sidecars {
    /// Programs as they are, which know nothing of the mesh.
    ///
    ///     client: curl, nc, redis-cli ══▶ server: busybox httpd, nc, redis-server, openssl s_server
    ///                                 ──▶ 192.0.2.1 (outside), 10.77.0.1 (no sidecar): plaintext, and said so
    @Suite("Everyday programs")
    struct EverydayTests {
        @Test("curl keeps its HTTP/1.1 connection, and both sidecars tell the same story of it")
        func keepAlive() async throws {
            let pair = try await Pair()
            let (client, server) = (pair.client, pair.server)
            try await server.serve("http", "0.0.0.0:8080")
            let url = "http://\(server.address):8080"
            let result = try await client.run("curl", "-sS", "\(url)/a", "\(url)/b", "\(url)/c")
            #expect(result.output.contains("request 1 on this connection: GET /a"), "\(result)")
            #expect(result.output.contains("request 3 on this connection: GET /c"), "\(result)")

            let outbound = try await client.tells("outbound", to: 8080)
            let inbound = try await server.tells("inbound", to: 8080)
            for told in [outbound, inbound] {
                #expect(told.outcome == "completed" && told.code == "WEFT3000", "\(told)")
                #expect(told.security == "mutual-tls" && told.tlsVersion == "TLSv1.3", "\(told)")
                #expect(told.cipher?.hasPrefix("TLS_") == true)
                #expect(told.protocol == "http/1")
                #expect(told.originalDestination == "\(server.address):8080")
            }
            #expect(outbound.peer == server.spiffeID)
            #expect(inbound.peer == client.spiffeID)
            #expect(outbound.trace != nil && outbound.trace == inbound.trace)
            // Who really called, as the other sidecar claims.
            #expect(inbound.claimedClient == outbound.client)
            #expect(outbound.downstreamBytesReceived == inbound.upstreamBytesSent)
            #expect(outbound.downstreamBytesSent == inbound.upstreamBytesReceived)
        }

        @Test("large downloads and uploads arrive whole")
        func bulk() async throws {
            let pair = try await Pair()
            let (client, server) = (pair.client, pair.server)
            let site = "\(pair.mesh.directory)/site"
            let sum = try await server.pod.shell(
                """
                mkdir -p \(site)/cgi-bin
                head -c 64000000 /dev/urandom > \(site)/big
                printf '#!/bin/sh\\nprintf "Content-Type: text/plain\\\\r\\\\n\\\\r\\\\n"\\nexec sha256sum\\n' > \(site)/cgi-bin/sum
                chmod 755 \(site)/cgi-bin/sum
                sha256sum < \(site)/big
                """)
            _ = try server.start("busybox", "httpd", "-f", "-p", "0.0.0.0:8080", "-h", site)
            try await eventually("the web server") {
                try await server.pod.curl("http://127.0.0.1:8080/cgi-bin/").exitCode == 7 ? nil : true
            }
            let url = "http://\(server.address):8080"
            let copy = try await client.pod.must(
                "sh", "-euc", "curl -sS -m 120 \(url)/big | sha256sum", as: MeshPod.applicationUser)
            #expect(copy == sum)
            let echoed = try await client.curl("-m", "120", "--data-binary", "@\(site)/big", "\(url)/cgi-bin/sum")
            #expect(echoed.body == sum, "\(echoed)")
            let told = try await client.tells("a connection with the upload") {
                $0.downstreamBytesReceived > 64_000_000
            }
            #expect(told.security == "mutual-tls")
            try await server.tells("a connection with the download") { $0.upstreamBytesReceived > 64_000_000 }
        }

        @Test("nc talks both ways, and its end is heard")
        func netcat() async throws {
            let pair = try await Pair()
            let listener = try pair.server.start("nc", "-l", "0.0.0.0", "9000")
            try await pair.server.listens(on: 9000)
            let caller = try pair.client.start("nc", pair.server.address, "9000")
            caller.type("is anybody there")
            try await listener.line(containing: "is anybody there")
            listener.type("only me")
            try await caller.line(containing: "only me")
            try await caller.stop()
            #expect(try await listener.result(within: .seconds(20)).succeeded)
            let told = try await pair.client.tells("outbound", to: 9000)
            #expect(told.protocol == "opaque" && told.downstreamBytesReceived == 17 && told.downstreamBytesSent == 8)
        }

        @Test("after its own end a client still hears the answer", arguments: [0, 5, 300_000])
        func halfClose(_ count: Int) async throws {
            let pair = try await Pair()
            try await pair.server.serve("count", "0.0.0.0:9000")
            let result = try await pair.client.run(
                "sh", "-c", "head -c \(count) /dev/zero | nc -N \(pair.server.address) 9000")
            #expect(result.output == "counted \(count)\n", "\(result)")
            #expect(try await pair.client.tells("outbound", to: 9000).outcome == "completed")
            #expect(try await pair.server.tells("inbound", to: 9000).outcome == "completed")
        }

        @Test("a server that ends first still hears its client")
        func serverEndsFirst() async throws {
            let pair = try await Pair()
            // Says its word and ends; what comes afterwards goes to a file.
            let listener = try pair.server.start("sh", "-c", "echo that is all | nc -N -l 0.0.0.0 9000")
            try await pair.server.listens(on: 9000)
            let caller = try pair.client.connect("\(pair.server.address):9000")
            try await caller.hears("that is all")
            #expect(try await pair.server.tells("inbound", to: 9000).outcome == "completed")
            try await listener.stop()
        }

        @Test("a probe that only connects sees success, even where nobody listens; the log knows better")
        func probe() async throws {
            let pair = try await Pair()
            let probe = try await pair.client.run("nc", "-z", "-w", "5", pair.server.address, "4444")
            #expect(probe.succeeded, "\(probe)")
            try await pair.client.tells("outbound", to: 4444)
        }

        @Test("UDP and ping are not touched")
        func otherProtocols() async throws {
            let pair = try await Pair()
            let listener = try pair.server.start("nc", "-u", "-l", "0.0.0.0", "9000")
            try await eventually("a listener for UDP") {
                try await pair.server.pod.must("ss", "-Hlun", "sport = :9000").isEmpty ? nil : true
            }
            let caller = try pair.client.start("nc", "-u", pair.server.address, "9000")
            caller.type("a datagram")
            try await listener.line(containing: "a datagram")
            let ping = try await pair.client.pod.run("busybox", "ping", "-c", "1", pair.server.address)
            #expect(ping.succeeded, "\(ping)")
            #expect(try pair.client.told.isEmpty)
        }

        @Test("Redis")
        func redis() async throws {
            let pair = try await Pair()
            let (client, server) = (pair.client, pair.server)
            _ = try server.start(
                "redis-server", "--port", "6379", "--bind", "0.0.0.0", "--protected-mode", "no", "--save", "", "--dir",
                "/tmp")
            try await server.listens(on: 6379)
            let value = String(repeating: "woven ", count: 10_000)
            let result = try await client.pod.run(
                ["redis-cli", "-h", server.address], as: MeshPod.applicationUser,
                input: "SET cloth \"\(value)\"\nSTRLEN cloth\nGET cloth\nQUIT")
            #expect(result.output.contains("OK\n60000\n"), "\(result)")
            #expect(result.output.contains(value))
            #expect(try await client.tells("outbound", to: 6379).security == "mutual-tls")
        }

        @Test("the application's own HTTPS passes: the client sees the application's certificate")
        func ownTLS() async throws {
            let pair = try await Pair()
            try await pair.server.serveTLS(port: 8443, as: "the-application")
            let result = try await pair.client.curl("-k", "-v", "https://\(pair.server.address):8443/")
            #expect(result.status == 200, "\(result)")
            #expect(result.error.contains("CN=the-application"))
            let told = try await pair.client.tells("outbound", to: 8443)
            #expect(told.protocol == "tls" && told.security == "mutual-tls", "\(told)")
        }

        @Test("who has no sidecar is reached directly, and it is said why")
        func plaintext() async throws {
            let mesh = try await Mesh()
            let client = try await mesh.pod("client")
            let server = try await mesh.pod(
                "server", ["capture": "{proxyUIDs: [\(MeshPod.proxyUser)], inbound: {skipPorts: [9001]}}"])
            server.ports = "[{port: 9001, meshed: false}]"
            mesh.add("switch", kind: "Workload", "{addresses: [\(NetworkLab.gateway4)], meshed: false}")
            try await mesh.start()
            try await mesh.lab.outside.shell("ip address add 192.0.2.1/32 dev br0")
            try await mesh.lab.outside.serve("http", ["0.0.0.0:80"])
            try await server.serve("http", "0.0.0.0:9001")
            for (target, reason) in [
                ("192.0.2.1:80", "outside-mesh"), ("\(NetworkLab.gateway4):80", "not-meshed"),
                ("\(server.address):9001", "port-not-meshed"),
            ] {
                #expect(try await client.curl("http://\(target)/").status == 200)
                let told = try await client.tells("the call to \(target)") { $0.originalDestination == target }
                #expect(told.security == "plaintext" && told.plaintextReason == reason, "\(told)")
                #expect(told.protocol == "http/1" && told.outcome == "completed")
            }
            // The server's sidecar has no part in a port that its rules skip.
            #expect(try server.told.isEmpty)
        }
    }
}

extension MeshPod {
    /// Waits until somebody listens on a port of IPv4.
    func listens(on port: Int) async throws {
        try await eventually("somebody listens on \(port)") {
            try await pod.must("ss", "-Hltn", "sport = :\(port)").isEmpty ? nil : true
        }
    }

    /// A real TLS server with a certificate of its own.
    func serveTLS(port: Int, as name: String) async throws {
        let files = try NetworkLab.here.directory()
        try await pod.shell(
            """
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=\(name) \
                -keyout \(files)/\(name).key -out \(files)/\(name).crt 2>/dev/null
            chmod 644 \(files)/\(name).key
            """)
        _ = try start(
            "openssl", "s_server", "-accept", "0.0.0.0:\(port)", "-cert", "\(files)/\(name).crt", "-key",
            "\(files)/\(name).key", "-www", "-quiet")
        try await listens(on: port)
    }
}
