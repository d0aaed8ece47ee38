// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

extension ControlledMeshTests {
    /// The API over TLS, from outside, held to the document that it gives of itself.
    @Suite("The API as its document says")
    struct OpenAPITests {
        /// A call with everything that it takes. `{…}` in the path are filled in by what earlier answers brought.
        struct Example {
            let name: String
            var values: [String: String] = [:]
            var query = ""
            var body: String?
            var type = "application/json"
        }

        private static let service = "kind: Service\nmetadata: {name: other}\nspec: {ports: [{port: 80}]}\n"

        /// In this order, since some take away what others need. The last ones end what the mesh is.
        private static func examples(_ made: [String: String]) -> [Example] {
            let api = ["kind": "Service", "namespace": "default", "name": "api"]
            let web = ["namespace": "default", "name": "web"]
            let other = ["kind": "Service", "namespace": "default", "name": "other"]
            let identity = #"{"identity":"spiffe://mesh.example/ns/default/sa/nobody"}"#
            return [
                Example(name: "GET /v1/info"),
                Example(name: "GET /v1/audit", query: "limit=3"),
                Example(
                    name: "POST /v1/diff", query: "allowDangling=true", body: ControlledMesh.nobody,
                    type: "application/yaml"),
                Example(
                    name: "POST /v1/apply", query: "dryRun=false&message=a%20test&allowDangling=false", body: service,
                    type: "application/yaml; charset=utf-8"),
                Example(name: "GET /v1/resources/{kind}", values: ["kind": "services"].merging(api) { $1 }),
                Example(name: "GET /v1/resources/{kind}/{namespace}/{name}", values: api, query: "revision=1"),
                Example(
                    name: "DELETE /v1/resources/{kind}/{namespace}/{name}", values: other, query: "message=again"),
                Example(name: "GET /v1/revisions"),
                Example(name: "GET /v1/revisions/{revision}/progress", values: ["revision": "1"]),
                Example(name: "POST /v1/revisions/{revision}/rollback", values: ["revision": "2"], query: "message=x"),
                Example(
                    name: "POST /v1/can",
                    body: #"{"from":"web","to":"api","port":80,"method":"GET","path":"/","host":"api","#
                        + #""headers":[{"name":"x","value":"y"}]}"#),
                Example(name: "POST /v1/tokens", body: #"{"service":"api","namespace":"default","ttl":"5m"}"#),
                Example(name: "GET /v1/tokens"),
                Example(name: "DELETE /v1/tokens/{id}", values: ["id": made["POST /v1/tokens"] ?? "none"]),
                Example(name: "GET /v1/members"),
                Example(name: "GET /v1/proxies"),
                Example(name: "GET /v1/proxies/{namespace}/{name}/config", values: web),
                Example(name: "POST /v1/proxies/{namespace}/{name}/log", values: web, body: #"{"level":"info"}"#),
                Example(name: "GET /v1/services", query: "namespace=default"),
                Example(name: "POST /v1/denied", body: identity),
                Example(name: "GET /v1/denied"),
                Example(name: "POST /v1/permitted", body: identity),
                Example(name: "POST /v1/members/{namespace}/{name}/thaw", values: web),
                Example(
                    name: "POST /v1/credentials", body: #"{"name":"eve","role":"view","ttl":"1d"}"#),
                Example(name: "GET /v1/credentials"),
                Example(name: "DELETE /v1/credentials/{id}", values: ["id": made["POST /v1/credentials"] ?? "none"]),
                Example(name: "GET /v1/ca"),
                Example(name: "GET /v1/ca/rotation"),
                Example(name: "POST /v1/ca/rotation/{step}", values: ["step": "stage"], query: "force=true"),
                Example(name: "GET /v1/ca/csr"),
                Example(
                    name: "POST /v1/ca/intermediate", body: made["intermediate"] ?? "-", type: "application/x-pem-file"),
                Example(name: "DELETE /v1/members/{namespace}/{name}", values: web),
            ]
        }

        @Test("every call of the document is answered with the status and the fields that it says")
        func answers() async throws {
            let scene = try await ControlledMesh.running()
            let client = try await APIClient(scene.control, role: "admin")
            let document = try await client.document()
            var made: [String: String] = [:]
            var called: Set<String> = []
            for number in 0..<Self.examples(made).count {
                let example = Self.examples(made)[number]
                let operation = try document.operation(example.name)
                called.insert(example.name)
                let answer = try await client.call(operation, example)
                // An intermediate of somebody else is nothing to take: that is said as everything wrong is.
                let isRefused = example.name == "POST /v1/ca/intermediate"
                #expect((200...299).contains(answer.status) != isRefused, "\(example.name) \(answer)")
                for fault in document.faults(in: answer, of: operation) { Issue.record("\(fault)") }
                if let id = (try? JSONValue(answer.body))?["id"]?.text { made[example.name] = id }
            }
            let forgotten = document.operations.filter { $0.isOwn && !called.contains($0.description) }
            #expect(forgotten.isEmpty, "calls that nobody has tried: \(forgotten)")
            #expect(called.count > 30)
        }

        @Test("what machines ask at the other ports is in the document, and answered as it says")
        func neighbours() async throws {
            let control = try await ControlReplica("control", in: NetworkLab.here)
            try await control.start()
            let document = try await APIClient(control, role: "view").document()
            let pod = try NetworkLab.here.outside
            let (key, request) = try await pod.makeKey()
            let joined = try await control.join(
                from: pod, token: try await control.token(for: "web"), csr: request, name: "web")
            #expect(joined.status == 200)
            var faults = document.faults(in: joined, of: try document.operation("POST /v1/join"))
            let chain = try ControlAnswer(joined.body)["chain"].text
            let directory = try NetworkLab.here.directory()
            try chain.write(toFile: "\(directory)/chain.pem", atomically: true, encoding: .utf8)
            try key.write(toFile: "\(directory)/key.pem", atomically: true, encoding: .utf8)
            func post(_ place: String, _ fields: [String: String], _ more: String...) async throws -> CurlResult {
                let body = String(decoding: try JSONSerialization.data(withJSONObject: fields), as: UTF8.self)
                return try await pod.curl(["-k", "https://\(place)", "--data-binary", body] + more, as: nil)
            }
            let nonce = try await post("\(control.joinAddress)/v1/renew", ["certificate": chain])
            #expect(nonce.status == 200 && nonce.body.contains("nonce"), "\(nonce)")
            faults += document.faults(in: nonce, of: try document.operation("POST /v1/renew"))
            let renewed = try await post(
                "\(control.address)/v1/certificates", ["csr": try await pod.makeKey().request], "--cert",
                "\(directory)/chain.pem", "--key", "\(directory)/key.pem")
            #expect(renewed.status == 200, "\(renewed)")
            faults += document.faults(in: renewed, of: try document.operation("POST /v1/certificates"))
            let wrong = try await post("\(control.joinAddress)/v1/join", ["token": "weft1.x", "csr": request])
            #expect(wrong.status == 403)
            faults += document.faults(in: wrong, of: try document.operation("POST /v1/join"))
            #expect(faults.isEmpty, "\(faults)")
        }

        @Test("without a credential nothing is answered but 401, and whoever may only look can change nothing")
        func roles() async throws {
            let scene = try await ControlledMesh.running()
            let viewer = try await APIClient(scene.control, role: "view")
            let document = try await viewer.document()
            let before = try await scene.control.must("/v1/info")["revision"].number
            for operation in document.operations where operation.isOwn {
                guard let example = Self.examples([:]).first(where: { $0.name == operation.description }) else {
                    continue
                }
                let stranger = try await viewer.call(operation, example, isKnown: false)
                #expect(stranger.status == 401, "\(operation) \(stranger)")
                var faults = document.faults(in: stranger, of: operation)
                let looked = try await viewer.call(operation, example)
                #expect((looked.status == 403) == (operation.role != "view"), "\(operation) \(looked)")
                faults += document.faults(in: looked, of: operation)
                #expect(faults.isEmpty, "\(faults)")
            }
            #expect(try await scene.control.must("/v1/info")["revision"].number == before)
            let page = try await viewer.curl("-H", "origin: https://somewhere.example", "/v1/info")
            #expect(page.status == 403, "\(page)")
        }

        @Test(
            "what a call has no place for is refused, not passed over: queries, fields, bodies, and their kinds and sizes"
        )
        func strict() async throws {
            let scene = try await ControlledMesh.running()
            let client = try await APIClient(scene.control, role: "admin")
            let document = try await client.document()
            let large = "\(try scene.mesh.lab.directory())/large"
            let before = try await scene.control.must("/v1/info")["revision"].number
            for operation in document.operations where operation.isOwn {
                guard var example = Self.examples([:]).first(where: { $0.name == operation.description }) else {
                    continue
                }
                func refused(_ status: Int, _ what: String) async throws {
                    let answer = try await client.call(operation, example)
                    #expect(answer.status == status, "\(operation), \(what): \(answer)")
                    let faults = document.faults(in: answer, of: operation)
                    #expect(faults.isEmpty, "\(what): \(faults)")
                }
                let whole = example
                example.query = "dryrun=true"
                try await refused(422, "a query that there is not")
                for query in operation.queries
                where ["dryRun", "allowDangling", "force", "limit", "revision"].contains(query) {
                    example.query = "\(query)=yes"
                    try await refused(422, "a query of another kind")
                }
                example = whole
                guard operation.bodyTypes != nil else {
                    example.body = "{}"
                    try await refused(422, "a body")
                    continue
                }
                example.type = "image/png"
                try await refused(415, "another kind of body")
                example = whole
                if example.body?.hasPrefix("{") == true {
                    example.body = #"{"surprise":1}"#
                    try await refused(422, "a field that there is not")
                }
                let limit = ["POST /v1/apply", "POST /v1/diff"].contains(example.name) ? 16 << 20 : 1 << 20
                try await scene.control.pod.shell("head -c \(limit + 1) /dev/zero | tr '\\0' x > \(large)")
                example.body = "@\(large)"
                try await refused(413, "a body that is too large")
            }
            #expect(try await scene.control.must("/v1/info")["revision"].number == before)
        }
    }
}

/// Calls the API over TLS with a token.
struct APIClient {
    private let control: ControlReplica
    private let header: String
    private static let base = "https://127.0.0.1:15010"

    init(_ control: ControlReplica, role: String) async throws {
        self.control = control
        let body = #"{"name":"the \#(role)","role":"\#(role)"}"#
        header = "authorization: Bearer \(try await control.must("/v1/credentials", body)["token"].text)"
    }

    /// The last word is the path.
    func curl(_ words: String...) async throws -> CurlResult {
        let path = words.last ?? ""
        return try await control.pod.curl(["-k", "-H", header] + words.dropLast() + [Self.base + path], as: nil)
    }

    func document() async throws -> OpenAPIDocument { try OpenAPIDocument(try await curl("/v1/openapi.json").body) }

    func call(
        _ operation: OpenAPIDocument.Operation, _ example: ControlledMeshTests.OpenAPITests.Example,
        isKnown: Bool = true
    ) async throws -> CurlResult {
        var path = operation.path
        for (name, value) in example.values { path = path.replacingOccurrences(of: "{\(name)}", with: value) }
        if !example.query.isEmpty { path += "?\(example.query)" }
        var words = ["-k", "-X", operation.method]
        if isKnown { words += ["-H", header] }
        if let body = example.body { words += ["-H", "content-type: \(example.type)", "--data-binary", body] }
        return try await control.pod.curl(words + [Self.base + path], as: nil)
    }
}
