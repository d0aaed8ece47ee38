// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import Telemetry
import Testing

@Suite("The numbers of the data path")
struct DataPlaneMetricsTests {
    private static func record(
        _ direction: TrafficDirection, _ outcome: ErrorCode, _ security: ConnectionSecurity, bytes: UInt64
    ) -> ConnectionRecord {
        let client = SocketAddress(.v4(IPv4Address(bits: 1)), 1)
        var record = ConnectionRecord(id: 1, direction: direction, client: client, startedAt: Instant(nanoseconds: 0))
        record.outcome = outcome
        record.security = security
        record.detected = .http1
        record.downstreamBytesReceived = bytes
        record.upstreamBytesSent = bytes + 1
        record.duration = .milliseconds(3)
        return record
    }

    private static func counters() -> DataPlaneCounters {
        var counters = DataPlaneCounters()
        counters.finish(record(.inbound, .completed, .plaintext(.permissive), bytes: 10))
        counters.finish(record(.inbound, .completed, .plaintext(.permissive), bytes: 20))
        counters.finish(record(.outbound, .connectRefused, .undecided, bytes: 0))
        counters.outbound.opened = 5
        counters.poolHits = 7
        counters.handshakesFailed.dialler = 2
        return counters
    }

    @Test("a finished connection is counted under its outcome and its protection")
    func finished() {
        var writer = ExpositionWriter()
        writer.write(Self.counters())
        for line in [
            #"weft_connections_opened_total{direction="outbound"} 5"#,
            #"weft_connections_finished_total{direction="inbound",outcome="completed",code="WEFT3000",security="plaintext"} 2"#,
            #"weft_connections_finished_total{direction="outbound",outcome="connect-refused",code="WEFT3003",security="none"} 1"#,
            #"weft_plaintext_connections_total{direction="inbound",reason="permissive"} 2"#,
            #"weft_detected_protocols_total{direction="inbound",protocol="http/1"} 2"#,
            #"weft_bytes_total{direction="inbound",side="downstream",flow="received"} 30"#,
            #"weft_bytes_total{direction="inbound",side="upstream",flow="sent"} 32"#,
            #"weft_connection_duration_seconds_count{direction="inbound"} 2"#,
            #"weft_handshakes_total{role="dialler",result="failed"} 2"#, #"weft_pool_takes_total{result="hit"} 7"#,
        ] {
            #expect(writer.text.contains(line + "\n"), "\(line)")
        }
    }

    @Test("the numbers of two threads add up, each of them")
    func merging() {
        var sum = Self.counters()
        sum.merge(Self.counters())
        var (once, twice) = (ExpositionWriter(), ExpositionWriter())
        once.write(Self.counters())
        twice.write(sum)
        let (lines, doubled) = (once.text.split(separator: "\n"), twice.text.split(separator: "\n"))
        #expect(lines.count == doubled.count)
        for (line, double) in zip(lines, doubled) where !line.hasPrefix("#") {
            let (parts, doubles) = (line.split(separator: " "), double.split(separator: " "))
            #expect(parts.dropLast() == doubles.dropLast())
            #expect((Double(parts.last ?? "") ?? -1) * 2 == Double(doubles.last ?? ""), "\(line)")
        }
    }

    @Test("every family is told once, has help that is a sentence, and a name as Prometheus wants it")
    func families() {
        var writer = ExpositionWriter()
        writer.write(Self.counters())
        var seen: Set<Substring> = []
        for line in writer.text.split(separator: "\n") where line.hasPrefix("# ") {
            let words = line.split(separator: " ", maxSplits: 3)
            if words[1] == "HELP" {
                #expect(seen.insert(words[2]).inserted && words[3].hasSuffix("."))
                #expect(words[2].hasPrefix("weft_") && words[2].allSatisfy { $0.isLowercase || $0 == "_" })
            } else {
                #expect(words[2].hasSuffix("_total") == (words[3] == "counter"), "\(line)")
                #expect(words[2].hasSuffix("_seconds") == (words[3] == "histogram"), "\(line)")
            }
        }
        #expect(seen.count > 20)
    }
}
