// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import Glibc
import MeshTesting
import Testing

extension Sidecars {
    /// Gateways that read requests: clients outside the mesh come in by HTTP and HTTPS.
    ///
    ///     outside ── edge:8080 (HTTP), edge:8443 (HTTPS) ──▶ weft-proxy ══ mutual TLS ══▶ one:9000, two:9000
    @Suite("Requests to gateways")
    struct GatewayRequestTests {
        private struct Scene {
            let mesh: Mesh
            let edge: MeshPod
            let one: MeshPod
            let two: MeshPod

            var outside: Pod { mesh.lab.outside }

            init(_ server: String = "http", listeners: String = GatewayRequestTests.listeners) async throws {
                mesh = try await Mesh()
                edge = try await mesh.pod("edge")
                one = try await mesh.pod("one")
                two = try await mesh.pod("two")
                for (pod, address) in [("one", "10.96.0.41"), ("two", "10.96.0.42")] {
                    mesh.add(
                        pod, kind: "Service",
                        "{addresses: [\(address)], ports: [{port: 80, targetPort: 9000, protocol: \(server)}], "
                            + "endpoints: [{workload: \(pod)}]}")
                }
                for name in ["shop", "other"] { try await Self.certificate(name, mesh) }
                mesh.add(
                    "gate", kind: "Gateway",
                    "{listeners: \(listeners.replacingOccurrences(of: "DIR", with: mesh.directory))}")
                for (name, spec) in GatewayRequestTests.routes { mesh.add(name, kind: "HTTPRoute", spec) }
                try await mesh.start()
                for pod in [one, two] { _ = try await RequestScene.serve(server, on: pod) }
            }

            static func certificate(_ name: String, _ mesh: Mesh) async throws {
                try await mesh.lab.outside.must(
                    "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=\(name)", "-addext",
                    "subjectAltName=DNS:\(name).example,DNS:*.\(name).example",
                    "-keyout", "\(mesh.directory)/\(name).key", "-out", "\(mesh.directory)/\(name).pem")
                guard chown("\(mesh.directory)/\(name).key", MeshPod.proxyUser, MeshPod.proxyUser) == 0 else {
                    throw DidNotHappen("the key cannot be given away")
                }
            }

            /// curl from outside the mesh, to a name that leads to the gateway.
            func get(_ url: String, _ arguments: String...) async throws -> CurlResult {
                try await get(url, arguments)
            }

            func get(_ url: String, _ arguments: [String]) async throws -> CurlResult {
                let rest = url.drop { $0 != "/" }.dropFirst(2)
                let place = String(rest.prefix { $0 != "/" })
                return try await outside.curl(
                    arguments + [
                        "--connect-to", "\(place):\(edge.address):\(place.split(separator: ":").last ?? "80")",
                        "--cacert",
                        "\(mesh.directory)/\(place.hasPrefix("other") ? "other" : "shop").pem", url,
                    ], as: nil)
            }
        }

        private static let listeners =
            "[{name: web, port: 8080, protocol: HTTP}, "
            + "{name: shop, port: 8443, protocol: HTTPS, hostname: shop.example, "
            + "tls: {certificates: [{chain: DIR/shop.pem, key: DIR/shop.key}]}}, "
            + "{name: other, port: 8443, protocol: HTTPS, hostname: other.example, "
            + "tls: {certificates: [{chain: DIR/other.pem, key: DIR/other.key}]}}]"

        private static let routes = [
            "upgrade-to-tls": "{parentRefs: [{name: gate, sectionName: web}], hostnames: [shop.example], rules: "
                + "[{filters: [{type: RequestRedirect, requestRedirect: {scheme: https, port: 8443, statusCode: 301}}]}]}",
            "plain": "{parentRefs: [{name: gate, sectionName: web}], hostnames: [plain.example], rules: "
                + "[{matches: [{path: {value: /two}}], backendRefs: [{name: two, port: 80}]}, "
                + "{backendRefs: [{name: one, port: 80}]}]}",
            "shop": "{parentRefs: [{name: gate, sectionName: shop}], rules: [{backendRefs: [{name: one, port: 80}]}]}",
            "other":
                "{parentRefs: [{name: gate, sectionName: other}], rules: [{backendRefs: [{name: two, port: 80}]}]}",
        ]

