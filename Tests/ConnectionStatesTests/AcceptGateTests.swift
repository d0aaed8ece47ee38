// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ConnectionStates
import MeshModel
import MeshTesting
import Testing

@Suite("What may come in")
struct AcceptGateTests {
    /// The columns of the gate's own table.
    enum Setting: String, CaseIterable, Sendable {
        case strict
        case passthrough = "strict with passthroughTLS"
        case permissive
        case permissiveMeshed = "permissive, from a workload of the mesh"
    }

    private static let start = Instant(nanoseconds: 1_000_000_000_000)
    private static let handshakeEnd = start + .seconds(10)
    private static let silenceEnd = start + .seconds(1)

    private static func gate(_ setting: Setting) -> AcceptGate {
        AcceptGate(
            AcceptGate.Policy(
                mode: setting == .strict || setting == .passthrough ? .strict : .permissive,
                passthroughTLS: setting == .passthrough, isSourceMeshed: setting == .permissiveMeshed,
                handshakeTimeout: .seconds(10), silence: .seconds(1)),
            acceptedAt: start)
    }

    private static func judge(
        _ setting: Setting, _ bytes: some Sequence<UInt8>, hasEnded: Bool = false, at now: Instant = start
    ) -> AcceptGate.Decision {
        let bytes = Array(bytes)
        var gate = gate(setting)
        return gate.judge(bytes.span.bytes, hasEnded: hasEnded, now: now)
    }

    /// What a client sends first, and what each setting makes of it.
    struct Row: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let bytes: [UInt8]
        let decisions: [Setting: AcceptGate.Decision]

        init(_ name: String, _ bytes: [UInt8], _ decisions: [AcceptGate.Decision]) {
            testDescription = name
            self.bytes = bytes
            self.decisions = Dictionary(uniqueKeysWithValues: zip(Setting.allCases, decisions))
        }
    }

    private static let foreign: [AcceptGate.Decision] = [.refuse(.foreignTLSRefused), .passTLS, .passTLS, .passTLS]
    private static let plain: [AcceptGate.Decision] = [
        .refuse(.plaintextRefused), .refuse(.plaintextRefused), .passPlaintext, .passPlaintext,
    ]

    static let rows = [
        Row(
            "ours", ClientHelloRecipe(protocols: ["weft/1"]).bytes, [.terminate, .terminate, .terminate, .terminate]),
        Row(
            "ours in many records", ClientHelloRecipe(protocols: ["h2", "weft/1"]).fragmented([3]),
            [.terminate, .terminate, .terminate, .terminate]),
        Row("a browser's", ClientHelloRecipe(serverName: "a.example", protocols: ["h2"]).bytes, foreign),
        Row("TLS without ALPN", ClientHelloRecipe().bytes, foreign),
        Row("an endless hello", Array(ClientHelloRecipe(padding: 30_000).fragmented([1000]).prefix(2000)), foreign),
        Row("HTTP", Array("GET / HTTP/1.1\r\n\r\n".utf8), plain),
        Row("one byte", [0x53], plain),
        Row("a TLS alert", [21, 3, 3, 0, 2, 2, 40], plain),
        Row("a hello whose lengths lie", [22, 3, 1, 0, 6, 1, 0, 0, 2, 3, 3], plain),
    ]

    @Test("is decided by the first bytes alone, whatever the time", arguments: rows, Setting.allCases)
    func bytes(_ row: Row, _ setting: Setting) {
        for now in [Self.start, Self.silenceEnd, Self.handshakeEnd + .seconds(1)] {
            #expect(Self.judge(setting, row.bytes, at: now) == row.decisions[setting])
            #expect(Self.judge(setting, row.bytes, hasEnded: true, at: now) == row.decisions[setting])
        }
    }

    @Test("a hello in pieces is waited for until the handshake timeout, at every prefix", arguments: Setting.allCases)
    func prefixes(_ setting: Setting) {
        let bytes = ClientHelloRecipe(serverName: "a.example", protocols: ["weft/1"]).bytes
        for count in 1..<bytes.count {
            let part = bytes.prefix(count)
            let waits = AcceptGate.Decision.wait(until: Self.handshakeEnd)
            #expect(Self.judge(setting, part) == waits, "\(count) bytes")
            #expect(Self.judge(setting, part, at: Instant(nanoseconds: Self.handshakeEnd.nanoseconds - 1)) == waits)
            // Half a hello is nobody's that we know: only a permissive port may ask the application.
            let isPermissive = setting == .permissive || setting == .permissiveMeshed
            let end: AcceptGate.Decision = isPermissive ? .passTLS : .refuse(.handshakeTimeout)
            #expect(Self.judge(setting, part, at: Self.handshakeEnd) == end, "\(count) bytes")
            #expect(Self.judge(setting, part, hasEnded: true) == end, "\(count) bytes")
        }
    }

    @Test("a hello that arrives in the last moment is taken")
    func lastMoment() {
        let bytes = ClientHelloRecipe(protocols: ["weft/1"]).bytes
        #expect(Self.judge(.strict, bytes, at: Self.handshakeEnd + .seconds(5)) == .terminate)
    }

    @Test(
        "silence means the client of a server that speaks first only where such a client may come",
        arguments: [
            (Setting.strict, handshakeEnd, AcceptGate.Decision.refuse(.clientSilent)),
            (.passthrough, handshakeEnd, .refuse(.clientSilent)),
            (.permissive, silenceEnd, .passPlaintext),
            // A sidecar speaks first, so that silence of a meshed workload is not yet a banner's client.
            (.permissiveMeshed, handshakeEnd, .passPlaintext),
        ])
    func silence(_ setting: Setting, _ deadline: Instant, _ decision: AcceptGate.Decision) {
        #expect(Self.judge(setting, []) == .wait(until: deadline))
        #expect(Self.judge(setting, [], at: Instant(nanoseconds: deadline.nanoseconds - 1)) == .wait(until: deadline))
        #expect(Self.judge(setting, [], at: deadline) == decision)
        #expect(Self.judge(setting, [], hasEnded: true) == decision)
    }
}
