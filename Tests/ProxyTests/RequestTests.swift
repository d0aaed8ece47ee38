// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension Sidecars {
    /// A service "shop" at 10.96.0.20, port 80, with an HTTPRoute: requests are looked at one by one.
    ///
    ///     client ── 10.96.0.20:80 ──▶ weft-proxy ══ a stream for each request ══▶ one:9000, two:9000
    @Suite("Requests")
    struct RequestTests {
        @Test("requests of one connection are told one by one, on both sides, encrypted and with one trace")
        func everyday() async throws {
            let scene = try await RequestScene(RequestScene.plain)
            let result = try await scene.get("/a?b=c", "http://10.96.0.20/second")
            #expect(result.exitCode == 0 && result.body.contains("GET /second HTTP/1.1"), "\(result)")
            let out = try await scene.client.tellsRequest("the first request") { $0.path == "/a" }
            #expect(out.direction == "outbound" && out.status == 200 && out.outcome == "completed", "\(out)")
            #expect(
                out.security == "mutual-tls" && out.route == "default/shop-route[0]" && out.service == "default/shop")
            let pod = out.upstream == "\(scene.one.address):9000" ? scene.one : scene.two
            #expect(out.peer == pod.spiffeID)
            let inside = try await pod.tellsRequest("the same request") { $0.path == "/a" }
            #expect(inside.direction == "inbound" && inside.peer == scene.client.spiffeID && inside.trace == out.trace)
            #expect(inside.client.hasPrefix(scene.client.address))
            try await scene.client.tellsRequest("the second request") { $0.path == "/second" && $0.status == 200 }
            #expect(try await scene.client.metrics().value("weft_requests_total", ["direction": "outbound"]) == 2)
        }

        @Test("the application learns who calls, and nobody can forge it")
        func caller() async throws {
            let scene = try await RequestScene(RequestScene.plain)
            let result = try await scene.get(
                "/echo", "-H", "X-Weft-Caller: spiffe://mesh.example/ns/default/sa/root", "-H",
                "X_Weft_Caller: spiffe://mesh.example/ns/default/sa/root", "-H", "x-weft-more: forged")
            #expect(!result.body.contains("sa/root") && !result.body.contains("forged"), "\(result)")
            let names = result.body.split(separator: "\r\n").filter { $0.hasPrefix("x-weft-caller:") }
            #expect(names == ["x-weft-caller: \(scene.client.spiffeID)"], "\(result)")
            #expect(result.body.contains("\r\ntraceparent: 00-"))
        }

        @Test("a port that is declared HTTP is read by its own sidecar, whoever calls and however")
        func declared() async throws {
            let mesh = try await Mesh()
            let client = try await mesh.pod("client")
            let server = try await mesh.pod("server")
            server.ports = "[{port: 9000, protocol: http}]"
            mesh.add(
                "checked", kind: "Service",
                "{addresses: [10.96.0.60], ports: [{port: 80, targetPort: 9000}], endpoints: [{workload: server}], "
                    + "health: {tcp: {}, interval: 1s, timeout: 1s}}")
            try await mesh.start()
            try await server.serve("http", "\(server.address):9000")
            let result = try await client.curl(
                "http://\(server.address):9000/echo", "-H", "x-weft-caller: spiffe://mesh.example/ns/default/sa/root")
            #expect(result.body.contains("x-weft-caller: \(client.spiffeID)"), "\(result)")
            #expect(!result.body.contains("sa/root"))
            let opaque = try client.connect("\(server.address):9000")
            opaque.type("\u{1}\u{2}binary")
            try await opaque.line(containing: "Connection reset")
            // A check by connection reaches it all the same.
            try await client.measures("the checked endpoint") { metrics in
                metrics.samples.contains { $0.name == "weft_endpoint_healthy" && $0.value == 1 }
            }
        }

        @Test("a large body goes both ways whole, and an answer with no length too")
        func bodies() async throws {
            let scene = try await RequestScene(RequestScene.plain)
            let file = "\(scene.mesh.directory)/body"
            try Data(repeating: 120, count: 3_000_000).write(to: URL(fileURLWithPath: file))
            let result = try await scene.get("/upload", "-X", "POST", "--data-binary", "@\(file)")
            #expect(result.status == 200, "\(result)")
            let told = try await scene.client.tellsRequest("the upload") { $0.path == "/upload" }
            #expect(told.requestBytes == 3_000_000)
        }

        @Test("the first rule that matches best decides; what none matches is 404, said why")
        func routing() async throws {
            let scene = try await RequestScene(
                """
                [{matches: [{path: {type: PathPrefix, value: /one}}], backendRefs: [{name: shop-one, port: 80}], \
                filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /echo}}}]}, \
                {matches: [{path: {type: Exact, value: /two}}], backendRefs: [{name: shop-two, port: 80}]}, \
                {matches: [{path: {type: Exact, value: /old}}], \
                filters: [{type: RequestRedirect, requestRedirect: {hostname: new.example, statusCode: 301}}]}]
                """)
            let one = try await scene.get("/one/x")
            #expect(one.body.contains("\(scene.one.address):9000 read") && one.body.contains("GET /echo/x "), "\(one)")
            let two = try await scene.get("/two")
            #expect(two.status == 200)
            #expect(try await scene.client.tellsRequest("/two") { $0.path == "/two" }.route == "default/shop-route[1]")
            let old = try await scene.get("/old", "-D", "-")
            #expect(old.status == 301 && old.body.lowercased().contains("location: http://new.example/old"), "\(old)")
            let none = try await scene.get("/three")
            #expect(none.status == 404 && none.body.contains("WEFT3110"), "\(none)")
        }

        @Test("a hostile request is refused with 400 and never passed on")
        func hostile() async throws {
            let scene = try await RequestScene(RequestScene.plain)
            let both = try await scene.get(
                "/smuggle", "-X", "POST", "-H", "Transfer-Encoding: chunked", "-H", "Content-Length: 3", "-d", "abc")
            #expect(both.status == 400 && both.body.contains("WEFT3100"), "\(both)")
            let climb = try await scene.get("/a/../../etc", "--path-as-is")
            #expect(climb.status == 400, "\(climb)")
            let hidden = try await scene.get("/a%2fb", "--path-as-is")
            #expect(hidden.status == 400, "\(hidden)")
            #expect(scene.count("/smuggle") == 0 && scene.count("/etc") == 0)
            let notHTTP = try scene.client.connect("10.96.0.20:80")
            notHTTP.type("\u{1}\u{2}binary")
            try await notHTTP.line(containing: "Connection reset")
        }

        @Test("what may have reached the application is repeated only if it may be")
        func retries() async throws {
            let scene = try await RequestScene(
                "[{backendRefs: [{name: shop, port: 80}], retry: {attempts: 2, codes: [503]}}]")
            let get = try await scene.get("/reset/get")
            #expect(get.status == 502, "\(get)")
            #expect(scene.count("GET /reset/get") == 3)
            let post = try await scene.get("/reset/post", "-X", "POST", "-d", "pay")
            #expect(post.status == 502 && post.body.contains("WEFT31"), "\(post)")
            #expect(scene.count("POST /reset/post") == 1)
            let status = try await scene.get("/status/503")
            #expect(status.status == 503)
            #expect(scene.count("GET /status/503") == 3)
            let posted = try await scene.get("/status/503", "-X", "POST", "-d", "pay")
            #expect(posted.status == 503)
            #expect(scene.count("POST /status/503") == 1)
        }

        @Test("an endpoint that nobody listens at is passed over, for POST as well")
        func passedOver() async throws {
            let scene = try await RequestScene(RequestScene.plain)
            try await scene.servers[0].stop(SIGKILL)
            for _ in 0..<10 {
                let result = try await scene.get("/pay", "-X", "POST", "-d", "pay")
                #expect(result.status == 200, "\(result)")
            }
            let told = try scene.client.toldRequests
            #expect(told.contains { $0.attempts == 2 } && told.allSatisfy { $0.outcome == "completed" }, "\(told)")
            try await scene.servers[1].stop(SIGKILL)
            let result = try await scene.get("/pay", "-X", "POST", "-d", "pay")
            #expect(result.status == 503 && result.body.contains("WEFT3003"), "\(result)")
        }

        @Test("a request that takes longer than its route allows is 504")
        func timeout() async throws {
            let scene = try await RequestScene(
                "[{backendRefs: [{name: shop, port: 80}], timeouts: {request: 300ms}}]")
            let slow = try await scene.get("/slow/3000")
            #expect(slow.status == 504 && slow.body.contains("WEFT3121"), "\(slow)")
            #expect(try await scene.get("/slow/20").status == 200)
        }

        @Test(
            "hundreds of requests at once, while every sidecar reads its configuration again: none fails, none is doubled"
        )
        func crowd() async throws {
            let scene = try await RequestScene(RequestScene.plain)
            let gets = try scene.client.start(
                "curl", "-sS", "-Z", "--parallel-max", "30", "-o", "/dev/null", "-w", "%{http_code}\\n",
                "http://10.96.0.20/get/[1-600]")
            let posts = try scene.client.start(
                "curl", "-sS", "-Z", "--parallel-max", "30", "-o", "/dev/null", "-w", "%{http_code}\\n", "-d", "pay",
                "http://10.96.0.20/post/[1-600]")
            for pod in [scene.client, scene.one, scene.two] { #expect(try await pod.reload()) }
            for curl in [gets, posts] {
                try await eventually("the end of curl") { curl.isRunning ? nil : true }
                let codes = curl.output.split(separator: "\n")
                #expect(codes.count == 600 && codes.allSatisfy { $0 == "200" }, "\(Set(codes)) \(curl.error)")
            }
            #expect(scene.count("GET /get/") == 600)
            #expect(scene.count("POST /post/") == 600)
        }

        @Test("clients that give up, servers that die and answers that are cut leave nothing behind")
        func givingUp() async throws {
            let scene = try await RequestScene(RequestScene.plain)
            let impatient = try scene.client.start(
                "curl", "-s", "-Z", "--parallel-max", "30", "-m", "0.3", "http://10.96.0.20/slow/[2000-2029]")
            try await eventually("the end of curl") { impatient.isRunning ? nil : true }
            #expect(try await scene.get("/after").status == 200)
            for server in scene.servers { try await server.stop(SIGKILL) }
            #expect(try await scene.get("/nobody").status == 503)
            for pod in [scene.one, scene.two] { try await pod.serve("burst", "\(pod.address):9000") }
            let cut = try await scene.get("/burst")
            #expect(cut.status == 502 && cut.body.contains("WEFT3123"), "\(cut)")
            for pod in [scene.client, scene.one, scene.two] {
                try await eventually("no connection is left at \(pod.name)") {
                    let metrics = try await pod.metrics()
                    return metrics.value("weft_connections_active", ["direction": "inbound"]) == 0
                        && metrics.value("weft_connections_active", ["direction": "outbound"]) == 0 ? true : nil
                }
            }
        }

        @Test("a breaker refuses what is too much at once, and closes again")
        func breaker() async throws {
            let scene = try await RequestScene("[{backendRefs: [{name: narrow, port: 80}]}]") { mesh, one in
                mesh.add(
                    "narrow", kind: "Service",
                    "{addresses: [10.96.0.30], ports: [{port: 80, targetPort: 9000}], endpoints: [{workload: one}], "
                        + "breaker: {requests: 1}}")
            }
            let slow = try scene.client.start("curl", "-sS", "http://10.96.0.20/slow/1500")
            try await scene.servers[0].line(containing: "GET /slow/1500")
            let refused = try await scene.get("/too-much")
            #expect(refused.status == 503 && refused.body.contains("WEFT3120"), "\(refused)")
            try await eventually("the end of curl") { slow.isRunning ? nil : true }
            #expect(slow.output.contains("took its time"))
            #expect(try await scene.get("/room-again").status == 200)
        }

        @Test("an answer that takes long is not mistaken for a sidecar that does, on a connection used before either")
        func slowAnswers() async throws {
            let scene = try await RequestScene("[{backendRefs: [{name: shop-one, port: 80}]}]")
            scene.client.set("timeouts", "{open: 300ms}")
            #expect(try await scene.client.reload())
            for path in ["/first", "/slow/900", "/slow/901"] {
                let result = try await scene.get(path)
                #expect(result.status == 200, "\(path): \(result)")
            }
        }

        @Test("a Filter delays, aborts and limits, and what it says can be changed")
        func filters() async throws {
            let scene = try await RequestScene(
                """
                [{matches: [{path: {value: /delayed}}], backendRefs: [{name: shop, port: 80}], filters: [{type: ExtensionRef, \
                extensionRef: {group: weft, kind: Filter, name: late}}]}, \
                {matches: [{path: {value: /aborted}}], backendRefs: [{name: shop, port: 80}], filters: [{type: ExtensionRef, \
                extensionRef: {group: weft, kind: Filter, name: broken}}]}, \
                {backendRefs: [{name: shop, port: 80}], filters: [{type: ExtensionRef, \
                extensionRef: {group: weft, kind: Filter, name: few}}]}]
                """
            ) { mesh, _ in
                let until = "until: 2099-01-01T00:00:00Z"
                mesh.add("late", kind: "Filter", "{fault: {delay: {duration: 300ms, percent: 100}, \(until)}}")
                mesh.add("broken", kind: "Filter", "{fault: {abort: {status: 418, percent: 100}, \(until)}}")
                mesh.add("few", kind: "Filter", "{rateLimit: {requests: 2, per: 1h}}")
            }
            let delayed = try await scene.get("/delayed/x", "-X", "POST", "-d", "late")
            #expect(delayed.status == 200 && delayed.body.contains("POST /delayed/x"), "\(delayed)")
            let aborted = try await scene.get("/aborted")
            #expect(aborted.status == 418 && aborted.body.contains("WEFT3115"), "\(aborted)")
            for status in [200, 200, 429] { #expect(try await scene.get("/limited").status == status) }
            scene.mesh.add("few", kind: "Filter", "{rateLimit: {requests: 3, per: 1h}}")
            #expect(try await scene.client.reload())
            for status in [200, 200, 200, 429] { #expect(try await scene.get("/limited").status == status) }
        }

        @Test("an answer that is cut does not look whole, and one that nobody asked for is none")
        func cutAnswers() async throws {
            let scene = try await RequestScene(RequestScene.plain)
            let cut = try await scene.get("/cut")
            #expect(cut.exitCode != 0 && cut.body.contains("half an ans"), "\(cut)")
            let told = try await scene.client.tellsRequest("/cut") { $0.path == "/cut" }
            #expect(told.outcome == "response-cut", "\(told)")
            let odd = try await scene.get("/switch")
            #expect(odd.status == 502 && odd.body.contains("WEFT3123"), "\(odd)")
        }

        @Test("a client that ends before its answer comes gets it, and the end; a body that is none gets 400")
        func earlyEnds() async throws {
            let scene = try await RequestScene(RequestScene.plain)
            let slow = try await scene.client.run(
                "sh", "-c", "printf 'GET /slow/700 HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n' | timeout 8 nc -N 10.96.0.20 80")
            #expect(slow.succeeded && slow.output.contains("took its time"), "\(slow)")
            let pieces = try await scene.client.run(
                "sh", "-c",
                "{ printf 'GET /slow/600 HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n'; sleep 0.3; "
                    + "printf 'GET /second HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n'; sleep 1; } | timeout 8 nc -N 10.96.0.20 80"
            )
            #expect(pieces.succeeded && pieces.output.contains("GET /second"), "\(pieces)")
            let bad = try await scene.client.run(
                "sh", "-c",
                "printf 'POST /slow/500 HTTP/1.1\\r\\nHost: a\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\nzz\\r\\n' "
                    + "| timeout 8 nc -N 10.96.0.20 80")
            #expect(bad.output.contains("HTTP/1.1 400") && bad.output.contains("WEFT3100"), "\(bad)")
        }

        @Test("a mirror gets a copy, and its answer is nobody's")
        func mirror() async throws {
            let scene = try await RequestScene(
                """
                [{backendRefs: [{name: shop-one, port: 80}], filters: [{type: RequestMirror, \
                requestMirror: {backendRef: {name: shop-two, port: 80}}}]}]
                """)
            let result = try await scene.get("/status/201", "-X", "POST", "-d", "copy me")
            #expect(result.status == 201 && result.body.contains(scene.one.address), "\(result)")
            try await scene.servers[1].line(containing: "POST /status/201")
            #expect(scene.count("POST /status/201") == 2)
        }

        @Test("a switch of protocols goes through, both ways")
        func upgrade() async throws {
            let scene = try await RequestScene(RequestScene.plain)
            for server in scene.servers { try await server.stop(SIGKILL) }
            for pod in [scene.one, scene.two] { try await pod.serve("switch", "\(pod.address):9000") }
            let caller = try scene.client.connect("10.96.0.20:80")
            caller.type("GET /chat HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r")
            try await caller.line(containing: "101 ")
            caller.type("are you there")
            try await caller.line(containing: "are you there")
        }

        @Test("policies decide by caller, method and path, with the rule in the record")
        func policies() async throws {
            let scene = try await RequestScene(RequestScene.plain)
            scene.mesh.add(
                "guard", kind: "Policy",
                """
                {rules: [{effect: allow, from: [{identity: \(scene.client.spiffeID)}], \
                http: [{methods: [GET], paths: [{type: PathPrefix, value: /public}]}]}, \
                {effect: deny, http: [{paths: [{type: Exact, value: /public/secret}]}]}]}
                """)
            for pod in [scene.one, scene.two] { #expect(try await pod.reload()) }
            #expect(try await scene.get("/public/x").status == 200)
            let denied = try await scene.get("/private")
            #expect(denied.status == 403 && denied.body.contains("WEFT3113"), "\(denied)")
            #expect(try await scene.get("/public/%73ecret", "--path-as-is").status == 403)
            #expect(try await scene.get("/public//secret", "--path-as-is").status == 403)
            let told = try await scene.client.tellsRequest("the denied request") { $0.path == "/private" }
            let pod = told.upstream == "\(scene.one.address):9000" ? scene.one : scene.two
            let inside = try await pod.tellsRequest("the same") { $0.path == "/private" }
            #expect(inside.outcome == "request-denied" && inside.authorization?.contains("default/guard") == true)
            // Whoever dials the workload itself, without any route, is read all the same.
            let direct = try await scene.client.curl("http://\(scene.one.address):9000/private")
            #expect(direct.status == 403, "\(direct)")
            let opaque = try scene.client.connect("\(scene.one.address):9000")
            opaque.type("\u{1}\u{2}binary")
            try await opaque.line(containing: "Connection reset")
        }
    }
}
