// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshTesting
import Testing

extension Sidecars {
    /// The service of ``RequestScene``, and what the sidecars tell of its requests beside the log.
    @Suite("What a sidecar tells of requests")
    struct TelemetryTests {
        @Test("a sampled request leaves a span on each side, one below the other, though nothing is logged")
        func spans() async throws {
            let scene = try await RequestScene(
                RequestScene.plain,
                settings: ["tracing": "{samplePercent: 100}", "log": "{format: json, connections: false}"])
            let result = try await scene.get("/echo/it?secret=1")
            let out = try await eventually("the client's span") { try await scene.client.spans().first }
            #expect(out.name == "GET default/shop" && out.kind == 3 && out.parentSpanId == nil, "\(out)")
            #expect(out["url.path"] == "/echo/it" && out["http.response.status_code"] == "200", "\(out)")
            #expect(out["weft.route"] == "default/shop-route[0]" && out["weft.outcome"] == "completed")
            #expect(try #require(UInt64(out.endTimeUnixNano)) > (try #require(UInt64(out.startTimeUnixNano))))
            let pod = out["network.peer.address"] == scene.one.address ? scene.one : scene.two
            #expect(out["weft.peer"] == pod.spiffeID)
            // The server's sidecar samples what the client's has begun, whatever its own share is.
            let inside = try await eventually("the server's span") { try await pod.spans().first }
            #expect(inside.traceId == out.traceId && inside.parentSpanId == out.spanId && inside.kind == 2)
            #expect(inside["weft.peer"] == scene.client.spiffeID)
            #expect(result.body.contains("traceparent: 00-\(out.traceId)-\(inside.spanId)-01"), "\(result)")
            #expect(try scene.client.toldRequests.isEmpty)
            #expect(try await scene.client.metrics().value("weft_spans_recorded_total") == 1)
        }

        @Test("whoever began a trace has decided whether it is sampled")
        func continued() async throws {
            let scene = try await RequestScene(
                RequestScene.plain, settings: ["tracing": "{samplePercent: 100, spansKept: 2}"])
            let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
            for (path, flags) in [("/not", "00"), ("/one", "01"), ("/other", "03")] {
                let result = try await scene.get(path, "-H", "traceparent: 00-\(trace)-00f067aa0ba902b7-\(flags)")
                #expect(result.status == 200, "\(result)")
            }
            let spans = try await eventually("two spans") {
                let spans = try await scene.client.spans()
                return spans.count == 2 ? spans : nil
            }
            #expect(spans.map { $0["url.path"] } == ["/one", "/other"])
            #expect(spans.allSatisfy { $0.traceId == trace && $0.parentSpanId == "00f067aa0ba902b7" })
            _ = try await scene.get("/new")
            try await eventually("the oldest gives way") {
                try await scene.client.spans().map { $0["url.path"] } == ["/other", "/new"] ? true : nil
            }
            #expect(try await scene.client.metrics().value("weft_spans_dropped_total") == 1)
        }

        @Test("endpoints are listed with their state, and those that fail are ejected there and in the metrics")
        func endpoints() async throws {
            let scene = try await RequestScene(
                RequestScene.plain, ejection: "{consecutiveErrors: 2, base: 60s, longest: 60s}")
            #expect(try await scene.client.services().isEmpty)
            #expect(try await scene.get("/").status == 200)
            let fresh = try #require(try await scene.client.services().first)
            #expect(fresh.service == "default/shop" && fresh.port == 80 && fresh.breaker?.open == false)
            #expect(fresh.endpoints.map(\.address) == [scene.one, scene.two].map { "\($0.address):9000" }.sorted())
            #expect(fresh.endpoints.allSatisfy { $0.state == "healthy" && $0.security == "mutual-tls" })
            #expect(fresh.endpoints.map(\.successes).sorted() == [0, 1])
            let ejected = try await eventually("one is ejected") {
                _ = try await scene.get("/status/500")
                return try await scene.client.services().first?.endpoints.first { $0.state == "ejected" }
            }
            #expect(ejected.until != nil && ejected.failures >= 2 && (ejected.latencyMs ?? 0) > 500, "\(ejected)")
            let metrics = try await scene.client.metrics()
            for state in ["healthy", "ejected"] {
                #expect(metrics.value("weft_endpoints", ["service": "default/shop", "state": state]) == 1)
            }
        }

        @Test("an open breaker is told, and what it refused")
        func breaker() async throws {
            let scene = try await RequestScene("[{backendRefs: [{name: narrow, port: 80}]}]") { mesh, _ in
                mesh.add(
                    "narrow", kind: "Service",
                    "{addresses: [10.96.0.30], ports: [{port: 80, targetPort: 9000}], endpoints: [{workload: one}], "
                        + "breaker: {requests: 1}}")
            }
            let slow = try scene.client.start("curl", "-sS", "http://10.96.0.20/slow/1500")
            try await scene.servers[0].line(containing: "GET /slow/1500")
            let busy = try #require(try await scene.client.services().first)
            #expect(busy.breaker?.open == true && busy.breaker?.requests == 1, "\(busy)")
            #expect(busy.endpoints.map(\.underWay) == [1])
            #expect(try await scene.client.metrics().value("weft_breakers_open", ["service": "default/narrow"]) == 1)
            #expect(try await scene.get("/too-much").status == 503)
            #expect(
                try await scene.client.metrics().value(
                    "weft_breaker_refusals_total", ["service": "default/narrow", "limit": "requests"]) == 1)
            try await eventually("the end of curl") { slow.isRunning ? nil : true }
            try await scene.client.measures("a closed breaker") {
                $0.value("weft_breakers_open", ["service": "default/narrow"]) == 0
            }
        }

        @Test("requests are counted by who answers and how, also over several threads, until nobody asks any more")
        func metrics() async throws {
            let scene = try await RequestScene(
                RequestScene.plain, settings: ["metrics": "{evictAfter: 2s}", "dataThreads": "2"])
            for _ in 0..<6 { #expect(try await scene.get("/").status == 200) }
            let labels = ["service": "default/shop", "protocol": "http/1", "status": "200", "grpc_status": ""]
            try await scene.client.measures("six requests") { $0.value("weft_requests_total", labels) == 6 }
            let metrics = try await scene.client.metrics()
            #expect(metrics.value("weft_request_duration_seconds_count", ["service": "default/shop"]) == 6)
            #expect(metrics.value("weft_request_bytes_total", ["service": "default/shop", "flow": "sent"]) > 0)
            let peers = Set(metrics.samples.filter { $0.name == "weft_requests_total" }.map { $0.labels["peer"] })
            #expect(!peers.isEmpty && peers.isSubset(of: [scene.one.spiffeID, scene.two.spiffeID]))
            try await scene.client.measures("nothing any more") { $0.value("weft_request_series") == 0 }
            let later = try await scene.client.metrics()
            #expect(later.value("weft_requests_total") == 0 && later.value("weft_request_series_evicted_total") >= 2)
            #expect(try await scene.get("/").status == 200)
            try await scene.client.measures("one that begins anew") { $0.value("weft_requests_total", labels) == 1 }
        }
    }
}
