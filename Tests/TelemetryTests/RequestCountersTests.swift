// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import Telemetry
import Testing

@Suite("The numbers of requests")
struct RequestCountersTests {
    /// A request that was over at `second`.
    private static func record(
        _ route: Int = 0, service: String? = "shop", second: Int64 = 0, status: Int = 200, grpcStatus: Int? = nil,
        _ direction: TrafficDirection = .outbound
    ) -> RequestRecord {
        var record = RequestRecord(
            connection: 1, direction: direction, client: SocketAddress(.v4(IPv4Address(bits: 1)), 1),
            startedAt: Instant(nanoseconds: second * 1_000_000_000))
        record.service = service.flatMap { ResourceName($0) }.map { ResourceReference(name: $0) }
        record.route = "default/route[\(route)]"
        record.status = status
        record.grpcStatus = grpcStatus
        record.requestBytes = 10
        record.responseBytes = 20
        return record
    }

    private static func counters(_ records: [RequestRecord]) -> RequestCounters {
        var counters = RequestCounters()
        for record in records { counters.finish(record) }
        return counters
    }

    private static func text(_ counters: RequestCounters) -> String {
        var whole = DataPlaneCounters()
        whole.requests = counters
        var writer = ExpositionWriter()
        writer.write(whole)
        return writer.text
    }

    private static func total(_ counters: RequestCounters) -> UInt64 {
        counters.finished.reduce(0) { $0 + $1.value.total }
    }

    private static func instant(_ second: Int64) -> Instant { Instant(nanoseconds: second * 1_000_000_000) }

