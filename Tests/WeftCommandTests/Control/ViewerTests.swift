// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

/// Somebody who may look, at the command line.
@Suite("A viewer", .serialized)
struct ViewerTests {
    private let scene: ControlScene

    init() async throws { scene = try await ControlScene() }

    /// The mesh has something to lose, and `anna` has logged in.
    private func login() async throws {
        try scene.write(ControlScene.shop, to: "shop.yaml")
        try #require(try await scene.weft("apply -f %/shop.yaml").succeeded)
        let token = try await scene.weft("token create --service web").output.trimmingCharacters(in: .newlines)
        let joined = try await scene.weft(
            "join \(token) --name web-1 --state %/state --owner \(ControlScene.proxyUser) --config %/proxy.yaml")
        try #require(joined.succeeded, "\(joined)")
        let made = try await scene.weft("credential create anna --role view --ttl 1h")
        let credential = made.output.trimmingCharacters(in: .newlines)
        let status = try await scene.json("ca status")
        let certificates = try #require(status["certificates"] as? [[String: Any]])
        let root = try #require(certificates.first { $0["role"] as? String == "root" }?["fingerprint"] as? String)
        let login = try await scene.weft(
            "login https://127.0.0.1:\(scene.apiPort) --root-digest \(root) --token \(credential)")
        try #require(login.succeeded, "\(login)")
    }

    /// Without WEFT_CONTROL the login holds.
    private func asViewer(_ line: String) async throws -> ProgramResult {
        try await scene.weft(line, variables: ["WEFT_CONTROL": ""])
    }

    /// All that one could write.
    private func state() async throws -> String {
        var all: [String] = []
        for line in ["history", "get services", "get policies", "identity list", "token list", "credential list"] {
            let result = try await scene.weft(line)
            all.append("\(line): \(result.output)\(result.status)")
        }
        return all.joined(separator: "\n")
    }

    @Test("may write nothing: each attempt ends with 1, says which role it takes, and is in the audit log")
    func writes() async throws {
        try await login()
        let state = try await state()
        try scene.write("kind: Mesh\nspec: {ranges: [10.0.0.0/8]}\n", to: "mesh.yaml")
        let attempts = [
            ("apply -f %/mesh.yaml", "/v1/apply", "operate"),
            ("delete service api", "/v1/resources/Service/default/api", "operate"),
            ("delete service api --allow-dangling", "/v1/resources/Service/default/api", "operate"),
            ("allow web api", "/v1/apply", "operate"), ("deny web api", "/v1/apply", "operate"),
            ("rollback 1", "/v1/revisions/1/rollback", "operate"),
            ("token create --service web", "/v1/tokens", "operate"),
            ("identity deny spiffe://mesh.test/ns/default/sa/web", "/v1/denied", "admin"),
            ("identity thaw default/web-1", "/v1/members/default/web-1/thaw", "admin"),
            ("leave --workload default/web-1", "/v1/members/default/web-1", "operate"),
            ("credential create eve --role admin", "/v1/credentials", "admin"),
            ("ca rotate stage", "/v1/ca/rotation/stage", "admin"), ("audit", "/v1/audit", "operate"),
        ]
        for (line, path, role) in attempts {
            let result = try await asViewer(line)
            #expect(result.status == 1 && result.output.isEmpty, "\(line): \(result)")
            #expect(result.error.hasPrefix("weft: WEFT7013 "), "\(line): \(result)")
            #expect(
                result.error.contains("anna may view") && result.error.contains("role \(role)"), "\(line): \(result)")
            let entries = try #require(try await scene.json("audit")["entries"] as? [[String: Any]])
            let last = entries.first { $0["author"] as? String == "anna" }
            #expect(
                last?["object"] as? String == path && last?["outcome"] as? String == "WEFT7013",
                "\(line): \(last ?? [:])")
        }
        #expect(try await self.state() == state)
    }

    @Test("may look at everything, and try what would come of a change")
    func looks() async throws {
        try await login()
        try scene.write("kind: Mesh\nspec: {ranges: [10.0.0.0/8]}\n", to: "mesh.yaml")
        let state = try await state()
        for line in [
            "get services", "get members", "describe service api", "history", "can web api", "why web api", "check",
            "identity list", "proxy status", "ca status", "diff -f %/mesh.yaml", "apply -f %/mesh.yaml --dry-run",
            "delete service api --allow-dangling --dry-run", "deny web api --dry-run",
        ] {
            let result = try await asViewer(line)
            #expect(!result.error.contains("WEFT7013"), "\(line): \(result)")
        }
        #expect(try await self.state() == state)
    }
}
