// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

@Suite("Writing the mesh's configuration", .serialized)
struct ApplyTests {
    private let scene: ControlScene

    init() async throws {
        scene = try await ControlScene()
        try scene.write(ControlScene.shop, to: "shop.yaml")
    }

    @Test("what is applied is there, in history, and can be taken back")
    func life() async throws {
        let applied = try await scene.weft(words: ["apply", "-f", "%/shop.yaml", "--message", "the first of all"])
        try #require(applied.succeeded, "\(applied)")
        #expect(applied.output.contains("created  Service/default/api\n"))
        #expect(applied.output.hasSuffix("revision 1\n"))
        let again = try await scene.weft("apply -f %/shop.yaml")
        #expect(again.output == "unchanged 4\nnothing to change; the mesh is at revision 1\n")
        let services = try await scene.weft("get services")
        #expect(services.output.contains("0/1 connected"), "\(services)")
        let document = try await scene.weft("get Service api -o yaml")
        #expect(document.output.hasPrefix("---\nkind: Service\n"), "\(document)")
        try scene.write(document.output, to: "api.yaml")
        #expect(try await scene.weft("apply -f %/api.yaml").output.contains("unchanged 1"))
        let refused = try await scene.weft("delete workload api-1")
        #expect(refused.status == 1 && refused.error.contains("--allow-dangling"), "\(refused)")
        let deleted = try await scene.weft("delete service api")
        #expect(deleted.succeeded && deleted.output.contains("revision 2"), "\(deleted)")
        #expect(try await scene.weft("get service api").error.contains("WEFT7011"))
        #expect(try await scene.weft("get service api --revision 1 -o json").succeeded)
        let back = try await scene.weft("rollback 1")
        #expect(back.succeeded && back.output.contains("created  Service/default/api"), "\(back)")
        let history = try await scene.weft("history")
        #expect(history.output.contains("back to 1") && history.output.contains("the first of all"))
        #expect(try await scene.weft("rollback 99").error.contains("WEFT7012"))
        #expect(try await scene.weft("audit").output.contains("revision/3"))
    }

    @Test("several files and a directory are one revision")
    func several() async throws {
        try FileManager.default.createDirectory(atPath: scene.directory + "/more", withIntermediateDirectories: true)
        try scene.write("kind: Mesh\nspec: {authorization: {default: allow}}\n", to: "more/mesh.yaml")
        try scene.write("not: read", to: "more/README.md")
        let applied = try await scene.weft("apply -f %/shop.yaml -f %/more")
        #expect(applied.succeeded && applied.output.hasSuffix("revision 1\n"), "\(applied)")
        let piped = try await scene.shell("weft get mesh -o yaml | weft apply -f -")
        #expect(piped.output.contains("unchanged 1"), "\(piped)")
    }

    @Test("what is wrong is said with the file and the line that it stands in")
    func places() async throws {
        try scene.write("kind: Service\nmetadata: {name: b}\nspec:\n  portz: []\n", to: "b.yaml")
        let result = try await scene.weft("apply -f %/shop.yaml -f %/b.yaml")
        #expect(result.status == 1)
        #expect(result.error.contains("\(scene.directory)/b.yaml:4:3"), "\(result)")
        #expect(try await scene.weft("apply -f %/none.yaml").error.contains("WEFT1004"))
    }

    @Test("a trial writes nothing, and prune deletes what is not given")
    func trialAndPrune() async throws {
        let trial = try await scene.weft("apply -f %/shop.yaml --dry-run")
        #expect(trial.output.hasSuffix("nothing was written; the mesh is at revision 0\n"), "\(trial)")
        try #require(try await scene.weft("apply -f %/shop.yaml").succeeded)
        try scene.write("kind: Mesh\nspec: {}\n", to: "mesh.yaml")
        let pruned = try await scene.weft("apply -f %/mesh.yaml --prune services,Workload")
        #expect(pruned.succeeded, "\(pruned)")
        #expect(try await scene.weft("get services").output == "there is no Service\n")
    }

    @Test("a difference names the callers that it is one for")
    func difference() async throws {
        try #require(try await scene.weft("apply -f %/shop.yaml").succeeded)
        try scene.write(
            """
            kind: Policy
            metadata: {name: nobody}
            spec: {target: {service: api}, rules: [{effect: deny}]}
            """, to: "deny.yaml")
        let result = try await scene.weft("diff -f %/deny.yaml")
        #expect(result.succeeded, "\(result)")
        let row = result.output.split(separator: "\n").first { $0.hasPrefix("default/web-1") }
        #expect(row?.split(separator: " ") == ["default/web-1", "default/api", "allowed", "denied"], "\(result)")
        #expect(try await scene.weft("get policies").output == "there is no Policy\n")
    }

    @Test("waiting ends at once where no proxy is concerned")
    func waiting() async throws {
        let result = try await scene.weft("apply -f %/shop.yaml --wait --timeout 20s")
        #expect(
            result.succeeded && result.output.contains("no connected proxy is concerned by revision 1"), "\(result)")
        let json = try await scene.json("rollback 1 --wait")
        #expect((json["progress"] as? [String: Any])?["concerned"] as? Int == 0)
    }

    @Test("kinds are read in any case, and mistyped ones are helped")
    func kinds() async throws {
        for kind in ["POLICIES", "policy", "HTTPRoute", "httproutes", "meshes", "gateways", "trusts"] {
            let result = try await scene.weft("get \(kind)")
            #expect(result.succeeded, "\(result)")
        }
        let result = try await scene.weft("get servces")
        #expect(result.status == 2 && result.error.contains("did you mean `services`?"), "\(result)")
    }
}
