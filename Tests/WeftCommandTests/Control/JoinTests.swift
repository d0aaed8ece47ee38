// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import Glibc
import MeshTesting
import Testing

@Suite("Joining", .serialized)
struct JoinTests {
    private let scene: ControlScene

    init() async throws { scene = try await ControlScene() }

    private func token(_ options: String = "") async throws -> String {
        let result = try await scene.weft("token create --service web \(options)")
        try #require(result.succeeded, "\(result)")
        return result.output.trimmingCharacters(in: .newlines)
    }

    private func join(_ token: String, _ options: String = "") async throws -> ProgramResult {
        try await scene.weft(
            "join \(token) --state %/state --owner \(ControlScene.proxyUser) --config %/proxy.yaml \(options)")
    }

    @Test("a token becomes an identity that a proxy can use, and a configuration")
    func roundTrip() async throws {
        let made = try await scene.weft("token create --service web --ttl 5m")
        #expect(made.output.hasPrefix("weft1.") && made.output.split(separator: "\n").count == 1)
        #expect(made.error.contains("for default/web, until"))
        #expect(made.error.contains("warning: WEFT7011 Service/default/web: does not exist yet"))
        let joined = try await join(made.output.trimmingCharacters(in: .newlines), "--name web-1 --dns")
        try #require(joined.succeeded, "\(joined)")
        #expect(joined.output.contains("joined as default/web-1, spiffe://mesh.test/ns/default/sa/web"))
        #expect(try scene.owner("state/identity/key.pem") == ControlScene.proxyUser)
        #expect(try scene.permissions("state") == 0o700 && scene.permissions("state/identity") == 0o700)
        for name in ["chain.pem", "key.pem", "bundle.pem"] {
            #expect(try scene.permissions("state/identity/\(name)") == 0o600, "\(name)")
        }
        let left = try FileManager.default.contentsOfDirectory(atPath: scene.directory + "/state")
        #expect(left == ["identity"], "the key that was pending is gone")
        let verified = try await scene.shell(
            "cd %/state/identity && openssl verify -CAfile bundle.pem -untrusted chain.pem chain.pem && "
                + "openssl x509 -in chain.pem -noout -pubkey > ../p1 && openssl pkey -in key.pem -pubout > ../p2 && "
                + "cmp ../p1 ../p2 && openssl x509 -in chain.pem -noout -ext subjectAltName")
        #expect(verified.succeeded, "\(verified)")
        #expect(verified.output.contains("URI:spiffe://mesh.test/ns/default/sa/web"))
        let file = try scene.text("proxy.yaml")
        #expect(file.contains("addresses: [\"127.0.0.1:\(scene.proxyPort)\"]"))
        #expect(file.contains("proxyUIDs: [\(ControlScene.proxyUser)]") && file.contains("names: {enabled: true}"))
        let members = try await scene.weft("get members")
        #expect(members.output.contains("default/web-1"))
    }

    @Test("the proxy takes the configuration that was written")
    func accepted() async throws {
        _ = try await join(try await token(), "--name web-1")
        // The files are the proxy's, and nobody else's.
        let user = ControlScene.proxyUser
        let change = geteuid() == 0 ? "setpriv --reuid \(user) --regid \(user) --clear-groups " : ""
        let check = try await scene.shell("\(change)\(BuiltProgram.path("weft-proxy")) check --config %/proxy.yaml")
        #expect(check.succeeded, "\(check)")
    }

    @Test("a proxy that runs with it follows the mesh")
    func running() async throws {
        try #require(try await join(try await token(), "--name web-1").succeeded)
        let ports = try ControlScene.freePorts(3)
        let more = """
              ports: {outbound: \(ports[0]), inbound: \(ports[1]), metrics: \(ports[2])}

            """
        try scene.write(try scene.text("proxy.yaml") + more, to: "proxy.yaml")
        let user = String(ControlScene.proxyUser)
        let change = geteuid() == 0 ? ["setpriv", "--reuid", user, "--regid", user, "--clear-groups"] : []
        let proxy = try RunningProgram(
            change + [BuiltProgram.path("weft-proxy"), "run", "--config", scene.directory + "/proxy.yaml"],
            log: scene.directory + "/proxy")
        defer { proxy.send(SIGKILL) }
        try await proxy.line(containing: "control plane connected")
        try scene.write(ControlScene.shop, to: "shop.yaml")
        let applied = try await scene.weft("apply -f %/shop.yaml --wait")
        #expect(applied.succeeded, "\(applied)")
        #expect(applied.output.contains("acknowledged by 1/1 proxies at revision 1, "), "\(applied)")
        #expect(try await scene.weft("get services").output.contains("1/1 connected"))
        let described = try await scene.weft("describe workload web-1")
        #expect(described.output.contains("synced, revision 1"), "\(described)")
    }

    @Test("a token is good for one key")
    func once() async throws {
        let token = try await token()
        try #require(try await join(token).succeeded)
        let again = try await scene.weft(
            "join \(token) --state %/other --owner \(ControlScene.proxyUser) --config %/other.yaml")
        #expect(again.status == 1 && again.error.contains("WEFT7003"), "\(again)")
        let left = try FileManager.default.contentsOfDirectory(atPath: scene.directory + "/other")
        #expect(left.isEmpty, "a key that nothing can come of is not kept")
        let here = try await join(token)
        #expect(here.status == 1 && here.error.contains("WEFT5001"), "\(here)")
    }