    @Test("a request is counted with all that is known of it, by direction, and once more for its service")
    func labels() throws {
        var call = Self.record(grpcStatus: 5)
        call.spoken = .http2
        let peer = try #require(SPIFFEID("spiffe://mesh.example/ns/default/sa/web"))
        call.security = .mutualTLS(peer: peer, cipher: nil)
        var counters = Self.counters([Self.record(), Self.record(), call, Self.record(service: nil, .inbound)])
        counters.refuse(.pending, ResourceReference(name: try #require(ResourceName("shop"))), now: Self.instant(0))
        let text = Self.text(counters)
        let completed = #"outcome="completed",code="WEFT3000""#
        for line in [
            #"weft_requests_total{direction="outbound",service="default/shop",route="default/route[0]",peer="","#
                + #"protocol="http/1",status="200",grpc_status="",\#(completed),security="none"} 2"#,
            #"weft_requests_total{direction="outbound",service="default/shop",route="default/route[0]","#
                + #"peer="spiffe://mesh.example/ns/default/sa/web",protocol="http/2",status="200",grpc_status="5","#
                + #"\#(completed),security="mutual-tls"} 1"#,
            #"weft_request_duration_seconds_count{direction="outbound",service="default/shop"} 3"#,
            #"weft_request_duration_seconds_count{direction="inbound",service=""} 1"#,
            #"weft_request_bytes_total{direction="outbound",service="default/shop",flow="sent"} 60"#,
            #"weft_breaker_refusals_total{service="default/shop",limit="pending"} 1"#, "weft_request_series 3",
        ] {
            #expect(text.contains(line + "\n"), "\(line)\n\(text)")
        }
    }

    @Test("each kind has its own number, however many take turns", arguments: [1, 2, 8, 9, 40])
    func turns(_ kinds: Int) {
        var counters = Self.counters(
            (0..<5 * kinds).map { Self.record($0 % kinds, service: "s\($0 % kinds)", second: 9) })
        #expect(counters.finished.map(\.key.route) == (0..<kinds).map { "default/route[\($0)]" })
        #expect(counters.finished.allSatisfy { $0.value.total == 5 } && counters.services.count == kinds)
        #expect(counters.services.allSatisfy { $0.value.requestBytes == 50 })
        // Those that are left after an eviction stand at other places than before.
        counters.merge(
            Self.counters((0..<kinds).map { Self.record($0, service: "s\($0)", second: $0 % 2 == 0 ? 3 : 20) }))
        counters.evict(unseenSince: Self.instant(10))
        for index in 0..<kinds { counters.finish(Self.record(index, service: "s\(index)", second: 30)) }
        for (kind, count) in counters.finished {
            let isOld = kind.route.map { $0.contains(/[13579]\]/) } ?? false
            #expect(count.total == (isOld ? 7 : 1), "\(kind)")
        }
        #expect(counters.finished.count == kinds && counters.services.count == kinds)
    }

    @Test("a kind is the same, whatever is like it in all but one thing")
    func differences() throws {
        let web = try #require(SPIFFEID("spiffe://mesh.example/ns/default/sa/web"))
        let api = try #require(SPIFFEID("spiffe://mesh.example/ns/default/sa/api"))
        let changes: [@Sendable (inout RequestRecord) -> Void] = [
            { _ in }, { $0.status = 201 }, { $0.grpcStatus = 0 }, { $0.outcome = .breakerOpen }, { $0.spoken = .http2 },
            { $0.route = nil }, { $0.route = "default/route[1]" }, { $0.service = nil },
            { $0.security = .mutualTLS(peer: web, cipher: nil) }, { $0.security = .mutualTLS(peer: api, cipher: nil) },
            { $0.security = .plaintext(.notMeshed) },
        ]
        var records = changes.map { change in
            var record = Self.record()
            change(&record)
            return record
        }
        records.append(Self.record(0, .inbound))
        let counters = Self.counters(records + records)
        #expect(counters.finished.map(\.value.total) == records.map { _ in 2 })
        // The cipher, the method and the like are no part of it.
        var same = records[8]
        same.security = .mutualTLS(peer: web, cipher: .aes128GCM)
        same.path = "/other"
        #expect(Self.counters(records + [same]).finished.count == records.count)
    }

    @Test("a server's inventions make no series")
    func inventions() {
        let counters = Self.counters((600...999).map { Self.record(status: $0) })
        #expect(counters.finished.count == 1 && counters.finished.allSatisfy { $0.key.status == 0 })
        let calls = Self.counters((17...99).map { Self.record(grpcStatus: $0) })
        #expect(calls.finished.count == 1 && calls.finished.allSatisfy { $0.key.grpcStatus == 2 })
    }

    @Test("beyond the limit everything is still counted, as other, and the overflow is")
    func overflow() {
        let extra = 50
        let counters = Self.counters((0..<RequestCounters.kindsMax + extra).map { Self.record($0) })
        #expect(counters.finished.count == RequestCounters.kindsMax + 1)
        #expect(counters.overflowed == UInt64(extra))
        #expect(Self.total(counters) == UInt64(RequestCounters.kindsMax + extra))
        #expect(Self.text(counters).contains(#"service="_other",route="",peer="""#))
    }

    @Test("services are limited too, and their numbers kept together")
    func services() {
        let counters = Self.counters((0..<RequestCounters.servicesMax + 7).map { Self.record(service: "s\($0)") })
        #expect(counters.services.count == RequestCounters.servicesMax + 1)
        #expect(Self.text(counters).contains(#"_count{direction="outbound",service="_other"} 7"#))
    }

    @Test("what one thread calls other is not counted twice where threads are put together")
    func mergedOverflow() {
        let one = Self.counters((0..<RequestCounters.kindsMax + 3).map { Self.record($0) })
        let two = Self.counters((0..<5).map { Self.record(100_000 + $0) })
        var sum = RequestCounters()
        sum.merge(one)
        sum.merge(two)
        #expect(sum.overflowed == 8 && Self.total(sum) == UInt64(RequestCounters.kindsMax + 8))
        #expect(sum.finished.count == RequestCounters.kindsMax + 1)
    }

    @Test("what has not counted for long is evicted; what has keeps all of its number")
    func eviction() {
        var counters = Self.counters([
            Self.record(1, service: "old", second: 0), Self.record(2, second: 0), Self.record(2, second: 700),
        ])
        counters.evict(unseenSince: Self.instant(100))
        #expect(counters.finished.map(\.key.route) == ["default/route[2]"])
        #expect(counters.finished.first?.value.total == 2)
        #expect(counters.services.map(\.key.service?.name.text) == ["shop"])
        // The series, and the service.
        #expect(counters.evicted == 2)
        counters.evict(unseenSince: Self.instant(100))
        #expect(counters.evicted == 2)
    }

    @Test("one thread's rest does not take away what another has counted")
    func threads() {
        var sum = RequestCounters()
        sum.merge(Self.counters((0..<10).map { _ in Self.record(second: 0) }))
        sum.merge(Self.counters([Self.record(second: 650)]))
        sum.evict(unseenSince: Self.instant(600))
        #expect(Self.total(sum) == 11)
        // Told out of order, the later moment counts.
        sum.merge(Self.counters([Self.record(second: 640)]))
        sum.evict(unseenSince: Self.instant(645))
        #expect(Self.total(sum) == 12)
        sum.evict(unseenSince: Self.instant(651))
        #expect(sum.finished.isEmpty && sum.services.isEmpty)
    }

    @Test("an evicted kind makes room for another, and comes back at zero")
    func roomAgain() {
        var counters = Self.counters((0..<RequestCounters.kindsMax).map { Self.record($0) })
        counters.evict(unseenSince: Self.instant(1))
        counters.finish(Self.record(0, second: 2))
        #expect(counters.overflowed == 0 && Self.total(counters) == 1)
    }
}
