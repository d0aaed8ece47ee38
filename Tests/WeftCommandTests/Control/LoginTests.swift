// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

@Suite("Logging in", .serialized)
struct LoginTests {
    private let scene: ControlScene

    init() async throws { scene = try await ControlScene() }

    private var address: String { "https://127.0.0.1:\(scene.apiPort)" }

    private func credential(_ role: String) async throws -> String {
        let result = try await scene.weft("credential create anna --role \(role) --ttl 1h")
        try #require(result.succeeded, "\(result)")
        #expect(result.error.contains("anna may \(role)"))
        return result.output.trimmingCharacters(in: .newlines)
    }

    private func digest() async throws -> String {
        let answer = try await scene.json("ca status")
        let certificates = try #require(answer["certificates"] as? [[String: Any]])
        return try #require(certificates.first { $0["role"] as? String == "root" }?["fingerprint"] as? String)
    }

    @Test("a viewer may look and not write")
    func viewer() async throws {
        let token = try await credential("view")
        let login = try await scene.weft("login \(address) --root-digest \(try await digest()) --token \(token)")
        try #require(login.succeeded, "\(login)")
        #expect(!login.output.contains(token) && login.output.contains("as anna, who may view"))
        #expect(try scene.permissions("home/.config/weft/login.json") == 0o600)
        // Without WEFT_CONTROL the login holds.
        let none = ["WEFT_CONTROL": ""]
        let looked = try await scene.weft("get services", variables: none)
        #expect(looked.succeeded, "\(looked)")
        try scene.write(ControlScene.shop, to: "shop.yaml")
        let written = try await scene.weft("apply -f %/shop.yaml", variables: none)
        #expect(written.status == 1 && written.error.contains("WEFT7013"), "\(written)")
        #expect(try await scene.weft("logout").succeeded)
        #expect(!FileManager.default.fileExists(atPath: scene.directory + "/home/.config/weft/login.json"))
    }

    @Test("the token may come by standard input, the root by a file")
    func bundle() async throws {
        try scene.write(try await credential("operate") + "\n", to: "token")
        let info = try await scene.weft(words: ["token", "create", "--service", "web"])
        try #require(info.succeeded)
        let root = try await scene.shell("curl -s --unix-socket \(scene.socket) http://x/v1/info")
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(root.output.utf8)) as? [String: Any])
        try scene.write(try #require(object["bundle"] as? String), to: "root.pem")
        let login = try await scene.shell("weft login \(address) --bundle %/root.pem < %/token")
        #expect(login.succeeded, "\(login)")
        #expect(try await scene.weft("history", place: address).succeeded)
    }

    @Test("a wrong root is told, before the token is")
    func wrongRoot() async throws {
        let digest = String(repeating: "0", count: 64)
        let result = try await scene.weft("login \(address) --root-digest \(digest) --token secret")
        #expect(result.status == 1 && result.error.contains("WEFT4102"), "\(result)")
        try #require(try await scene.weft("ca create --trust-domain mesh.test --directory %/ca").succeeded)
        let other = try await scene.weft("login \(address) --bundle %/ca/root.pem --token secret")
        #expect(other.status == 1 && other.error.contains("WEFT41"), "\(other)")
        let audit = try await scene.weft("audit")
        #expect(!audit.output.contains("secret"))
    }

    @Test("a token that nobody has is refused, and nothing is kept")
    func wrongToken() async throws {
        let result = try await scene.weft(
            "login \(address) --root-digest \(try await digest()) --token weftapi.0000000000000000.00")
        #expect(result.status == 1 && result.error.contains("WEFT7014"), "\(result)")
        #expect(!FileManager.default.fileExists(atPath: scene.directory + "/home/.config/weft/login.json"))
    }

    @Test("an address without a login is told what to do")
    func noLogin() async throws {
        let result = try await scene.weft("get services", place: address)
        #expect(result.status == 1 && result.error.contains("WEFT7014"), "\(result)")
        #expect(result.error.contains("weft login"))
    }

    @Test("a control plane that is not there is said so, with what to do")
    func unreachable() async throws {
        let result = try await scene.weft("get services --control %/none.sock")
        #expect(result.status == 1 && result.error.contains("WEFT7040"), "\(result)")
        #expect(result.error.contains("--control"))
        let json = try await scene.json("get services --control %/none.sock")
        #expect(json["exitCode"] as? Int == 1)
    }

    @Test("a login that others can read is not used")
    func openFile() async throws {
        let token = try await credential("view")
        try #require(
            try await scene.weft("login \(address) --root-digest \(try await digest()) --token \(token)").succeeded)
        try #require(try await scene.shell("chmod 644 %/home/.config/weft/login.json").succeeded)
        let result = try await scene.weft("get services", variables: ["WEFT_CONTROL": ""])
        #expect(result.status == 1 && result.error.contains("WEFT7042"), "\(result)")
    }
}
