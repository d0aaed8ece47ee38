// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import Bytes
package import MeshModel

/// Everything that is told of one connection: kept up to date while it lives, and the one line in the log when it ends. The
/// same values, under the same words, stand in the admin list.
package struct ConnectionRecord: Sendable {
    /// Unique in this process.
    package let id: UInt64
    package let direction: TrafficDirection
    package let startedAt: Instant

    /// Who connected to us, as the kernel saw it.
    package let client: SocketAddress
    /// Where the client wanted to go.
    package var originalDestination: SocketAddress?
    /// Where we connected to for it.
    package var upstream: SocketAddress?
    /// The service whose address was dialled, or which a route of connections has chosen.
    package var service: ResourceReference?
    /// The listener of a gateway that it came to: `default/edge/web`.
    package var listener: String?
    /// The rule of a TLSRoute or TCPRoute that chose the service: `default/my-route[0]`.
    package var route: String?
    package var detected = DetectedProtocol.unknown
    package var security = ConnectionSecurity.undecided
    /// Inbound: who connected to the peer's sidecar, as the peer says; a claim.
    package var claimedClient: SocketAddress?
    /// The same on both sides, as the dialling side says.
    package var trace: TraceID?
    /// The connection between the sidecars had been used before.
    package var isReused = false

    /// Bytes by side, received and sent as the proxy sees it.
    package var downstreamBytesReceived: UInt64 = 0
    package var downstreamBytesSent: UInt64 = 0
    package var upstreamBytesReceived: UInt64 = 0
    package var upstreamBytesSent: UInt64 = 0

    /// What the connection is doing, for the admin list.
    package var state = "accepted"

    /// How it ended.
    package var outcome = ErrorCode.completed
    /// What was seen, where the outcome alone does not say it all.
    package var detail = ""
    package var duration = Duration.zero

    package init(id: UInt64, direction: TrafficDirection, client: SocketAddress, startedAt: Instant) {
        self.id = id
        self.direction = direction
        self.client = client
        self.startedAt = startedAt
    }
}

extension ConnectionRecord {
    /// One line of the log. `time` is when the connection ended.
    package func line(_ format: LogSettings.Format, time: WallTime) -> [UInt8] {
        switch format {
        case .json: jsonLine(time)
        case .text: Array(textLine(time).utf8)
        }
    }

    private func jsonLine(_ time: WallTime) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.field("time", time.description)
        writer.field("level", "info")
        writer.field("message", "connection")
        writeFields(into: &writer)
        writer.field("outcome", outcome.name)
        writer.field("code", outcome.label)
        if outcome != .completed { writer.field("reason", reason) }
        writer.key("duration_ms")
        writer.thousandths(duration.wholeMicroseconds)
        writer.endObject()
        writer.newline()
        return writer.bytes
    }

    /// The fields that the log and the admin list share.
    package func writeFields(into writer: inout JSONWriter) {
        writer.field("id", id)
        writer.field("direction", direction.rawValue)
        writer.field("client", client.description)
        writer.field("original_destination", ifPresent: originalDestination?.description)
        writer.field("upstream", ifPresent: upstream?.description)
        writer.field("service", ifPresent: service?.description)
        writer.field("listener", ifPresent: listener)
        writer.field("route", ifPresent: route)
        writer.field("protocol", detected.rawValue)
        writeSecurity(into: &writer)
        writer.field("claimed_client", ifPresent: claimedClient?.description)
        writer.field("trace", ifPresent: trace?.description)
        writer.field("downstream_bytes_received", downstreamBytesReceived)
        writer.field("downstream_bytes_sent", downstreamBytesSent)
        writer.field("upstream_bytes_received", upstreamBytesReceived)
        writer.field("upstream_bytes_sent", upstreamBytesSent)
    }

    private func writeSecurity(into writer: inout JSONWriter) {
        writer.field("security", security.label)
        switch security {
        case .undecided: break
        case .plaintext(let reason): writer.field("plaintext_reason", reason.rawValue)
        case .mutualTLS(let peer, let cipher):
            writer.field("tls_version", "TLSv1.3")
            writer.field("cipher", ifPresent: cipher?.name)
            writer.field("peer", peer.description)
            writer.field("reused", isReused)
        }
    }

    private func textLine(_ time: WallTime) -> String {
        var text = "\(time) info \(direction.rawValue) \(client) -> \(originalDestination?.description ?? "?")"
        if let upstream, upstream != originalDestination { text += " via \(upstream)" }
        if let service { text += " (\(service))" }
        if let listener { text += " listener \(listener)" }
        if let route { text += " route \(route)" }
        switch security {
        case .undecided: break
        case .plaintext(let reason): text += " plaintext(\(reason.rawValue))"
        case .mutualTLS(let peer, _): text += " mutual-tls \(peer)\(isReused ? " reused" : "")"
        }
        text += " \(detected.rawValue) in=\(downstreamBytesReceived) out=\(downstreamBytesSent)"
        text += " \(duration.wholeMilliseconds)ms \(outcome.name)"
        if outcome != .completed { text += " \(outcome.label): \(reason.printable)" }
        return text + "\n"
    }

    /// What happened, as a sentence: the outcome's own words, then what was seen.
    package var reason: String { detail.isEmpty ? outcome.meaning : "\(outcome.meaning) (\(detail))" }
}
