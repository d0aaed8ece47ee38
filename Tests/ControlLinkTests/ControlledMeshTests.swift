// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ControlAPI
import ControlLink
import MeshModel
import TLSSession
import Testing

@Suite("What a proxy has of its control plane")
struct ControlledMeshTests {
    private static func text(_ id: String, _ text: String) -> ResourceText {
        ResourceText(id: id, digest: ResourceDigest(hash: SecureHash.sha256(Array(text.utf8))), text: text)
    }

    private static func update(_ revision: UInt64, whole: Bool = false, put: [String: String] = [:], out: [String] = [])
        -> Update
    {
        Update(
            sequence: revision, revision: revision, isWhole: whole, resources: put.map { text($0.key, $0.value) },
            removed: out)
    }

    @Test("documents are put, taken out and replaced as a whole")
    func updates() throws {
        var mesh = try ControlledMesh().applying(Self.update(1, whole: true, put: ["a": "1", "b": "2"]))
        mesh = try mesh.applying(Self.update(2, put: ["a": "3"], out: ["b", "nobody"]))
        #expect(mesh.sortedDocuments.map(\.text) == ["3"] && mesh.revision == 2)
        // What is not said stays as it was.
        var update = Self.update(3, whole: true, put: ["c": "4"])
        update.namespaces = [try #require(ResourceName("prod"))]
        mesh = try mesh.applying(update).applying(Self.update(4))
        #expect(mesh.sortedDocuments.map(\.id) == ["c"])
        #expect(mesh.namespaces.map(\.text) == ["prod"])
    }

    @Test("what a snapshot holds brings the same mesh back")
    func whole() throws {
        var update = Self.update(7, whole: true, put: ["a": "1", "b": "2"])
        update.namespaces = [try #require(ResourceName("prod"))]
        update.denied = DeniedPeers(serials: ["0a"])
        let mesh = try ControlledMesh().applying(update)
        #expect(try ControlledMesh().applying(mesh.wholeUpdate) == mesh)
    }

    @Test("a text that is not its digest's is refused")
    func digest() throws {
        var wrong = Self.text("a", "1")
        wrong.text = "2"
        let update = Update(sequence: 1, revision: 1, isWhole: true, resources: [wrong])
        let problem = #expect(throws: Problem.self) { try ControlledMesh().applying(update) }
        #expect(problem?.code == .updateRejected && problem?.place == "a")
    }

    @Test("a checkpoint over other documents than are here shows that the two have drifted apart")
    func drift() throws {
        let proxy = ResourceReference(name: try #require(ResourceName("api-1")))
        let here = try ControlledMesh().applying(Self.update(1, whole: true, put: ["a": "1"]))
        func sign(_ digests: [String: ResourceDigest], _ revision: UInt64) -> Checkpoint {
            let contents = Checkpoint.Contents(
                proxy: proxy, revision: revision, time: WallTime(seconds: 0), digests: digests)
            return Checkpoint(body: String(decoding: contents.encode(), as: UTF8.self), signature: "", chain: "")
        }
        var update = Self.update(2, put: ["b": "2"])
        let next = try here.applying(update)
        update.checkpoint = sign(next.digests, 2)
        #expect(try here.applying(update).checkpoint != nil)
        for wrong in [sign(here.digests, 2), sign(next.digests, 1)] {
            update.checkpoint = wrong
            #expect(throws: Problem.self) { try here.applying(update) }
        }
    }
}
