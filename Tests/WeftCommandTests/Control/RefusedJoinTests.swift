// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

/// What a machine is told that may not join, and what is left of it.
@Suite("Joins that are refused", .serialized)
struct RefusedJoinTests {
    private let scene: ControlScene

    init() async throws { scene = try await ControlScene() }

    private func token(_ options: String = "--service web") async throws -> String {
        let result = try await scene.weft("token create \(options)")
        try #require(result.succeeded, "\(result)")
        return result.output.trimmingCharacters(in: .newlines)
    }

    private func join(_ token: String, _ options: String = "") async throws -> ProgramResult {
        try await scene.weft(
            "join \(token) --state %/state --owner \(ControlScene.proxyUser) --config %/proxy.yaml \(options)")
    }

    /// Nothing has come of it on either side, but for a line in the audit log.
    private func expectRefusal(
        _ result: ProgramResult, _ code: String, _ words: String..., keysLeft: Int = 0,
        place: SourceLocation = #_sourceLocation
    ) async throws {
        #expect(result.status == 1 && result.output.isEmpty, "\(result)", sourceLocation: place)
        #expect(result.error.hasPrefix("weft: \(code) "), "\(result)", sourceLocation: place)
        for word in words { #expect(result.error.contains(word), "\(result)", sourceLocation: place) }
        let left = try FileManager.default.contentsOfDirectory(atPath: scene.directory + "/state")
        #expect(left.count == keysLeft && !left.contains("identity"), "\(left)", sourceLocation: place)
        #expect(!FileManager.default.fileExists(atPath: scene.directory + "/proxy.yaml"), sourceLocation: place)
    }

    /// The last lines of the audit log about joining, newest first: what, and what came of it.
    private func audited() async throws -> [(object: String, outcome: String)] {
        let entries = try #require(try await scene.json("audit")["entries"] as? [[String: Any]])
        return entries.filter { $0["action"] as? String == "join" }.map {
            ($0["object"] as? String ?? "", $0["outcome"] as? String ?? "")
        }
    }

    @Test("a token that has ended: when it did, and what to do; another one is good")
    func expired() async throws {
        #expect(try await scene.weft("token create --service web --ttl 59s").error.contains("from 1m to 24h"))
        let token = try await token("--service web --ttl 1m")
        let identifier = String(token.split(separator: ".")[1])
        let source = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../ControlTests/Programs/shift.c").standardized.path
        try #require(try await scene.shell("clang -shared -fPIC -o %/shift.so \(source)").succeeded)
        let later = ["LD_PRELOAD": scene.directory + "/shift.so", "WEFT_TEST_CLOCK_SHIFT": "120"]
        try await scene.restart(variables: later)
        let result = try await join(token)
        try await expectRefusal(result, "WEFT7002", "token \(identifier) ended at 20", "weft token create")
        let last = try #require(try await audited().first)
        #expect(last == ("token/\(identifier)", "WEFT7002"))
        let joined = try await join(try await self.token())
        #expect(joined.succeeded, "\(joined)")
    }

    @Test("a token that was used: by whom, when, and what to do if that was somebody else")
    func used() async throws {
        let token = try await token()
        let identifier = String(token.split(separator: ".")[1])
        let first = try await scene.weft(
            "join \(token) --name web-1 --state %/other --owner \(ControlScene.proxyUser) --config %/other.yaml")
        try #require(first.succeeded, "\(first)")
        let result = try await join(token, "--name web-2")
        try await expectRefusal(
            result, "WEFT7003", "token \(identifier) was used by default/web-1, at 20",
            "weft leave --workload default/web-1")
        let last = try #require(try await audited().first)
        #expect(last == ("token/\(identifier)", "WEFT7003"))
        let members = try await scene.weft("get members")
        #expect(members.output.contains("web-1") && !members.output.contains("web-2"), "\(members)")
    }

    @Test("a token for one service with the name of another's workload: whose it is, and the token is still good")
    func otherService() async throws {
        try scene.write(ControlScene.shop, to: "shop.yaml")
        try #require(try await scene.weft("apply -f %/shop.yaml").succeeded)
        let token = try await token("--service evil")
        let result = try await join(token, "--name api-1")
        try await expectRefusal(
            result, "WEFT7013", "name: default/api-1 is spiffe://mesh.test/ns/default/sa/api",
            "join under another name",
            keysLeft: 1)
        let last = try #require(try await audited().first)
        #expect(last == ("token/\(token.split(separator: ".")[1])", "WEFT7013"))
        let joined = try await join(token, "--name evil-1")
        #expect(joined.succeeded, "\(joined)")
    }

    @Test(
        "who guesses is made to wait, and so is whoever comes from the same address; a key that was made is kept for later"
    )
    func guesses() async throws {
        var parts = try await token().split(separator: ".").map(String.init)
        let good = parts.joined(separator: ".")
        parts[1] = "00000000deadbeef"
        let wrong = parts.joined(separator: ".")
        for _ in 0..<10 {
            let result = try await join(wrong)
            try await expectRefusal(result, "WEFT7001", "nobody knows the token", "weft token create")
        }
        for token in [wrong, good] {
            let result = try await join(token)
            try await expectRefusal(
                result, "WEFT7004", "wait a minute", keysLeft: token == good ? 2 : 1)
        }
        let json = try await scene.json("join \(good) --state %/state --config %/proxy.yaml")
        let errors = try #require(json["errors"] as? [[String: Any]])
        #expect(errors.first?["code"] as? String == "WEFT7004" && json["exitCode"] as? Int == 1, "\(json)")
        #expect(try await audited().count == 10, "who is made to wait writes nothing")
        try await scene.restart(variables: [:])
        let joined = try await join(good)
        #expect(joined.succeeded, "\(joined)")
    }
}
