// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshModel
import Telemetry
import Testing

@Suite("What is told of a connection")
struct ConnectionRecordTests {
    private static func address(_ text: String) -> SocketAddress {
        guard let address = SocketAddress(text) else { preconditionFailure("A case is wrong.") }
        return address
    }

    private static let time = WallTime(nanoseconds: 1_795_238_700_123_000_000)

    static let plain: ConnectionRecord = {
        var record = ConnectionRecord(
            id: 12, direction: .outbound, client: address("10.0.0.1:40000"), startedAt: Instant(nanoseconds: 0))
        record.originalDestination = address("203.0.113.1:443")
        record.upstream = address("203.0.113.1:443")
        record.detected = .tls
        record.security = .plaintext(.outsideMesh)
        record.downstreamBytesReceived = 517
        record.downstreamBytesSent = 4000
        record.upstreamBytesReceived = 4000
        record.upstreamBytesSent = 517
        record.duration = .microseconds(12_345)
        return record
    }()

    static let peer: ConnectionRecord = {
        var record = ConnectionRecord(
            id: 13, direction: .inbound, client: address("[fd00::1]:40000"), startedAt: Instant(nanoseconds: 0))
        record.originalDestination = address("[fd00::2]:8080")
        record.upstream = address("127.0.0.1:8080")
        record.detected = .http1
        record.claimedClient = address("10.0.0.1:40000")
        record.trace = TraceID(bits: 0xabc)
        record.isReused = true
        if let identity = SPIFFEID("spiffe://mesh.example/ns/default/sa/web"), let name = ResourceName("api") {
            record.security = .mutualTLS(peer: identity, cipher: .aes128GCM)
            record.service = ResourceReference(name: name)
        }
        record.outcome = .serverReset
        record.detail = "after 3 bytes"
        record.duration = .seconds(2)
        return record
    }()

    private static func line(_ record: ConnectionRecord, _ format: LogSettings.Format) -> String {
        String(decoding: record.line(format, time: time), as: UTF8.self)
    }

    @Test("as JSON")
    func json() {
        #expect(
            Self.line(Self.plain, .json) == """
                {"time":"2026-11-21T05:25:00.123Z","level":"info","message":"connection","id":12,"direction":"outbound",\
                "client":"10.0.0.1:40000","original_destination":"203.0.113.1:443","upstream":"203.0.113.1:443",\
                "protocol":"tls","security":"plaintext","plaintext_reason":"outside-mesh",\
                "downstream_bytes_received":517,"downstream_bytes_sent":4000,"upstream_bytes_received":4000,\
                "upstream_bytes_sent":517,"outcome":"completed","code":"WEFT3000","duration_ms":12.345}

                """)
        #expect(
            Self.line(Self.peer, .json) == """
                {"time":"2026-11-21T05:25:00.123Z","level":"info","message":"connection","id":13,"direction":"inbound",\
                "client":"[fd00::1]:40000","original_destination":"[fd00::2]:8080","upstream":"127.0.0.1:8080",\
                "service":"default/api","protocol":"http/1","security":"mutual-tls","tls_version":"TLSv1.3",\
                "cipher":"TLS_AES_128_GCM_SHA256","peer":"spiffe://mesh.example/ns/default/sa/web","reused":true,\
                "claimed_client":"10.0.0.1:40000","trace":"00000000000000000000000000000abc",\
                "downstream_bytes_received":0,"downstream_bytes_sent":0,"upstream_bytes_received":0,\
                "upstream_bytes_sent":0,"outcome":"server-reset","code":"WEFT3002",\
                "reason":"The server reset the connection. (after 3 bytes)","duration_ms":2000.000}

                """)
    }

    @Test("as text")
    func text() {
        #expect(
            Self.line(Self.plain, .text) == """
                2026-11-21T05:25:00.123Z info outbound 10.0.0.1:40000 -> 203.0.113.1:443 plaintext(outside-mesh) tls \
                in=517 out=4000 12ms completed

                """)
        #expect(
            Self.line(Self.peer, .text) == """
                2026-11-21T05:25:00.123Z info inbound [fd00::1]:40000 -> [fd00::2]:8080 via 127.0.0.1:8080 \
                (default/api) mutual-tls spiffe://mesh.example/ns/default/sa/web reused http/1 in=0 out=0 2000ms \
                server-reset WEFT3002: The server reset the connection. (after 3 bytes)

                """)
    }

    /// What a peer may have put into a certificate's name or an alert.
    static let hostile = [
        "a\nb", "a\r\nlevel=error forged", "\u{1b}[2J\u{1b}]0;x\u{7}", "\0", "a\u{9b}31mb", "a\u{85}b\u{2028}c\u{2029}",
        "\"}{\"level\":\"error\"", "back\\slash", String(repeating: "x", count: 10_000), "\u{202e}gnp.exe",
    ]

    @Test("whatever a peer says, it stays one line without controls", arguments: hostile, LogSettings.Format.allCases)
    func oneLine(_ detail: String, _ format: LogSettings.Format) throws {
        var record = Self.peer
        record.detail = detail
        let line = Self.line(record, format)
        let scalars = line.unicodeScalars.dropLast()
        #expect(line.hasSuffix("\n"))
        let isClean = scalars.allSatisfy { scalar in
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator: false
            default: true
            }
        }
        #expect(isClean)
        guard format == .json else { return }
        let read = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
        #expect(read?["reason"] as? String == "The server reset the connection. (\(detail))")
        #expect(read?["outcome"] as? String == "server-reset")
    }
}