    @Test("a join whose answer was lost can be repeated with the same key")
    func repeated() async throws {
        let token = try await token()
        try #require(try await join(token, "--name web-1").succeeded)
        // As it is where the answer never came: the key waits, and there is no identity.
        let identifier = token.split(separator: ".")[1]
        let result = try await scene.shell(
            "cd %/state && mv identity/key.pem join-\(identifier).pem && rm -r identity")
        try #require(result.succeeded, "\(result)")
        let again = try await join(token)
        #expect(again.succeeded, "\(again)")
        #expect(again.output.contains("joined as default/web-1"), "the name is that of the first time")
    }

    @Test("what is no good token is refused, with the reason", arguments: ["garbage", "weft1.a.b.c.d"])
    func garbage(_ token: String) async throws {
        let result = try await join(token)
        #expect(result.status == 1 && result.error.contains("WEFT7001"), "\(result)")
        #expect(!FileManager.default.fileExists(atPath: scene.directory + "/state"))
    }

    @Test("a token that was taken back is refused by the control plane")
    func deleted() async throws {
        let token = try await token()
        let identifier = String(token.split(separator: ".")[1])
        #expect(try await scene.weft("token list").output.contains(identifier))
        #expect(try await scene.weft("token delete \(identifier)").succeeded)
        let result = try await join(token)
        #expect(result.status == 1 && result.error.contains("WEFT7001"), "\(result)")
        #expect(try await scene.weft("token delete \(identifier)").error.contains("WEFT7011"))
    }

    @Test("a token for one service is no way to the name of a workload of another, joined or written")
    func foreignName() async throws {
        try #require(try await join(try await token(), "--name web-1").succeeded)
        try scene.write(ControlScene.shop, to: "shop.yaml")
        try #require(try await scene.weft("apply -f %/shop.yaml").succeeded)
        let made = try await scene.weft("token create --service evil")
        let token = made.output.trimmingCharacters(in: .newlines)
        for name in ["web-1", "api-1"] {
            let result = try await scene.weft(
                "join \(token) --name \(name) --state %/evil --owner \(ControlScene.proxyUser) --config %/evil.yaml")
            #expect(
                result.status == 1 && result.error.contains("WEFT7013 name: default/\(name) is spiffe://"), "\(result)")
        }
        let own = try await scene.weft(
            "join \(token) --name evil-1 --state %/evil --owner \(ControlScene.proxyUser) --config %/evil.yaml")
        #expect(own.succeeded, "a refusal costs no token: \(own)")
    }

    @Test("where the join port is another than usual, the proxy is told of it")
    func joinPort() async throws {
        try #require(try await join(try await token(), "--name web-1").succeeded)
        let file = try scene.text("proxy.yaml")
        #expect(file.contains("joinAddresses: [\"127.0.0.1:\(scene.joinPort)\"]"), "\(file)")
    }

    @Test("a token of another root does not reach this control plane, and tells it nothing")
    func otherRoot() async throws {
        var parts = try await token().split(separator: ".").map(String.init)
        parts[3] = String(repeating: "A", count: 43)
        let result = try await join(parts.joined(separator: "."))
        #expect(result.status == 1 && result.error.contains("WEFT4102"), "\(result)")
        let audit = try await scene.weft("audit")
        #expect(!audit.output.contains(" join "), "\(audit)")
    }

    @Test("the token comes by standard input or environment too")
    func quietly() async throws {
        let token = try await token()
        try scene.write(token + "\n", to: "token")
        let result = try await scene.shell(
            "weft join - --state %/state --owner \(ControlScene.proxyUser) --config %/proxy.yaml < %/token")
        #expect(result.succeeded, "\(result)")
        let other = try await scene.weft(
            "join --state %/state2 --owner \(ControlScene.proxyUser) --config %/proxy.yaml",
            variables: ["WEFT_TOKEN": try await self.token()])
        #expect(other.succeeded, "\(other)")
        #expect(other.output.contains("proxy.yaml, as it was"))
    }

    @Test("who leaves has no identity here, and is denied where the control plane is told")
    func leaving() async throws {
        try #require(try await join(try await token(), "--name web-1").succeeded)
        let shown = try await scene.weft("identity show --state %/state")
        #expect(shown.output.hasPrefix("spiffe://mesh.test/ns/default/sa/web\n"), "\(shown)")
        for name in ["trust-other.example.pem", "renewal.pem", "snapshot.json"] {
            try scene.write("what a proxy has left", to: "state/\(name)")
        }
        let left = try await scene.weft("leave --state %/state")
        #expect(left.succeeded)
        let rest = try FileManager.default.contentsOfDirectory(atPath: scene.directory + "/state")
        #expect(rest.isEmpty, "\(rest)")
        #expect(try await scene.weft("leave --state %/state").error.contains("WEFT7045"))
        #expect(try await scene.weft("leave --workload default/web-1").succeeded)
        let identities = try await scene.weft("identity list")
        #expect(identities.output.contains("denied  certificate "), "\(identities)")
        #expect(!identities.output.contains("web-1"))
    }
}
