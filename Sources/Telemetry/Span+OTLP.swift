// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import Bytes
package import MeshModel

/// Spans in the JSON form of OTLP (`docs/specification.md` of opentelemetry-proto): ids in hexadecimal, enumerations as
/// numbers, numbers of 64 bits as text. What a collector takes at `/v1/traces`.
extension JSONWriter {
    package mutating func traces(_ spans: [Span], of workload: ResourceReference, identity: String?) {
        object { writer in
            writer.key("resourceSpans")
            writer.array(CollectionOfOne(spans)) { writer, spans in
                writer.object { writer in
                    writer.key("resource")
                    writer.object { writer in
                        writer.attributes { writer in
                            writer.attribute("service.name", workload.name.description)
                            writer.attribute("service.namespace", workload.namespace.description)
                            if let identity { writer.attribute("weft.identity", identity) }
                        }
                    }
                    writer.key("scopeSpans")
                    writer.array(CollectionOfOne(spans)) { writer, spans in
                        writer.object { writer in
                            writer.key("scope")
                            writer.object { writer in
                                writer.field("name", "weft-proxy")
                                writer.field("version", WeftVersion.text)
                            }
                            writer.key("spans")
                            writer.array(spans) { $1.write(into: &$0) }
                        }
                    }
                }
            }
        }
    }
}

/// The list `attributes` of an object of OTLP.
extension JSONWriter {
    fileprivate mutating func attributes(_ body: (inout JSONWriter) -> Void) {
        key("attributes")
        beginArray()
        body(&self)
        endArray()
    }

    fileprivate mutating func attribute(_ name: String, _ value: String) { attribute(name, "stringValue", value) }

    fileprivate mutating func attribute(_ name: String, _ value: some BinaryInteger) {
        attribute(name, "intValue", String(value))
    }

    private mutating func attribute(_ name: String, _ kind: String, _ value: String) {
        object { writer in
            writer.field("key", name)
            writer.key("value")
            writer.object { writer in writer.field(kind, value) }
        }
    }
}

extension Span {
    fileprivate func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("traceId", trace.description)
            writer.field("spanId", TraceContext.hex(identity.id, 16))
            writer.field("parentSpanId", ifPresent: identity.parent.map { TraceContext.hex($0, 16) })
            writer.field("flags", Int(identity.flags))
            writer.field("name", name)
            // SERVER and CLIENT.
            writer.field("kind", record.direction == .inbound ? 2 : 3)
            writer.field("startTimeUnixNano", String(startedAt.nanoseconds))
            writer.field("endTimeUnixNano", String((startedAt + record.duration).nanoseconds))
            writer.attributes { writer in
                writeRequest(into: &writer)
                writeConnection(into: &writer)
                writeOutcome(into: &writer)
            }
            writer.key("status")
            writer.object { writer in
                guard isError else { return }
                writer.field("code", 2)
                if record.outcome != .completed { writer.field("message", record.reason) }
            }
        }
    }

    /// Of few kinds, as names of spans have to be: the path may have any number of values.
    private var name: String {
        let method = knownMethod ?? "HTTP"
        return record.service.map { "\(method) \($0)" } ?? method
    }

    private static let knownMethods: Set<String> = [
        "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
    ]

    private var knownMethod: String? { Self.knownMethods.contains(record.method) ? record.method : nil }

    private func writeRequest(into writer: inout JSONWriter) {
        writer.attribute("http.request.method", knownMethod ?? "_OTHER")
        if knownMethod == nil { writer.attribute("http.request.method_original", record.method) }
        writer.attribute("url.path", record.path)
        writer.attribute("server.address", record.authority)
        writer.attribute("network.protocol.name", "http")
        writer.attribute("network.protocol.version", record.spoken == .http2 ? "2" : "1.1")
        if record.status > 0 { writer.attribute("http.response.status_code", record.status) }
        if let status = record.grpcStatus {
            writer.attribute("rpc.system", "grpc")
            writer.attribute("rpc.grpc.status_code", status)
        }
        writer.attribute("http.request.body.size", record.requestBytes)
        writer.attribute("http.response.body.size", record.responseBytes)
        if record.attempts > 1 { writer.attribute("http.request.resend_count", record.attempts - 1) }
    }

    private func writeConnection(into writer: inout JSONWriter) {
        writer.attribute("client.address", record.client.address.description)
        writer.attribute("client.port", record.client.port)
        if let upstream = record.upstream {
            writer.attribute("network.peer.address", upstream.address.description)
            writer.attribute("network.peer.port", upstream.port)
        }
        writer.attribute("weft.security", record.security.label)
        if case .mutualTLS(let peer, _) = record.security { writer.attribute("weft.peer", peer.description) }
        if let listener = record.listener { writer.attribute("weft.listener", listener) }
        if let service = record.service { writer.attribute("weft.service", service.description) }
        if let route = record.route { writer.attribute("weft.route", route) }
        if let authorization = record.authorization { writer.attribute("weft.authorization", authorization) }
    }

    private func writeOutcome(into writer: inout JSONWriter) {
        writer.attribute("weft.outcome", record.outcome.name)
        writer.attribute("weft.code", record.outcome.label)
        writer.attribute("weft.attempts", record.attempts)
        guard isError else { return }
        let type =
            record.outcome != .completed
            ? record.outcome.name : record.grpcStatus.map { "grpc-\($0)" } ?? String(record.status)
        writer.attribute("error.type", type)
    }

    /// As the semantic conventions of OpenTelemetry have it: what is the caller's mistake is an error of the caller only.
    private var isError: Bool {
        if record.outcome != .completed { return true }
        let isServer = record.direction == .inbound
        if let status = record.grpcStatus { return isServer ? [2, 4, 12, 13, 14, 15].contains(status) : status != 0 }
        return record.status >= (isServer ? 500 : 400)
    }
}
