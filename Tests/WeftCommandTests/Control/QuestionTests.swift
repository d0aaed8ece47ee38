// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

@Suite("Questions about calls, and the health of the mesh", .serialized)
struct QuestionTests {
    private let scene: ControlScene

    init() async throws {
        scene = try await ControlScene()
        try scene.write(ControlScene.shop, to: "shop.yaml")
        let applied = try await scene.weft("apply -f %/shop.yaml")
        try #require(applied.succeeded, "\(applied)")
    }

    @Test("a call is judged as the proxies judge it")
    func can() async throws {
        let open = try await scene.weft("can web api GET /items")
        #expect(open.status == 0 && open.output == "allowed on port 80: no policy\n", "\(open)")
        let allowed = try await scene.weft(words: ["allow", "web", "api", "--method", "GET", "--path", "/items/*"])
        #expect(allowed.succeeded, "\(allowed)")
        #expect(allowed.output.contains("name: allow-web-api-get-items"))
        #expect(try await scene.weft("can web-1 api GET /items/7").status == 0)
        let denied = try await scene.weft("can web api POST /items")
        #expect(denied.status == 1, "\(denied)")
        #expect(denied.output.contains("no allow rule of default/allow-web-api-get-items matched"))
        #expect(try await scene.weft("can nobody api GET /items").status == 1)
        #expect(try await scene.weft("can spiffe://mesh.test/ns/default/sa/web default/api GET /items").status == 0)
        let unnormal = try await scene.weft("can web api GET /items/../admin")
        #expect(unnormal.status == 1, "\(unnormal)")
        let stranger = try await scene.weft("can webb api GET /")
        #expect(stranger.status == 1 && stranger.error.contains("did you mean `default/web"), "\(stranger)")
        let json = try await scene.json("can web api POST /items")
        #expect(json["allowed"] as? Bool == false && json["exitCode"] as? Int == 1)
    }

    @Test("why tells the route, its backends and every endpoint's decision")
    func why() async throws {
        try scene.write(
            """
            kind: HTTPRoute
            metadata: {name: split}
            spec:
              parentRefs: [{kind: Service, name: api, port: 80}]
              rules:
                - name: admin
                  matches: [{path: {type: PathPrefix, value: /admin}}]
                  backendRefs: [{name: web, port: 80, weight: 1}, {name: api, port: 80, weight: 3}]
            """, to: "route.yaml")
        let applied = try await scene.weft("apply -f %/route.yaml")
        try #require(applied.succeeded, "\(applied)")
        try #require(try await scene.weft("deny web api").succeeded)
        let result = try await scene.weft("why web api GET /admin/x")
        #expect(result.status == 1, "\(result)")
        for text in [
            "route     default/split/admin", "backend   default/web:80 (25 %)", "backend   default/api:80 (75 %)",
            "endpoint  default/api-1:8080 denied: deny default/deny-web-api[0], not connected",
            "endpoint  default/web-1:80 allowed: no policy, not connected",
            "caller    spiffe://mesh.test/ns/default/sa/web",
        ] {
            #expect(result.output.contains(text), "\(text) in \(result)")
        }
        let lost = try await scene.weft("why web api GET /other")
        #expect(lost.status == 1 && lost.output.contains("no rule of the routes of default/api is for it: 404"))
        let described = try await scene.weft("describe service api")
        #expect(described.output.contains("HTTPRoute/default/split"), "\(described)")
        #expect(described.output.contains("default/deny-web-api: for service api: 1 deny"))
        #expect(try await scene.weft("describe service nothing").error.contains("WEFT7011"))
    }

    @Test("allow says whom else it shuts out, and a trial writes nothing")
    func allowTrial() async throws {
        let trial = try await scene.weft("allow web api --dry-run")
        #expect(trial.succeeded, "\(trial)")
        #expect(trial.output.contains("kind: Policy\nmetadata:\n  name: allow-web-api\n"))
        let row = trial.output.split(separator: "\n").first { $0.hasPrefix("default/api-1") }
        #expect(row?.contains("denied") == true, "\(trial)")
        #expect(try await scene.weft("get policies").output == "there is no Policy\n")
        #expect(try await scene.weft("allow web api").output.hasSuffix("revision 2\n"))
        #expect(try await scene.weft("allow web api").output.contains("unchanged 1"))
        #expect(try await scene.weft("allow web nothing").error.contains("WEFT7011"))
    }

    @Test("check finds services that nobody serves, and asks for the choice that nobody has made")
    func check() async throws {
        let result = try await scene.weft("check")
        #expect(result.succeeded, "\(result)")
        #expect(result.output.contains("ok    store"))
        #expect(result.output.contains("warn  services        none of the 1 endpoints of default/api is connected"))
        #expect(result.output.contains("no policy is for default/api, default/web"))
        try scene.write("kind: Mesh\nspec: {authorization: {default: deny}}\n", to: "mesh.yaml")
        try #require(try await scene.weft("apply -f %/mesh.yaml").succeeded)
        #expect(
            try await scene.weft("check").output.contains(
                "ok    policies        where no policy is, the mesh says: deny"))
        let expiring = try await scene.weft("check --fail-if-expiring 36000d")
        #expect(expiring.status == 1 && expiring.output.contains("fail  authority"), "\(expiring)")
        try await scene.stop()
        let gone = try await scene.weft("check")
        #expect(gone.status == 1 && gone.output.contains("fail  control plane"), "\(gone)")
    }

    private static let lines = [
        "get services", "get workloads", "get proxies", "get members", "get tokens", "get revisions",
        "get credentials", "get policies", "history", "audit", "ca status", "identity list", "token list",
        "credential list", "proxy status", "check", "describe service api", "why web api", "can web api GET /",
        "apply -f %/shop.yaml --dry-run", "diff -f %/shop.yaml", "token create --service web",
        "allow web api --dry-run", "get service nothing", "proxy config default/none", "proxy log default/x debug",
        "rollback 1", "logout", "delete service api --dry-run", "credential create a --role view",
        "identity deny --serial 0a", "identity permit --serial 0a", "identity thaw default/x",
    ]

    @Test("every result is JSON and YAML where that is asked for")
    func formats() async throws {
        for line in Self.lines {
            let json = try await scene.json(line)
            #expect(json["command"] is String && json["exitCode"] is Int, "\(line)")
            #expect(json["errors"] is [Any] && json["warnings"] is [Any], "\(line)")
            let yaml = try await scene.weft(line + " -o yaml")
            // No documents are an empty stream; everything else is a mapping, or begins one document.
            let begins = ["---\nkind: ", "command: "].contains { yaml.output.hasPrefix($0) }
            #expect(begins || line == "get policies" && yaml.output.isEmpty, "\(line): \(yaml)")
        }
        // Another reader than Foundation's, and the other spelling of the option.
        let read = try await scene.shell("weft get services --json | python3 -m json.tool")
        #expect(read.succeeded, "\(read)")
    }
}
