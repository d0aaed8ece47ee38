// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import PeerProtocol
import Testing

extension Sidecars {
    /// Peers with a good certificate and bad manners: OpenSSL's client, as the client's sidecar, says on `weft/1` what the tests
    /// make up. Whatever it is, its connection ends, the log says who it was, and the sidecar goes on for
    /// everybody else.
    @Suite("Hostile peers")
    struct HostilePeerTests {
        struct Speech: CustomTestStringConvertible, Sendable {
            let testDescription: String
            let bytes: [UInt8]

            init(_ description: String, _ frames: ControlFrame..., then bytes: [UInt8] = []) {
                testDescription = description
                self.bytes = frames.flatMap(FrameWriter.bytes(of:)) + bytes
            }
        }

        private static func data(_ payload: [UInt8]) -> [UInt8] {
            var bytes: [UInt8] = []
            FrameWriter.appendData(payload[...], to: &bytes)
            return bytes
        }

        /// All in one record, so that nothing of it depends on time.
        private static let forbidden = [
            Speech("words of another protocol", then: Array("GET / HTTP/1.1\r\nHost: server\r\n\r\n".utf8)),
            Speech("a frame that does not exist", then: [99, 0, 0, 0]),
            Speech("bytes without a stream", then: data([1, 2, 3])),
            Speech("an acceptor's greeting", .hello(HelloFrame())),
            Speech("an answer to nothing", .opened(stream: 1)),
            Speech("an end of nothing", .fin(stream: 1)),
            Speech("two beginnings", .open(OpenFrame(stream: 1)), .open(OpenFrame(stream: 2))),
            Speech("the end of another stream", .open(OpenFrame(stream: 1)), .fin(stream: 2)),
            Speech("the same stream twice", .open(OpenFrame(stream: 1)), .fin(stream: 1), .open(OpenFrame(stream: 1))),
            Speech("two ends", .open(OpenFrame(stream: 1)), .fin(stream: 1), .fin(stream: 1)),
            Speech("bytes behind RAW", .open(OpenFrame(stream: 1)), .raw, then: [1, 2, 3]),
            Speech("a beginning that is cut off", then: [FrameType.open.rawValue, 0, 0, 2, 0, 0]),
            Speech("a beginning longer than any", then: [FrameType.open.rawValue, 0, 0xff, 0xff]),
            Speech(
                "a field longer than its frame", then: [FrameType.open.rawValue, 0, 0, 8, 0, 0, 0, 1, 0, 1, 0, 200]),
        ]

        @Test("what weft/1 forbids ends the connection and nothing else", arguments: forbidden)
        func violation(_ speech: Speech) async throws {
            let pair = try await Pair()
            try await pair.server.serve("echo", "0.0.0.0:9000")
            let process = pair.server.proxy.identifier
            let answer = try await Self.say(speech.bytes, in: pair, port: 9000)
            // It was let in, greeted, and shown the door without waiting for it to leave.
            #expect(answer.output.hasPrefix(" 01 00"), "\(answer)")
            #expect(answer.status != 124, "the connection stayed open")
            let told = try await pair.server.tells("inbound", to: 9000)
            #expect(told.code == "WEFT3056" && told.peer == pair.client.spiffeID, "\(told)")
            try await pair.server.measures("nothing left") {
                $0.value("weft_connections_active") == 0 && $0.value("weft_peer_connections") == 0
            }
            let caller = try pair.client.connect("\(pair.server.address):9000")
            try await caller.hears("hello", to: "hello")
            #expect(pair.server.proxy.isRunning && pair.server.proxy.identifier == process)
        }

        @Test("a stream of requests on which none comes is let go", arguments: [StreamHint.http1, .http2])
        func silence(_ hint: StreamHint) async throws {
            let pair = try await Pair(server: ["http": "{headTimeout: 1s, idleTimeout: 1s}"])
            try await pair.server.serve("http", "0.0.0.0:8080")
            var open = OpenFrame(stream: 1)
            open.isShared = true
            open.hint = hint
            async let peer = Self.say(FrameWriter.bytes(of: .open(open)), in: pair, port: 8080, seconds: 5)
            try await pair.server.lists("the stream") { $0.direction == "inbound" }
            let told = try await pair.server.tells("inbound", to: 8080)
            #expect((told.durationMs ?? 0) >= 1000, "\(told)")
            _ = try await peer
            #expect(try await pair.client.curl("http://\(pair.server.address):8080/").status == 200)
        }

        /// Says it as the client's sidecar, whom no rule redirects, once it is greeted, and listens until the server ends
        /// or the time is over (124); what it hears, in hexadecimal.
        private static func say(
            _ bytes: [UInt8], in pair: Pair, port: Int, seconds: Int = 20
        ) async throws -> ProgramResult {
            let file = try "\(pair.mesh.lab.directory())/speech"
            try Data(bytes).write(to: URL(fileURLWithPath: file))
            let identity = pair.client.identity
            return try await pair.client.pod.run(
                "sh", "-c",
                """
                cd "$(mktemp -d)" && mkfifo input && exec 3<> input
                { until [ -s greeting ]; do sleep 0.02; done; cat \(file) >&3; } &
                timeout \(seconds) stdbuf -o0 openssl s_client -quiet -ign_eof -no_ticket \
                    -connect \(pair.server.address):\(port) -alpn weft/1 -cert \(identity.chain) -cert_chain \(identity.chain) \
                    -key \(identity.key) -CAfile \(identity.bundle) <&3 >greeting
                status=$? && kill $! 2>/dev/null
                od -An -tx1 greeting && rm -r "$PWD" && exit $status
                """, as: MeshPod.proxyUser)
        }
    }
}
