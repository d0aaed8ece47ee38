// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension Sidecars {
    /// The two pods of ``Sidecars``, with addresses of one family or of both.
    ///
    ///     client 10.77.0.2 ══▶ server 10.77.0.3
    ///            fd77::2   ══▶        fd77::3
    @Suite("IPv4 and IPv6")
    struct FamilyTests {
        @Test("pods with IPv6 only")
        func ipv6Only() async throws {
            let pair = try await Pair(.ipv6Only)
            try await pair.server.serve("http", "[::]:8080")
            let result = try await pair.client.curl("-g", "http://[\(pair.server.address6)]:8080/")
            #expect(result.status == 200, "\(result)")
            let told = try await pair.client.tells("outbound", to: 8080)
            #expect(told.originalDestination == "[\(pair.server.address6)]:8080" && told.security == "mutual-tls")
            #expect(
                try await pair.server.tells("inbound", to: 8080).claimedClient?.hasPrefix("[\(pair.client.address6)]")
                    == true)
        }

        @Test("pods with IPv4 only")
        func ipv4Only() async throws {
            let pair = try await Pair(.ipv4Only)
            try await pair.server.serve("http", "0.0.0.0:8080")
            #expect(try await pair.client.curl("http://\(pair.server.address):8080/").status == 200)
            #expect(try await pair.client.tells("outbound", to: 8080).security == "mutual-tls")
        }

        @Test("dual stack: either family reaches what listens on it, and only that")
        func dualStack() async throws {
            let pair = try await Pair()
            let (client, server) = (pair.client, pair.server)
            try await server.serve("http", "0.0.0.0:8080", "[::]:8080", "0.0.0.0:8084", "[::]:8086")
            for host in [server.address, "[\(server.address6)]"] {
                #expect(try await client.curl("-g", "http://\(host):8080/").status == 200)
                try await client.tells("a connection to \(host)") {
                    $0.originalDestination == "\(host):8080" && $0.security == "mutual-tls"
                }
            }
            #expect(try await client.curl("http://\(server.address):8084/").status == 200)
            #expect(try await client.curl("-g", "http://[\(server.address6)]:8084/").status == 0)
            #expect(try await client.curl("-g", "http://[\(server.address6)]:8086/").status == 200)
            #expect(try await client.curl("http://\(server.address):8086/").status == 0)
        }

        @Test("a client that dials IPv4 from a socket of IPv6")
        func mappedClient() async throws {
            let pair = try await Pair()
            try await pair.server.serve("http", "0.0.0.0:8080")
            let result = try await pair.client.curl("-g", "http://[::ffff:\(pair.server.address)]:8080/")
            #expect(result.status == 200, "\(result)")
            let told = try await pair.client.tells("outbound", to: 8080)
            #expect(
                told.originalDestination == "\(pair.server.address):8080" && told.security == "mutual-tls", "\(told)")
        }

        @Test("an IPv4 client of a socket that serves both families")
        func mapped() async throws {
            let pair = try await Pair()
            // busybox binds `::` without V6ONLY: it sees IPv4 clients as mapped addresses.
            let site = "\(pair.mesh.directory)/site"
            try await pair.server.pod.shell("mkdir -p \(site); echo both > \(site)/index.html")
            _ = try pair.server.start("busybox", "httpd", "-f", "-p", "[::]:8080", "-h", site)
            try await eventually("the web server") {
                try await pair.server.pod.must("ss", "-Hltn", "sport = :8080").isEmpty ? nil : true
            }
            #expect(try await pair.client.curl("http://\(pair.server.address):8080/").body == "both\n")
            #expect(try await pair.client.curl("-g", "http://[\(pair.server.address6)]:8080/").body == "both\n")
        }
    }
}
