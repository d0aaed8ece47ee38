// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension Sidecars {
    /// The two pods of ``Sidecars``, with 2,000 connections between them, or with enemies all around:
    ///
    ///     client ══ load ══▶ server ◀── noise on 15006, 9000 and 15020 ── outside
    ///                          ▲
    ///                          └────── noise on 15001, 15006 and 15020 from within
    @Suite("Many, and hostile ones among them")
    struct CrowdTests {
        @Test("2,000 connections at once, each with the right answers", arguments: [1, 3])
        func crowd(dataThreads: Int) async throws {
            let threads = ["dataThreads": "\(dataThreads)"]
            let pair = try await Pair(client: threads, server: threads)
            try await pair.server.serve("echo", "0.0.0.0:9000")
            let crowd = try pair.client.start("lab-tool", "crowd", "\(pair.server.address):9000", "2000")
            try await crowd.line(containing: "opened 2000", within: .seconds(60))
            for round in ["first", "second"] {
                crowd.type(round)
                try await crowd.line(containing: "round \(round) right=2000 wrong=0", within: .seconds(60))
            }
            for pod in [pair.client, pair.server] {
                #expect(try await pod.metrics().value("weft_connections_active") == 2000)
                #expect(try await pod.connections().count == 2000)
            }
            crowd.type("stop")
            try await crowd.line(containing: "closed unclean=0", within: .seconds(60))
            for pod in [pair.client, pair.server] {
                try await pod.measures("no connection") { $0.value("weft_connections_active") == 0 }
                #expect(
                    try await pod.metrics().value(
                        "weft_connections_finished_total", ["outcome": "completed"]) == 2000)
            }
        }

        @Test("beyond its limit a sidecar refuses, and says so")
        func limit() async throws {
            let pair = try await Pair(client: ["limits": "{connections: 3}"])
            try await pair.server.serve("echo", "0.0.0.0:9000")
            let crowd = try pair.client.start("lab-tool", "crowd", "\(pair.server.address):9000", "3")
            crowd.type("hello")
            try await crowd.line(containing: "right=3 wrong=0")
            let fourth = try pair.client.connect("\(pair.server.address):9000")
            try await fourth.line(containing: "failed: Connection reset")
            #expect(try await pair.client.tells("outbound", to: 9000).outcome == "connection-limit")
            crowd.type("again")
            try await crowd.line(containing: "round again right=3 wrong=0")
        }

        @Test("without descriptors a sidecar refuses or waits, and serves again when there are some")
        func descriptors() async throws {
            let mesh = try await Mesh()
            let client = try await mesh.pod("client")
            let server = try await mesh.pod("server")
            for pod in [client, server] { try pod.writeConfiguration() }
            for pod in [client, server] {
                try await pod.capture()
                try pod.startProxy(under: pod.name == "client" ? ["prlimit", "--nofile=100:100"] : [])
                try await pod.ready()
            }
            try await server.serve("echo", "0.0.0.0:9000")
            let crowd = try client.start("lab-tool", "crowd", "\(server.address):9000", "300")
            try await crowd.line(containing: "opened 300")
            crowd.type("hello")
            let line = try await crowd.line(containing: "round hello", within: .seconds(60))
            #expect(!line.contains("right=0 "), "\(line)")
            #expect(try await client.ask("/ready").status == 200)
            crowd.type("stop")
            try await crowd.line(containing: "closed", within: .seconds(60))
            try await client.measures("no connection") { $0.value("weft_connections_active") == 0 }
            let caller = try client.connect("\(server.address):9000")
            try await caller.hears("hello", to: "hello")
            let codes = Set(try client.told.compactMap(\.code))
            #expect(codes.isSubset(of: ["WEFT3000", "WEFT3001", "WEFT3060", "WEFT3090"]), "\(codes)")
        }

        @Test("a server that does not read holds its client back, not the sidecars")
        func backPressure() async throws {
            let pair = try await Pair()
            try await pair.server.serve("deaf", "0.0.0.0:9000")
            try await pair.server.serve("echo", "0.0.0.0:9001")
            let sender = try pair.client.start(
                "sh", "-c", "head -c 400000000 /dev/zero | nc \(pair.server.address) 9000")
            // It stands still once every buffer on the way is full.
            var last: UInt64 = 0
            try await eventually("standstill") {
                try await Task.sleep(for: .milliseconds(300))
                let now = try await pair.client.connections().first?.downstreamBytesReceived ?? 0
                defer { last = now }
                return now > 0 && now == last ? true : nil
            }
            #expect(sender.isRunning)
            #expect(last < 100_000_000)
            for pod in [pair.client, pair.server] {
                let resident = try await pod.metrics().value("process_resident_memory_bytes")
                #expect(resident < 150_000_000, "\(pod.name): \(resident)")
            }
            let other = try pair.client.connect("\(pair.server.address):9001")
            try await other.hears("hello", to: "hello")
        }

        /// What somebody might send to a port of a sidecar, as a command of the shell that writes it.
        struct Hostility: Sendable, CustomTestStringConvertible {
            let testDescription: String
            let command: String
        }

        private static let hostilities = [
            Hostility(testDescription: "noise", command: "head -c 300000 /dev/urandom"),
            Hostility(testDescription: "nothing", command: "sleep 1"),
            Hostility(testDescription: "a line without end", command: "head -c 3000000 /dev/zero | tr '\\0' A"),
            Hostility(
                testDescription: "half a ClientHello", command: "printf '\\026\\003\\001\\002\\000\\001\\000'; sleep 1"),
            Hostility(
                testDescription: "a ClientHello that promises 16 MiB",
                command: "printf '\\026\\003\\001\\377\\377\\001\\377\\377\\377\\003\\003'; head -c 70000 /dev/zero"),
            Hostility(
                testDescription: "a request, byte by byte",
                command: "for c in G E T ' ' / ' ' H T T P; do printf %s \"$c\"; sleep 0.1; done; sleep 1"),
            Hostility(
                testDescription: "endless headers",
                command: "printf 'GET /metrics HTTP/1.1\\r\\n'; yes 'X-Header: nothing' | head -c 2000000"),
            Hostility(
                testDescription: "a body that never comes",
                command: "printf 'POST /drain HTTP/1.1\\r\\nContent-Length: 99999999999999999999\\r\\n\\r\\n'; sleep 1"),
        ]

        @Test("hostile bytes at every port disturb nobody")
        func hostile() async throws {
            let pair = try await Pair(server: ["timeouts": "{handshake: 2s}"])
            let (client, server) = (pair.client, pair.server)
            try await server.serve("echo", "0.0.0.0:9000")
            let load = try await Load(from: client, to: "\(server.address):9000")
            let open = try client.connect("\(server.address):9000")
            try await open.hears("before", to: "before")

            var attackers: [RunningProgram] = []
            for hostility in Self.hostilities {
                for port in [15006, 9000, 15020] {
                    let command = "{ \(hostility.command); } | nc -w 5 -N \(server.address) \(port) >/dev/null 2>&1"
                    attackers.append(try pair.outside.start("sh", "-c", command))
                }
                for port in [15001, 15006, 15020] {
                    attackers.append(
                        try server.start(
                            "sh", "-c", "{ \(hostility.command); } | nc -w 5 -N 127.0.0.1 \(port) >/dev/null 2>&1"))
                }
                // From the mesh's own side: a client whose application talks nonsense is relayed like any other.
                attackers.append(
                    try client.start(
                        "sh", "-c", "{ \(hostility.command); } | nc -w 5 -N \(server.address) 9000 >/dev/null 2>&1"))
            }
            // Many that say nothing at all.
            let silent = try pair.outside.start("lab-tool", "crowd", "\(server.address):9000", "200")
            try await silent.line(containing: "opened 200")
            try await load.proceeds(by: 200)
            for attacker in attackers { _ = try await attacker.result(within: .seconds(60)) }
            try await server.tells("the silent ones") { $0.outcome == "client-silent" }

            try await open.hears("after", to: "after")
            try await load.endsWithoutFailure()
            for pod in [client, server] {
                #expect(pod.proxy.isRunning)
                #expect(try await pod.ask("/ready").status == 200)
                #expect(try pod.told.allSatisfy { $0.code != "WEFT3099" })
            }
            let outcomes = Set(try server.told.compactMap(\.outcome))
            for outcome in ["plaintext-refused", "own-listener"] { #expect(outcomes.contains(outcome), "\(outcomes)") }
        }
    }
}
