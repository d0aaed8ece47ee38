// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

extension ExpositionWriter {
    /// The metrics of the data path.
    package mutating func write(_ counters: DataPlaneCounters) {
        let directions = TrafficDirection.allCases
        family(
            "weft_connections_opened_total", .counter, "Connections accepted.",
            directions.map { ([("direction", $0.rawValue)], String(counters[$0].opened)) })
        family(
            "weft_connections_active", .gauge, "Connections relayed or being set up now.",
            directions.map { ([("direction", $0.rawValue)], String(counters[$0].active)) })
        family("weft_connections_finished_total", .counter, "Connections ended, by outcome.", finished(counters))
        family(
            "weft_plaintext_connections_total", .counter, "Connections ended that the mesh did not encrypt, and why.",
            directions.flatMap { direction in
                counters[direction].plaintext.sorted { $0.key.rawValue < $1.key.rawValue }.map { reason, count in
                    ([("direction", direction.rawValue), ("reason", reason.rawValue)], String(count))
                }
            })
        family(
            "weft_detected_protocols_total", .counter, "Connections ended, by what the first bytes spoke.",
            directions.flatMap { direction in
                counters[direction].detected.sorted { $0.key.rawValue < $1.key.rawValue }.map { detected, count in
                    ([("direction", direction.rawValue), ("protocol", detected.rawValue)], String(count))
                }
            })
        family("weft_bytes_total", .counter, "Bytes of ended connections, as the proxy sees them.", bytes(counters))
        histogram(
            "weft_connection_duration_seconds", "How long connections lived.",
            directions.map { ([("direction", $0.rawValue)], counters[$0].durations) })
        histogram("weft_connect_duration_seconds", "How long connects took.", [([], counters.connectTimes)])
        histogram("weft_handshake_duration_seconds", "How long TLS handshakes took.", [([], counters.handshakeTimes)])
        writePeers(counters)
        writeLimits(counters)
    }

    private func finished(_ counters: DataPlaneCounters) -> [Sample] {
        TrafficDirection.allCases.flatMap { direction in
            counters[direction].finished
                .sorted { ($0.key.outcome.rawValue, $0.key.security) < ($1.key.outcome.rawValue, $1.key.security) }
                .map { key, count in
                    let labels = [
                        ("direction", direction.rawValue), ("outcome", key.outcome.name), ("code", key.outcome.label),
                        ("security", key.security),
                    ]
                    return (labels, String(count))
                }
        }
    }

    private func bytes(_ counters: DataPlaneCounters) -> [Sample] {
        TrafficDirection.allCases.flatMap { direction -> [Sample] in
            let directed = counters[direction]
            func sample(_ side: String, _ flow: String, _ count: UInt64) -> Sample {
                ([("direction", direction.rawValue), ("side", side), ("flow", flow)], String(count))
            }
            return [
                sample("downstream", "received", directed.downstreamBytesReceived),
                sample("downstream", "sent", directed.downstreamBytesSent),
                sample("upstream", "received", directed.upstreamBytesReceived),
                sample("upstream", "sent", directed.upstreamBytesSent),
            ]
        }
    }

    private mutating func writePeers(_ counters: DataPlaneCounters) {
        func roles(_ completed: Roles, _ failed: Roles) -> [Sample] {
            [
                ([("role", "dialler"), ("result", "completed")], String(completed.dialler)),
                ([("role", "dialler"), ("result", "failed")], String(failed.dialler)),
                ([("role", "acceptor"), ("result", "completed")], String(completed.acceptor)),
                ([("role", "acceptor"), ("result", "failed")], String(failed.acceptor)),
            ]
        }
        family(
            "weft_handshakes_total", .counter, "TLS handshakes between sidecars.",
            roles(counters.handshakesCompleted, counters.handshakesFailed))
        single("weft_handshakes_active", .gauge, "TLS handshakes under way.", counters.handshakesActive)
        family(
            "weft_certificate_verifications_total", .counter, "Peer chains judged, whole or remembered.",
            [
                ([("kind", "whole")], String(counters.verifications)),
                ([("kind", "remembered")], String(counters.rememberedVerifications)),
            ])
        single(
            "weft_peer_connections", .gauge, "Connections between sidecars, idle ones included.",
            counters.peerConnections)
        single("weft_pool_idle_connections", .gauge, "Connections waiting to be used again.", counters.poolIdle)
        family(
            "weft_pool_takes_total", .counter, "Streams that found an idle connection, and those that did not.",
            [([("result", "hit")], String(counters.poolHits)), ([("result", "miss")], String(counters.poolMisses))])
        single("weft_pool_retired_total", .counter, "Idle connections closed before their time.", counters.poolRetired)
    }

    private mutating func writeLimits(_ counters: DataPlaneCounters) {
        single("weft_held_connections", .gauge, "Connections waiting for an identity.", counters.heldNow)
        single(
            "weft_stream_replays_total", .counter, "Streams opened again after a stale connection.", counters.replays)
        single("weft_failovers_total", .counter, "Connections that were given another endpoint.", counters.failovers)
        single(
            "weft_endpoint_ejections_total", .counter, "Endpoints left out for failing to connect.", counters.ejections)
        single(
            "weft_accept_pauses_total", .counter, "Times accepting rested for lack of descriptors.",
            counters.acceptPauses)
        single(
            "weft_user_timeouts_relaxed_total", .counter, "Times a reader that pauses was given longer.",
            counters.relaxedTimeouts)
        single(
            "weft_log_records_dropped_total", .counter, "Connection records dropped because logging fell behind.",
            counters.recordsDropped)
    }
}
