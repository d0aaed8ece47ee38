// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
package import MeshModel

/// Everything that is told of one request: the line in the log when it is over, and what the metrics count.
package struct RequestRecord: Sendable {
    /// Of the connection that it came on.
    package let connection: UInt64
    package let direction: TrafficDirection
    package let startedAt: Instant
    /// Who connected to us, or for whom a peer's sidecar says it asks.
    package var client: SocketAddress
    package var security: ConnectionSecurity

    package var method = ""
    package var authority = ""
    /// Without the query, which may hold secrets.
    package var path = ""
    /// 0 while nothing has been answered.
    package var status = 0
    /// How a call of gRPC ended.
    package var grpcStatus: Int?
    /// What the request came as.
    package var spoken = DetectedProtocol.http1
    package var service: ResourceReference?
    /// The listener of a gateway that it came to.
    package var listener: String?
    /// The rule of the route that matched.
    package var route: String?
    package var upstream: SocketAddress?
    /// How often it was sent.
    package var attempts = 0
    package var requestBytes: UInt64 = 0
    package var responseBytes: UInt64 = 0
    package var trace: TraceID?
    /// The part of the trace that this request is.
    package var span: SpanIdentity?
    /// What decided that it may pass, or not.
    package var authorization: String?
    /// What audit policies would have denied.
    package var audit: String?

    package var outcome = ErrorCode.completed
    package var detail = ""
    package var duration = Duration.zero

    package init(
        connection: UInt64, direction: TrafficDirection, client: SocketAddress,
        security: ConnectionSecurity = .undecided, startedAt: Instant
    ) {
        self.connection = connection
        self.direction = direction
        self.client = client
        self.security = security
        self.startedAt = startedAt
    }

    /// What happened, as a sentence.
    package var reason: String { detail.isEmpty ? outcome.meaning : "\(outcome.meaning) (\(detail))" }
}

extension RequestRecord {
    /// One line of the log. `time` is when the request was over.
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
        writer.field("message", "request")
        writer.field("connection", connection)
        writer.field("direction", direction.rawValue)
        writer.field("client", client.description)
        writer.field("security", security.label)
        if case .mutualTLS(let peer, _) = security { writer.field("peer", peer.description) }
        writer.field("method", method)
        writer.field("authority", authority)
        writer.field("path", path)
        writer.field("status", UInt64(clamping: status))
        if let grpcStatus { writer.field("grpc_status", UInt64(clamping: grpcStatus)) }
        writer.field("protocol", spoken.rawValue)
        writer.field("service", ifPresent: service?.description)
        writer.field("listener", ifPresent: listener)
        writer.field("route", ifPresent: route)
        writer.field("upstream", ifPresent: upstream?.description)
        writer.field("attempts", UInt64(clamping: attempts))
        writer.field("request_bytes", requestBytes)
        writer.field("response_bytes", responseBytes)
        writer.field("trace", ifPresent: trace?.description)
        writer.field("span", ifPresent: span.map { TraceContext.hex($0.id, 16) })
        writer.field("authorization", ifPresent: authorization)
        writer.field("audit", ifPresent: audit)
        writer.field("outcome", outcome.name)
        writer.field("code", outcome.label)
        if outcome != .completed { writer.field("reason", reason) }
        writer.key("duration_ms")
        writer.thousandths(duration.wholeMicroseconds)
        writer.endObject()
        writer.newline()
        return writer.bytes
    }

    private func textLine(_ time: WallTime) -> String {
        var text = "\(time) info request \(direction.rawValue) \(client) \(method.printable) \(authority.printable)"
        text += "\(path.printable) \(status)"
        if let grpcStatus { text += " grpc-status=\(grpcStatus)" }
        if let upstream { text += " via \(upstream)" }
        if let route { text += " (\(route))" }
        if case .mutualTLS(let peer, _) = security { text += " \(peer)" }
        if attempts > 1 { text += " attempts=\(attempts)" }
        text += " in=\(requestBytes) out=\(responseBytes) \(duration.wholeMilliseconds)ms \(outcome.name)"
        if let audit { text += " audit: \(audit.printable)" }
        if outcome != .completed { text += " \(outcome.label): \(reason.printable)" }
        return text + "\n"
    }
}