        @Test("a plain listener routes by host and path into the mesh, and tells the client's address")
        func plain() async throws {
            let scene = try await Scene()
            let one = try await scene.get("http://plain.example:8080/echo", "-H", "X-Weft-Caller: spiffe://x/y")
            #expect(one.status == 200 && one.body.contains("\(scene.one.address):9000 read"), "\(one)")
            #expect(
                one.body.contains("x-forwarded-for: \(scene.outside.address4)\r\nx-forwarded-proto: http"), "\(one)")
            #expect(one.body.contains("x-weft-caller: \(scene.edge.spiffeID)"))
            let two = try await scene.get("http://plain.example:8080/two")
            #expect(two.status == 200)
            let told = try await scene.edge.tellsRequest("/two") { $0.path == "/two" }
            #expect(told.upstream == "\(scene.two.address):9000" && told.security == "mutual-tls", "\(told)")
            #expect(told.listener == "default/gate/web" && told.route == "default/plain[0]")
            let nobody = try await scene.get("http://unknown.example:8080/")
            #expect(nobody.status == 404 && nobody.body.contains("WEFT3110"), "\(nobody)")
            let moved = try await scene.get("http://shop.example:8080/cart?x=1", "-D", "-")
            #expect(
                moved.status == 301 && moved.body.contains("location: https://shop.example:8443/cart?x=1"), "\(moved)")
        }

        @Test("HTTPS listeners show the certificate of the name asked for, and speak HTTP/1.1 and HTTP/2")
        func secure() async throws {
            let scene = try await Scene()
            let shop = try await scene.get("https://shop.example:8443/echo", "--http1.1")
            #expect(shop.status == 200 && shop.body.contains("\(scene.one.address):9000 read"), "\(shop)")
            #expect(shop.body.contains("x-forwarded-proto: https"))
            let other = try await scene.get("https://other.example:8443/echo")
            #expect(other.status == 200 && other.body.contains("\(scene.two.address):9000 read"), "\(other)")
            let told = try await scene.edge.tellsRequest("the request for the other") {
                $0.authority.hasPrefix("other")
            }
            #expect(told.protocol == "http/2" && told.listener == "default/gate/other", "\(told)")
            let misdirected = try await scene.get("https://shop.example:8443/", "-H", "Host: other.example")
            #expect(misdirected.status == 421 && misdirected.body.contains("WEFT3106"), "\(misdirected)")
            let stranger = try await scene.get("https://third.example:8443/", "-k")
            #expect(stranger.exitCode == 35, "\(stranger)")
            let plain = try await scene.get("http://shop.example:8443/")
            #expect(plain.wasReset, "\(plain)")
            let old = try await scene.get(
                "https://shop.example:8443/", "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0")
            #expect(old.exitCode == 35, "\(old)")
        }

        @Test("large bodies pass an HTTPS listener whole, both ways, as HTTP/2 into the mesh")
        func bodies() async throws {
            let scene = try await Scene("http2")
            let file = "\(scene.mesh.directory)/body"
            try Data((0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }).write(to: URL(filePath: file))
            let result = try await scene.get(
                "https://shop.example:8443/upload", "--http2", "--data-binary", "@\(file)", "-o", "\(file).back")
            #expect(result.exitCode == 0, "\(result)")
            #expect(try Data(contentsOf: URL(filePath: file)) == Data(contentsOf: URL(filePath: "\(file).back")))
        }

        @Test("a long answer comes whole to fast and slow readers, in every way a gateway speaks")
        func longAnswers() async throws {
            let scene = try await Scene()
            for (url, arguments) in [
                ("http://plain.example:8080/big/30000000", ["--http1.1"]),
                ("https://shop.example:8443/big/30000000", ["--http1.1"]),
                ("https://shop.example:8443/big/30000000", ["--http2"]),
                ("https://shop.example:8443/big/4000000", ["--http1.1", "--limit-rate", "2M"]),
            ] {
                let result = try await scene.get(url, arguments + ["-o", "/dev/null", "-w", "%{size_download} "])
                let wanted = url.split(separator: "/").last.map(String.init) ?? ""
                #expect(result.exitCode == 0 && result.body.contains(wanted), "\(url) \(arguments): \(result)")
            }
        }

        @Test("a renewed certificate is shown without a restart")
        func renewal() async throws {
            let scene = try await Scene()
            #expect(try await scene.get("https://shop.example:8443/").status == 200)
            try await Scene.certificate("shop", scene.mesh)
            let result = try await scene.get("https://shop.example:8443/")
            #expect(result.exitCode == 60, "the old one is still shown: \(result)")
            scene.edge.proxy.send(SIGHUP)
            try await eventually("the new certificate") {
                try await scene.get("https://shop.example:8443/").status == 200 ? true : nil
            }
        }
    }
}
