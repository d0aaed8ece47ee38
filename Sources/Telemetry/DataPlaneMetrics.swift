// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

extension ExpositionWriter {
    /// The metrics of the data path.
    package mutating func write(_ counters: DataPlaneCounters) {
        let directions = TrafficDirection.allCases
        write(.connectionsOpened, directions.map { ([("direction", $0.rawValue)], String(counters[$0].opened)) })
        write(.connectionsActive, directions.map { ([("direction", $0.rawValue)], String(counters[$0].active)) })
        write(.connectionsFinished, finished(counters))
        write(
            .plaintextConnections,
            directions.flatMap { direction in
                counters[direction].plaintext.sorted { $0.key.rawValue < $1.key.rawValue }.map { reason, count in
                    ([("direction", direction.rawValue), ("reason", reason.rawValue)], String(count))
                }
            })
        write(
            .detectedProtocols,
            directions.flatMap { direction in
                counters[direction].detected.sorted { $0.key.rawValue < $1.key.rawValue }.map { detected, count in
                    ([("direction", direction.rawValue), ("protocol", detected.rawValue)], String(count))
                }
            })
        write(.bytes, bytes(counters))
        write(.connectionDuration, directions.map { ([("direction", $0.rawValue)], counters[$0].durations) })
        write(counters.requests)
        write(.requestRetries, counters.requestRetries)
        write(.connectDuration, [([], counters.connectTimes)])
        write(.handshakeDuration, [([], counters.handshakeTimes)])
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
        write(.handshakes, roles(counters.handshakesCompleted, counters.handshakesFailed))
        write(.handshakesActive, counters.handshakesActive)
        write(
            .verifications,
            [
                ([("kind", "whole")], String(counters.verifications)),
                ([("kind", "remembered")], String(counters.rememberedVerifications)),
            ])
        write(.peerConnections, counters.peerConnections)
        write(.poolIdle, counters.poolIdle)
        write(
            .poolTakes,
            [([("result", "hit")], String(counters.poolHits)), ([("result", "miss")], String(counters.poolMisses))])
        write(.poolRetired, counters.poolRetired)
    }

    private mutating func writeLimits(_ counters: DataPlaneCounters) {
        write(.held, counters.heldNow)
        write(.replays, counters.replays)
        write(.failovers, counters.failovers)
        write(.ejections, counters.ejections)
        write(.acceptPauses, counters.acceptPauses)
        write(.relaxedTimeouts, counters.relaxedTimeouts)
        write(.unpoliced, counters.unpoliced)
        write(.recordsDropped, counters.recordsDropped)
    }
}
