// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import LinuxSystem
import MeshModel
import Testing

@Suite("weft ca")
struct CertificateAuthorityCommandTests {
    private let weft: WeftProgram
    private static let web = "ca issue --directory %/ca --service-account web --output %/web"

    init() throws { weft = try WeftProgram() }

    @Test("an authority and a workload's three files, as a proxy wants them", arguments: ["022", "077", "000"])
    func files(umask: String) throws {
        try weft.run("ca create --trust-domain mesh.example --directory %/ca", umask: umask)
        #expect(try weft.run(Self.web, umask: umask).ending == .exited(0))
        #expect(
            try weft.names() == [
                "ca", "ca/intermediate-key.pem", "ca/intermediate.pem", "ca/offline", "ca/offline/root-key.pem",
                "ca/root.pem", "web", "web/bundle.pem", "web/chain.pem", "web/key.pem",
            ])
        #expect(try weft.facts("web/key.pem").permissions == 0o600)
        #expect(try weft.facts("ca/intermediate-key.pem").permissions == 0o600)
        #expect(try weft.facts("ca/offline/root-key.pem").permissions == 0o600)
        #expect(try weft.facts("web/chain.pem").permissions == 0o644)
        #expect(try weft.facts("web").permissions == 0o755)
        #expect(try weft.text("web/bundle.pem") == weft.text("ca/root.pem"))
        #expect(try weft.text("web/chain.pem").hasSuffix(weft.text("ca/intermediate.pem")))
        #expect(try weft.text("web/chain.pem").components(separatedBy: "BEGIN").count == 3)
    }

    @Test("what was made is told in JSON")
    func json() throws {
        let created = try weft.json(
            "ca create --trust-domain mesh.example --directory %/ca --intermediate-lifetime 90d")
        #expect(created["trustDomain"] as? String == "mesh.example")
        #expect((created["rootKey"] as? String)?.hasSuffix("ca/offline/root-key.pem") == true)
        let issued = try weft.json("ca issue --directory %/ca --namespace shop --service-account web --output %/web")
        #expect(issued["spiffeID"] as? String == "spiffe://mesh.example/ns/shop/sa/web")
        #expect((issued["warnings"] as? [[String: Any]])?.isEmpty == true)
        #expect(issued["exitCode"] as? Int == 0)
        let certificate = try #require(issued["certificate"] as? [String: Any])
        #expect(certificate["role"] as? String == "workload")
        #expect(certificate["names"] as? [String] == ["spiffe://mesh.example/ns/shop/sa/web"])
        #expect(try #require(certificate["bytes"] as? Int) < 460)
    }

    @Test("nothing is overwritten")
    func refusal() throws {
        try weft.createAuthority()
        try weft.run(Self.web)
        let before = try weft.text("web/key.pem") + weft.text("web/chain.pem") + weft.text("ca/root.pem")
        for line in [Self.web, "ca create --trust-domain mesh.example --directory %/ca"] {
            let result = try weft.run(line)
            #expect(result.ending == .exited(1))
            #expect(result.error.hasPrefix("weft: WEFT5001 "))
        }
        #expect(try weft.text("web/key.pem") + weft.text("web/chain.pem") + weft.text("ca/root.pem") == before)
        #expect(try weft.names().count == 10)
    }

    @Test("no key is ever printed")
    func secrecy() throws {
        for json in ["", " --json"] {
            let lines = [
                "ca create --trust-domain mesh.example --directory %/ca\(json.count)",
                "ca issue --directory %/ca\(json.count) --service-account web --output %/web\(json.count)",
                "ca show %/ca\(json.count) %/web\(json.count)",
            ]
            for line in lines {
                let result = try weft.run(line + json)
                #expect(result.ending == .exited(0))
                #expect(!(result.output + result.error).contains("BEGIN"))
            }
        }
    }

    @Test("a renewal has a fresh key, the same identity and the same owner", .enabled(if: ThisProcess.isRoot))
    func renewal() throws {
        try weft.createAuthority()
        #expect(try weft.run(Self.web + " --owner 1337:1338").ending == .exited(0))
        try Files.setPermissions("\(weft.directory)/web/key.pem", 0o640)
        let before = (key: try weft.text("web/key.pem"), chain: try weft.text("web/chain.pem"))
        let result = try weft.run("ca issue --directory %/ca --output %/web --renew")
        #expect(result.ending == .exited(0))
        #expect(result.output.hasPrefix("renewed spiffe://mesh.example/ns/default/sa/web"))
        #expect(try weft.text("web/key.pem") != before.key)
        #expect(try weft.text("web/chain.pem") != before.chain)
        for name in ["web/key.pem", "web/chain.pem", "web/bundle.pem"] {
            let facts = try weft.facts(name)
            #expect(facts.user == 1337 && facts.group == 1338)
        }
        #expect(try weft.facts("web/key.pem").permissions == 0o640)
        #expect(try weft.names(in: "web") == ["bundle.pem", "chain.pem", "key.pem"])
    }

    @Test("a renewal under another name is refused, and one of nothing")
    func wrongRenewal() throws {
        try weft.createAuthority()
        try weft.run(Self.web)
        let chain = try weft.text("web/chain.pem")
        let other = try weft.run("ca issue --directory %/ca --service-account admin --output %/web --renew")
        #expect(other.error.hasPrefix("weft: WEFT4005 "))
        #expect(try weft.text("web/chain.pem") == chain)
        let nothing = try weft.run("ca issue --directory %/ca --output %/none --renew")
        #expect(nothing.error.hasPrefix("weft: WEFT5009 "))
    }

    @Test("a bundle keeps the roots that were added to it, and learns its own authority's")
    func bundleGrows() throws {
        try weft.createAuthority()
        try weft.run(Self.web)
        try weft.run("ca create --trust-domain mesh.example --directory %/next")
        let result = try weft.run("ca issue --directory %/next --output %/web --renew")
        #expect(result.ending == .exited(0))
        #expect(result.error.contains("weft: warning: WEFT5013 "))
        #expect(try weft.text("web/bundle.pem") == weft.text("ca/root.pem") + weft.text("next/root.pem"))
    }

    @Test("of a request only the key is believed, and no key is written")
    func request() throws {
        try weft.createAuthority()
        _ = try ChildProcess.run(
            "/usr/bin/openssl",
            [
                "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=admin",
                "-addext", "subjectAltName=URI:spiffe://mesh.example/ns/default/sa/admin", "-keyout",
                "\(weft.directory)/own-key.pem", "-out", "\(weft.directory)/request.pem",
            ], timeout: .seconds(20))
        let issued = try weft.json(
            "ca issue --directory %/ca --service-account web --output %/web --csr %/request.pem")
        #expect(issued["spiffeID"] as? String == "spiffe://mesh.example/ns/default/sa/web")
        #expect(issued["key"] == nil)
        #expect(try weft.names(in: "web") == ["bundle.pem", "chain.pem"])
        let shown = try weft.json("ca show %/own-key.pem %/web %/request.pem")
        let files = try #require(shown["files"] as? [[String: Any]])
        #expect((files.first?["belongsTo"] as? String)?.hasSuffix("web/chain.pem") == true)
        #expect(try weft.run("ca issue --directory %/ca --output %/web --renew").error.hasPrefix("weft: WEFT5009 "))
        #expect(
            try weft.run("ca issue --directory %/ca --output %/web --renew --csr %/request.pem").ending == .exited(0))
        #expect(
            try weft.run(Self.web.replacingOccurrences(of: "%/web", with: "%/x") + " --csr %/own-key.pem").error
                .hasPrefix("weft: WEFT5008 "))
    }

    @Test("a lifetime that does not fit is refused when asked for, and shortened when not")
    func lifetimes() throws {
        try weft.createAuthority("--intermediate-lifetime 2h")
        let asked = try weft.run(Self.web + " --lifetime 3h")
        #expect(asked.ending == .exited(1))
        #expect(asked.error.hasPrefix("weft: WEFT5005 "))
        #expect(asked.error.contains("at most 1h59m") || asked.error.contains("at most 2h"))
        #expect(try weft.run(Self.web + " --lifetime 31d").error.contains("from 1m to 30d"))
        let left = try weft.run(Self.web)
        #expect(left.ending == .exited(0))
        #expect(left.error.contains("weft: warning: WEFT5012 the certificate lives for "))
    }

    @Test("the root's key is needed to renew the intermediate, and for nothing else")
    func rootKey() throws {
        try weft.createAuthority("--intermediate-lifetime 1d")
        try FileManager.default.moveItem(
            atPath: "\(weft.directory)/ca/offline", toPath: "\(weft.directory)/safe")
        #expect(try weft.run(Self.web + " --lifetime 1h").ending == .exited(0))
        #expect(try weft.run("ca renew --directory %/ca").error.hasPrefix("weft: WEFT5002 "))
        let key = try weft.text("ca/intermediate-key.pem")
        let renewed = try weft.json("ca renew --directory %/ca --root-key %/safe/root-key.pem --lifetime 30d")
        #expect((renewed["intermediate"] as? [String: Any])?["role"] as? String == "intermediate")
        #expect(try weft.text("ca/intermediate-key.pem") == key)
        #expect(try weft.run("ca issue --directory %/ca --output %/web --renew --lifetime 2d").ending == .exited(0))
    }

    @Test("show warns of a key that others can read, and says which certificate it is for")
    func show() throws {
        try weft.createAuthority()
        try weft.run(Self.web)
        try Files.setPermissions("\(weft.directory)/web/key.pem", 0o644)
        let result = try weft.run("ca show %/web")
        #expect(result.ending == .exited(0))
        #expect(result.error.contains("web/key.pem: others than its owner"))
        #expect(result.output.contains("belongs to \(weft.directory)/web/chain.pem"))
        #expect(result.output.contains("spiffe://mesh.example/ns/default/sa/web"))
        #expect(try weft.run("ca show %/nothing").error.hasPrefix("weft: WEFT4001 "))
        try weft.write("text", to: "note.pem")
        #expect(try weft.run("ca show %/note.pem").error.hasPrefix("weft: WEFT4003 "))
        #expect(try weft.run("ca show %").error.hasPrefix("weft: WEFT5002 "))
    }
}
