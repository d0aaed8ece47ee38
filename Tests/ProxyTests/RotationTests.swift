// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension Sidecars {
    /// Certificates are replaced while requests go on without pause.
    @Suite("Certificates that change")
    struct RotationTests {
        /// Two sidecars with a load of short connections between them, and one that stays open.
        private static func busy() async throws -> (pair: Pair, load: Load, open: RunningProgram) {
            let pair = try await Pair()
            try await pair.server.serve("echo", "0.0.0.0:9000")
            let load = try await Load(from: pair.client, to: "\(pair.server.address):9000")
            try await load.proceeds()
            let open = try pair.client.connect("\(pair.server.address):9000")
            try await open.hears("before", to: "before")
            return (pair, load, open)
        }

        @Test("both sides get new certificates again and again, and not one request fails")
        func underLoad() async throws {
            let (pair, load, open) = try await Self.busy()
            let first = try await pair.server.serialNumber()
            for round in 1...4 {
                for pod in [pair.client, pair.server] {
                    try pod.identity.write(pair.mesh.authority.leaf(pod.spiffeID), of: pair.mesh.authority)
                    try await pod.renewals(reach: round)
                }
                try await load.proceeds()
            }
            #expect(try await pair.server.serialNumber() != first)
            try await load.endsWithoutFailure()
            // What was open goes on with the certificates it began with.
            try await open.hears("after", to: "after")
            try await open.stop()
            #expect(try pair.client.told.allSatisfy { $0.outcome == "completed" })
        }

        @Test("who has renewed says goodbye to what was made with the certificate before, and not one request fails")
        func madeAnew() async throws {
            let (pair, load, open) = try await Self.busy()
            let before = try await pair.client.handshakes()
            try pair.server.identity.write(pair.mesh.authority.leaf(pair.server.spiffeID), of: pair.mesh.authority)
            try await eventually("each of the load's connections is made anew") {
                try await pair.client.handshakes() >= before + 6 ? true : nil
            }
            try await load.endsWithoutFailure()
            try await open.hears("after", to: "after")
            try await open.stop()
        }

        @Test("requests of HTTP/2 move to a session that is made with the new certificate, and none fails")
        func sharedSessions() async throws {
            let scene = try await RequestScene(RequestScene.plain, server: "http2")
            let file = "\(scene.mesh.directory)/body"
            try Data("a body".utf8).write(to: URL(fileURLWithPath: file))
            let load = try scene.client.pod.start(
                ["h2load", "-D", "10", "-c", "2", "-m", "8", "-d", file, "http://10.96.0.20/load"])
            try await eventually("there are sessions") { try await scene.client.handshakes() >= 2 ? true : nil }
            let before = try await scene.client.handshakes()
            for pod in [scene.one, scene.two] {
                try pod.identity.write(scene.mesh.authority.leaf(pod.spiffeID), of: scene.mesh.authority)
            }
            try await eventually("both sessions are made anew") {
                try await scene.client.handshakes() >= before + 2 ? true : nil
            }
            let result = try await load.result()
            #expect(result.output.contains(" 0 failed, 0 errored, 0 timeout"), "\(result)")
            #expect(!result.output.contains(" 0 succeeded"), "\(result)")
        }

        @Test("a broken set is reported and the old one kept, under load; a good one is taken after it")
        func broken() async throws {
            let pair = try await Pair()
            try await pair.server.serve("echo", "0.0.0.0:9000")
            let load = try await Load(from: pair.client, to: "\(pair.server.address):9000")
            let first = try await pair.server.serialNumber()
            try pair.server.identity.writeChain("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
            let line = try await pair.server.says("identity rejected; the old identity stays")
            #expect(line.contains("WEFT4003"), "\(line)")
            #expect(try await pair.server.serialNumber() == first)
            #expect(try await pair.server.ask("/certificates").body.contains("\"problem\":"))
            #expect(try await pair.server.ask("/ready").status == 200)
            #expect(
                try await pair.server.metrics().value(
                    "weft_reloads_total", ["kind": "identity", "result": "rejected"]) == 1)
            try await load.proceeds()
            try pair.server.identity.write(
                pair.mesh.authority.leaf(pair.server.spiffeID), of: pair.mesh.authority)
            try await pair.server.renewals(reach: 1)
            #expect(try await pair.server.serialNumber() != first)
            #expect(try await !pair.server.ask("/certificates").body.contains("\"problem\":"))
            try await load.proceeds()
            try await load.endsWithoutFailure()
        }

        @Test("a set with another identity is not taken")
        func anotherIdentity() async throws {
            let pair = try await Pair()
            let first = try await pair.server.serialNumber()
            try pair.server.identity.write(
                pair.mesh.authority.leaf("spiffe://mesh.example/ns/default/sa/other"), of: pair.mesh.authority)
            try await pair.server.says("identity rejected; the old identity stays")
            #expect(try await pair.server.serialNumber() == first)
        }

        @Test("SIGHUP looks at the files at once")
        func hangup() async throws {
            let pair = try await Pair()
            try pair.server.identity.write(
                pair.mesh.authority.leaf(pair.server.spiffeID), of: pair.mesh.authority)
            #expect(try await pair.server.reload())
            try await pair.server.renewals(reach: 1)
        }

        @Test("who is no longer trusted is cut off, also in the middle of a connection")
        func distrusted() async throws {
            let pair = try await Pair()
            try await pair.server.serve("echo", "0.0.0.0:9000")
            let caller = try pair.client.connect("\(pair.server.address):9000")
            try await caller.hears("hello", to: "hello")
            // The server moves to another authority altogether.
            let other = try TestMesh("mesh.example", now: .today)
            try pair.server.identity.write(other.leaf(pair.server.spiffeID), of: other)
            try await pair.server.renewals(reach: 1)
            try await caller.line(containing: "failed: Connection reset")
            let told = try await pair.server.tells("inbound", to: 9000)
            #expect(told.outcome != "completed" && told.code != "WEFT3099", "\(told)")
        }
    }

    /// Requests without pause, from an application.
    struct Load {
        private let program: RunningProgram

        init(from pod: MeshPod, to target: String, workers: Int = 6) async throws {
            program = try pod.start("lab-tool", "load", target, "\(workers)")
            try await proceeds()
        }

        /// Waits until a good many more requests have been made.
        func proceeds(by count: Int = 100) async throws {
            let before = try await requests()
            try await eventually("\(count) more requests") {
                try await requests() >= before + count ? true : nil
            }
        }

        private func requests() async throws -> Int {
            let before = program.output.components(separatedBy: "so far").count
            program.type("how many")
            return try await eventually("a count of requests") {
                let lines = program.output.components(separatedBy: "so far requests=")
                return lines.count > before && lines[lines.count - 1].contains("\n")
                    ? Int(lines[lines.count - 1].prefix { $0.isNumber }) : nil
            }
        }

        /// Stops it; there must have been requests, and every one with the right answer.
        func endsWithoutFailure(sourceLocation: SourceLocation = #_sourceLocation) async throws {
            program.type("stop")
            let line = try await program.line(containing: "done requests=", within: .seconds(40))
            #expect(line.contains(" failures=0 "), "\(line)", sourceLocation: sourceLocation)
            #expect(!line.contains("requests=0 "), sourceLocation: sourceLocation)
        }
    }
}

extension MeshPod {
    private struct Certificates: Decodable {
        struct Certificate: Decodable { let serial: String }
        let chain: [Certificate]
    }

    /// How many connections to other sidecars have been made.
    func handshakes() async throws -> Double {
        try await metrics().value("weft_handshakes_total", ["role": "dialler", "result": "completed"])
    }

    /// The serial number of the leaf in force.
    func serialNumber() async throws -> String {
        let answer = try await ask("/certificates").body
        return try JSONDecoder().decode(Certificates.self, from: Data(answer.utf8)).chain[0].serial
    }

    /// Waits until the identity has been renewed so often.
    func renewals(reach count: Int) async throws {
        try await eventually("renewal \(count) of \(name)", within: .seconds(30)) {
            proxy.output.components(separatedBy: "identity renewed").count > count ? true : nil
        }
    }
}
