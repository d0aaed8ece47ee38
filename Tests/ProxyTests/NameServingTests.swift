// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension Sidecars {
    /// Names that an application asks for. The resolver of the network, dnsmasq, runs outside of the mesh.
    ///
    ///     client: dig, getent, curl ── UDP, TCP to port 53 of anybody ──▶ weft-proxy 127.0.0.1:15053
    ///                                         api, api.default.mesh ◀──── answered here
    ///                                                      web.lab  ◀──── 10.77.0.1:53
    @Suite("Names of services")
    struct NameServingTests {
        struct Scene {
            let mesh: Mesh
            let client: MeshPod
            let server: MeshPod

            /// `client` are fields of the `spec` of the calling proxy.
            init(
                _ client: [String: String] = [:], resolver: String = NetworkLab.gateway4,
                _ families: NetworkLab.Families = .dualStack
            ) async throws {
                mesh = try await Mesh()
                self.client = try await mesh.pod(
                    "client", ["names": "{enabled: true}"].merging(client) { _, new in new }, families)
                server = try await mesh.pod("server")
                mesh.service("api", at: ["10.96.0.10", "fd96::10"], port: 80, targetPort: 8080, ["server"])
                mesh.service("four", at: ["10.96.0.11"], port: 80, targetPort: 8080, ["server"])
                try self.client.pod.useNames(server: resolver)
                try await Self.resolver(in: mesh.lab.outside, NetworkLab.gateway4)
                try await mesh.start()
                try await server.serve("http", "\(server.address):8080", "[\(server.address6)]:8080")
            }

            @discardableResult
            static func resolver(
                in pod: Pod, _ address: String, user: String = "", _ more: String...
            ) async throws -> RunningProgram {
                let long = (0..<8).map { "--txt-record=long.lab,\"\($0)\(String(repeating: "x", count: 240))\"" }
                let program = try pod.start(
                    [
                        "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
                        "--pid-file=", "--bind-interfaces", "--listen-address=\(address)", "--log-queries",
                        "--log-facility=-", "--cache-size=0", "--user=\(user)",
                    ]
                        + (more.isEmpty
                            ? ["--host-record=web.lab,10.77.0.1,fd77::1", "--local=/lab/", "--address=/#/"] + long
                            : more))
                try await eventually("the resolver at \(address)") {
                    if !program.isRunning { throw DidNotHappen("dnsmasq has ended: \(program.error)") }
                    return program.error.contains("started") ? true : nil
                }
                return program
            }

            /// What dig says, in one line per record; it takes no answer that comes from elsewhere than it asked.
            func dig(_ words: String) async throws -> String {
                let result = try await client.pod.run(
                    ["dig", "+tries=1", "+time=6"] + words.split(separator: " ").map(String.init),
                    as: MeshPod.applicationUser)
                return result.output + result.error
            }

            func short(_ words: String) async throws -> String {
                try await dig("+short \(words)").split(separator: "\n").sorted().joined(separator: " ")
            }
        }

        @Test("curl and getent find a service by its name", arguments: ["nft", "legacy"])
        func everyday(_ backend: String) async throws {
            let scene = try await Scene(["capture": "{proxyUIDs: [\(MeshPod.proxyUser)], backend: \(backend)}"])
            for name in ["api", "api.default", "api.default.mesh", "API.Default.Mesh."] {
                let result = try await scene.client.curl("http://\(name)/echo")
                #expect(result.status == 200, "\(name): \(result)")
            }
            let told = try await scene.client.tells("outbound", to: 80)
            #expect(told.security == "mutual-tls" && told.peer == scene.server.spiffeID, "\(told)")
            let known = try await scene.client.run("getent", "ahosts", "api")
            #expect(known.output.contains("10.96.0.10") && known.output.contains("fd96::10"), "\(known)")
            let other = try await scene.client.run("getent", "ahosts", "web.lab")
            #expect(other.output.contains("10.77.0.1") && other.output.contains("fd77::1"), "\(other)")
            #expect(try await scene.client.run("getent", "hosts", "nobody.lab").status == 2)
            // The init step proves it by the answer of the proxy that runs.
            let verified = try await scene.client.pod.run(
                "weft-init", "verify", "--config", scene.client.configurationPath)
            #expect(verified.succeeded && verified.error.isEmpty, "\(verified)")
            #expect(
                verified.output.contains("proven      IPv4 names") && verified.output.contains("proven      IPv6 names")
            )
        }

        @Test("whoever is asked, and however, the proxy answers in its place", arguments: ["nft", "legacy"])
        func places(_ backend: String) async throws {
            let scene = try await Scene(["capture": "{proxyUIDs: [\(MeshPod.proxyUser)], backend: \(backend)}"])
            for place in ["10.77.0.1", "127.0.0.53", "127.0.0.1", "::1", "fd77::1", "9.9.9.9", "169.254.20.10"] {
                for transport in ["+notcp", "+tcp"] {
                    #expect(
                        try await scene.short("\(transport) @\(place) api") == "10.96.0.10", "\(place) \(transport)")
                    #expect(try await scene.short("\(transport) @\(place) api AAAA") == "fd96::10")
                    #expect(try await scene.short("\(transport) @\(place) web.lab") == "10.77.0.1")
                }
            }
        }

        @Test("a pod of one family has all of it", arguments: [NetworkLab.Families.ipv4Only, .ipv6Only])
        func families(_ families: NetworkLab.Families) async throws {
            let resolver = families == .ipv4Only ? NetworkLab.gateway4 : NetworkLab.gateway6
            let scene = try await Scene(resolver: resolver, families)
            if families == .ipv6Only { try await Scene.resolver(in: scene.mesh.lab.outside, NetworkLab.gateway6) }
            let (type, address, outside) =
                families == .ipv4Only ? ("A", "10.96.0.10", "10.77.0.1") : ("AAAA", "fd96::10", "fd77::1")
            for transport in ["+notcp", "+tcp"] {
                #expect(try await scene.short("\(transport) api \(type)") == address)
                #expect(try await scene.short("\(transport) web.lab \(type)") == outside)
            }
            let result = try await scene.client.curl("http://api/echo")
            #expect(result.status == 200, "\(result)")
        }

        @Test("answers are what the protocol asks for")
        func protocolAnswers() async throws {
            let scene = try await Scene()
            let good = try await scene.dig("API.default.Mesh")
            #expect(good.contains("status: NOERROR") && good.contains("flags: qr aa rd ra;"), "\(good)")
            #expect(good.contains("API.default.Mesh.\t5\tIN\tA\t10.96.0.10"), "\(good)")
            #expect(good.contains("udp: 1232"), "\(good)")
            for (question, status, authority) in [
                ("four AAAA", "NOERROR", "four."), ("four.default.mesh AAAA", "NOERROR", "mesh."),
                ("api TXT", "NOERROR", "api."), ("default.mesh NS", "NOERROR", "mesh."),
                ("mesh SOA", "NOERROR", "mesh."),
                ("nobody.default.mesh", "NXDOMAIN", "mesh."), ("_http._tcp.api.default.mesh SRV", "NXDOMAIN", "mesh."),
            ] {
                let answer = try await scene.dig(question)
                #expect(answer.contains("status: \(status)") && answer.contains("ANSWER: 0"), "\(question): \(answer)")
                #expect(answer.contains("\(authority)\t\t\t5\tIN\tSOA\t"), "\(question): \(answer)")
            }
            for (question, status) in [
                ("nobody.lab", "NXDOMAIN"), ("-t AXFR api.default.mesh", "Transfer failed"),
                ("+edns=1 +noednsneg api", "BADVERS"), ("+opcode=UPDATE api", "NOTIMP"),
            ] {
                let answer = try await scene.dig(question)
                #expect(answer.contains(status), "\(question): \(answer)")
            }
            // Cut over UDP, whole over TCP, which dig changes to by itself.
            #expect(try await scene.dig("+noedns +ignore long.lab TXT").contains("flags: qr aa tc rd ra"))
            let long = try await scene.dig("+noedns long.lab TXT")
            #expect(long.contains("(TCP)") && long.contains("ANSWER: 8"), "\(long)")
            let metrics = try await scene.client.metrics()
            for result in ["answered", "empty", "unknown", "forwarded", "refused"] {
                #expect(metrics.value("weft_name_queries_total", ["result": result]) > 0, "\(result)")
            }
            #expect(metrics.value("weft_name_queries_pending") == 0)
            let configuration = try await scene.client.ask("/config")
            #expect(configuration.body.contains(#""names":{"enabled":true,"port":15053,"resolvers":[]}"#))
        }

        @Test("where one resolver is silent or gone the next is asked, and where all are that is said")
        func failover() async throws {
            let scene = try await Scene(["names": "{resolvers: [10.77.0.250, \"127.0.0.9\", \"[fd77::1]:53\"]}"])
            let six = try await Scene.resolver(in: scene.mesh.lab.outside, "fd77::1")
            // 10.77.0.250 is nobody; on 127.0.0.9 nobody listens.
            #expect(try await scene.short("web.lab") == "10.77.0.1")
            let again = try await scene.dig("web.lab")
            let milliseconds = try #require(again.firstMatch(of: #/Query time: (\d+) msec/#)).1
            #expect(try #require(Int(milliseconds)) < 1500, "who answered last is asked first: \(again)")
            try await six.stop()
            #expect(try await scene.dig("+time=9 web.lab").contains("status: SERVFAIL"))
            #expect(try await scene.dig("+tcp +time=9 web.lab").contains("status: SERVFAIL"))
            #expect(try await scene.client.metrics().value("weft_name_queries_total", ["result": "failed"]) == 2)
            #expect(try await scene.short("api") == "10.96.0.10")
        }

        @Test("a reload brings other services and other resolvers")
        func reload() async throws {
            let scene = try await Scene()
            #expect(try await scene.dig("new.default.mesh").contains("NXDOMAIN"))
            scene.mesh.service("new", at: ["10.96.0.12"], port: 80, targetPort: 8080, ["server"])
            scene.client.set("names", "{resolvers: [10.77.0.250]}")
            #expect(try await scene.client.reload())
            #expect(try await scene.short("new") == "10.96.0.12")
            try await scene.client.proxy.line(containing: "10.77.0.250:53")
            scene.client.set("names", "{resolvers: [\"127.0.0.1:15053\"]}")
            #expect(try await !scene.client.reload())
        }

        @Test("who is skipped asks by itself, and so does the proxy")
        func skipped() async throws {
            let capture = "{proxyUIDs: [\(MeshPod.proxyUser)], outbound: {skipUIDs: [1500]}}"
            let scene = try await Scene(["capture": capture])
            for user: UInt32 in [1500, MeshPod.proxyUser] {
                let direct = try await scene.client.pod.run(
                    ["dig", "+tries=1", "@10.77.0.1", "api.default.mesh"], as: user)
                #expect(direct.output.contains("status: REFUSED") || direct.output.contains("NXDOMAIN"), "\(direct)")
            }
        }

        /// A resolver on the client's own machine, as many have one, which asks others in turn.
        ///
        ///     dig ─▶ weft-proxy ─▶ dnsmasq on 127.0.0.53 ─▶ 10.77.0.1, or captured again
        @Test("a resolver on the machine itself is used where its own questions are skipped")
        func local() async throws {
            let capture = "{proxyUIDs: [\(MeshPod.proxyUser)], outbound: {skipUIDs: [65534]}}"
            let scene = try await Scene(["capture": capture], resolver: "127.0.0.53")
            let resolver = try await Scene.resolver(
                in: scene.client.pod, "127.0.0.53", user: "nobody", "--server=10.77.0.1")
            #expect(try await scene.short("web.lab") == "10.77.0.1")
            #expect(try await scene.short("api") == "10.96.0.10")
            #expect(resolver.error.contains("query[A] web.lab") && !resolver.error.contains("query[A] api"))
        }

        @Test("and where they are not, a question goes round once and not for ever")
        func loop() async throws {
            let scene = try await Scene(resolver: "127.0.0.53")
            let resolver = try await Scene.resolver(
                in: scene.client.pod, "127.0.0.53", user: "nobody", "--server=10.77.0.1")
            #expect(try await scene.dig("+time=9 web.lab").contains("SERVFAIL"))
            let asked = resolver.error.components(separatedBy: "query[A] web.lab").count - 1
            #expect((1...4).contains(asked), "\(resolver.error)")
            #expect(try await scene.client.metrics().value("weft_name_queries_pending") == 0)
            #expect(try await scene.short("api") == "10.96.0.10")
        }
    }
}
