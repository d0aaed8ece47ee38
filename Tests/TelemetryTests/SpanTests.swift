// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Bytes
import Foundation
import MeshModel
import Telemetry
import Testing

@Suite("Spans of requests")
struct SpanTests {
    private static let end = WallTime(nanoseconds: 1_795_238_700_123_456_789)

    private static func record(_ direction: TrafficDirection = .outbound, flags: UInt8 = 1) throws -> RequestRecord {
        let client = try #require(SocketAddress("10.0.0.1:40000"))
        var record = RequestRecord(
            connection: 7, direction: direction, client: client, startedAt: Instant(nanoseconds: 0))
        let peer = try #require(SPIFFEID("spiffe://mesh.example/ns/default/sa/web"))
        record.security = .mutualTLS(peer: peer, cipher: nil)
        record.method = "GET"
        record.authority = "shop"
        record.path = "/a"
        record.status = 200
        record.service = ResourceReference(name: try #require(ResourceName("shop")))
        record.route = "default/shop-route[0]"
        record.upstream = SocketAddress("[fd00::2]:9000")
        record.attempts = 1
        record.trace = TraceID(bits: 0xabc)
        record.span = SpanIdentity(id: 0x12, parent: 0x34, flags: flags)
        record.duration = .microseconds(1500)
        return record
    }

    private static func span(_ change: (inout RequestRecord) -> Void = { _ in }) throws -> Span {
        var record = try record()
        change(&record)
        return try #require(Span(record, endedAt: end))
    }

    /// The one span in what is written, read back by somebody else's reader.
    private static func written(_ span: Span) throws -> (span: [String: Any], attributes: [String: Any]) {
        var writer = JSONWriter()
        writer.traces([span], of: ResourceReference(name: try #require(ResourceName("web"))), identity: nil)
        let value = try JSONSerialization.jsonObject(with: Data(writer.bytes))
        let whole = try #require(value as? [String: [[String: Any]]])
        let scopes = try #require(whole["resourceSpans"]?.first?["scopeSpans"] as? [[String: Any]])
        let told = try #require((scopes.first?["spans"] as? [[String: Any]])?.first)
        var attributes: [String: Any] = [:]
        for attribute in try #require(told["attributes"] as? [[String: Any]]) {
            let value = try #require(attribute["value"] as? [String: String])
            #expect(value.count == 1)
            attributes[try #require(attribute["key"] as? String)] = value.values.first
        }
        return (told, attributes)
    }

    @Test("only a sampled request leaves one: the bit counts, not the whole number")
    func sampled() throws {
        for (flags, isKept) in [(UInt8(0), false), (1, true), (2, false), (3, true), (0xff, true)] {
            #expect((Span(try Self.record(flags: flags), endedAt: Self.end) != nil) == isKept, "\(flags)")
        }
        var record = try Self.record()
        record.span = nil
        #expect(Span(record, endedAt: Self.end) == nil)
    }

    @Test("as OTLP has it: ids in hexadecimal, kinds as numbers, times as text")
    func form() throws {
        let (span, attributes) = try Self.written(try Self.span())
        #expect(span["traceId"] as? String == "00000000000000000000000000000abc")
        #expect(span["spanId"] as? String == "0000000000000012")
        #expect(span["parentSpanId"] as? String == "0000000000000034")
        #expect(span["kind"] as? Int == 3 && span["name"] as? String == "GET default/shop")
        #expect(span["endTimeUnixNano"] as? String == "1795238700123456789")
        #expect(span["startTimeUnixNano"] as? String == "1795238700121956789")
        #expect((span["status"] as? [String: Any])?.isEmpty == true)
        for (name, value) in [
            ("http.request.method", "GET"), ("url.path", "/a"), ("http.response.status_code", "200"),
            ("network.peer.address", "fd00::2"), ("network.peer.port", "9000"), ("client.address", "10.0.0.1"),
            ("weft.service", "default/shop"), ("weft.route", "default/shop-route[0]"),
            ("weft.peer", "spiffe://mesh.example/ns/default/sa/web"), ("weft.outcome", "completed"),
            ("weft.attempts", "1"), ("network.protocol.version", "1.1"),
        ] {
            #expect(attributes[name] as? String == value, "\(name)")
        }
        #expect(attributes["http.request.resend_count"] == nil && attributes["error.type"] == nil)
    }

    @Test("the first of a trace has no parent, and a served request is of the kind of servers")
    func root() throws {
        var record = try Self.record(.inbound)
        record.span = SpanIdentity(id: 1, parent: nil, flags: 1)
        record.service = nil
        let (span, _) = try Self.written(try #require(Span(record, endedAt: Self.end)))
        #expect(span["parentSpanId"] == nil && span["kind"] as? Int == 2 && span["name"] as? String == "GET")
    }

    struct ErrorCase: Sendable {
        let direction: TrafficDirection
        var status = 200
        var grpcStatus: Int?
        var outcome = ErrorCode.completed
        /// The attribute `error.type`; nil: it is no error.
        let type: String?
    }

    @Test(
        "what is an error depends on who looks",
        arguments: [
            ErrorCase(direction: .outbound, status: 404, type: "404"),
            ErrorCase(direction: .inbound, status: 404, type: nil),
            ErrorCase(direction: .inbound, status: 500, type: "500"),
            ErrorCase(direction: .outbound, grpcStatus: 5, type: "grpc-5"),
            ErrorCase(direction: .inbound, grpcStatus: 5, type: nil),
            ErrorCase(direction: .inbound, grpcStatus: 14, type: "grpc-14"),
            ErrorCase(direction: .outbound, grpcStatus: 0, type: nil),
            ErrorCase(direction: .outbound, status: 503, outcome: .breakerOpen, type: ErrorCode.breakerOpen.name),
        ])
    func errors(_ row: ErrorCase) throws {
        var record = try Self.record(row.direction)
        record.status = row.status
        record.grpcStatus = row.grpcStatus
        record.outcome = row.outcome
        let (span, attributes) = try Self.written(try #require(Span(record, endedAt: Self.end)))
        #expect(attributes["error.type"] as? String == row.type)
        let status = try #require(span["status"] as? [String: Any])
        #expect(status["code"] as? Int == (row.type == nil ? nil : 2))
        #expect((status["message"] != nil) == (row.outcome != .completed))
    }

    @Test("what a client chose is cut, and a method that nobody knows makes no name")
    func hostile() throws {
        let span = try Self.span { record in
            record.method = "X\"\u{1b}"
            record.path = "/" + String(repeating: "é", count: 5_000)
        }
        #expect(span.record.path.utf8.count <= 1_030)
        let (told, attributes) = try Self.written(span)
        #expect(told["name"] as? String == "HTTP default/shop")
        #expect(attributes["http.request.method"] as? String == "_OTHER")
        #expect(attributes["http.request.method_original"] as? String == "X\"\u{1b}")
    }

    // MARK: The buffer

    private static func ids(_ buffer: SpanBuffer) -> [UInt64] { buffer.spans.map(\.identity.id) }

    private static func filled(_ capacity: Int, _ count: UInt64) throws -> SpanBuffer {
        var buffer = SpanBuffer(capacity: capacity)
        for id in 1...count {
            buffer.append(try span { $0.span = SpanIdentity(id: id, parent: nil, flags: 1) })
        }
        return buffer
    }

    @Test("a full buffer gives up the oldest and counts it")
    func full() throws {
        let buffer = try Self.filled(3, 8)
        #expect(Self.ids(buffer) == [6, 7, 8] && buffer.recorded == 8 && buffer.dropped == 5)
        let roomy = try Self.filled(8, 3)
        #expect(Self.ids(roomy) == [1, 2, 3] && roomy.dropped == 0)
    }

    @Test("its size can change: the newest stay, in order")
    func resizing() throws {
        var buffer = try Self.filled(4, 6)
        buffer.resize(2)
        #expect(Self.ids(buffer) == [5, 6] && buffer.dropped == 4)
        buffer.resize(3)
        for id in UInt64(7)...8 {
            buffer.append(try Self.span { $0.span = SpanIdentity(id: id, parent: nil, flags: 1) })
        }
        #expect(Self.ids(buffer) == [6, 7, 8] && buffer.dropped == 5)
    }

    @Test("a buffer of none keeps nothing")
    func none() throws {
        let buffer = try Self.filled(0, 5)
        #expect(buffer.count == 0 && buffer.spans.isEmpty && buffer.dropped == 5)
    }
}
