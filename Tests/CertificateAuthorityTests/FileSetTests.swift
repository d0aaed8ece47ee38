// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import LinuxSystem
import MeshModel
import Testing

@testable import CertificateAuthority

@Suite("Files written as a set")
struct FileSetTests {
    private let shop: Workshop

    init() throws { shop = try Workshop() }

    private func set(_ directory: String = "set", _ text: String = "new") -> FileSet {
        FileSet(
            directory: shop(directory), directoryPermissions: 0o755,
            files: [.open("a", text), .secret("b", text), .open("c", text)])
    }

    private func code(_ body: () throws -> Void) -> ErrorCode? { #expect(throws: Problem.self, performing: body)?.code }

    private func makeDirectory(_ name: String) throws {
        try FileManager.default.createDirectory(atPath: shop(name), withIntermediateDirectories: false)
    }

    @Test("a new directory appears with all of them", arguments: ["set", "set/", "set//"])
    func newDirectory(_ name: String) throws {
        try set(name).create()
        #expect(try shop.names() == ["set", "set/a", "set/b", "set/c"])
        #expect(try shop.permissions("set") == 0o755)
        #expect(try shop.permissions("set/a") == 0o644)
        #expect(try shop.permissions("set/b") == 0o600)
    }

    @Test("a directory that exists keeps what it has")
    func oldDirectory() throws {
        try makeDirectory("set")
        try shop.write("mine", to: "set/notes")
        try set().create()
        #expect(try shop.names(in: "set") == ["a", "b", "c", "notes"])
    }

    @Test("one name that is taken, and nothing is written", arguments: ["a", "b", "c"])
    func taken(_ name: String) throws {
        try makeDirectory("set")
        try shop.write("mine", to: "set/\(name)")
        #expect(code { try set().create() } == .wouldOverwrite)
        #expect(try shop.names(in: "set") == [name])
        #expect(try shop.text("set/\(name)") == "mine")
    }

    @Test("a link that leads nowhere is a name that is taken")
    func danglingLink() throws {
        try makeDirectory("set")
        try FileManager.default.createSymbolicLink(atPath: shop("set/c"), withDestinationPath: shop("elsewhere"))
        #expect(code { try set().create() } == .wouldOverwrite)
        #expect(try shop.names() == ["set", "set/c"])
    }

    @Test("a file in place of the directory is a clear error")
    func notADirectory() throws {
        try shop.write("mine", to: "set")
        #expect(code { try set().create() } == .writeFailed)
        #expect(code { try set().createDirectory() } == .writeFailed)
        #expect(try shop.names() == ["set"])
    }

    @Test("replacing keeps modes, but not those that show a secret")
    func replacing() throws {
        try set().create()
        try Files.setPermissions(shop("set/a"), 0o640)
        try Files.setPermissions(shop("set/b"), 0o640)
        try set("set", "newer").replace()
        #expect(try ["a", "b", "c"].map { try shop.text("set/\($0)") } == ["newer", "newer", "newer"])
        #expect(try shop.permissions("set/a") == 0o640)
        #expect(try shop.permissions("set/b") == 0o640)
        try Files.setPermissions(shop("set/b"), 0o644)
        try set("set", "newest").replace()
        #expect(try shop.permissions("set/b") == 0o600)
        #expect(try shop.names(in: "set") == ["a", "b", "c"])
    }

    @Test("a swap that fails takes back those before it")
    func rollback() throws {
        try set("set", "old").create()
        try FileManager.default.removeItem(atPath: shop("set/c"))
        try makeDirectory("set/c")
        #expect(code { try set().replace() } == .writeFailed)
        #expect(try shop.text("set/a") == "old")
        #expect(try shop.text("set/b") == "old")
        #expect(try shop.names(in: "set") == ["a", "b", "c"])
    }

    @Test("a file that is missing is not made by replacing")
    func nothingToReplace() throws {
        try set().create()
        try FileManager.default.removeItem(atPath: shop("set/b"))
        #expect(code { try set("set", "newer").replace() } == .writeFailed)
        #expect(try shop.names(in: "set") == ["a", "c"])
        #expect(try shop.text("set/a") == "new")
    }

    @Test("one replaces at a time")
    func locked() throws {
        try set().create()
        let lock = try Files.lockDirectory(shop("set"))
        let problem = #expect(throws: Problem.self) { try set("set", "newer").replace() }
        #expect(problem?.description.contains("another renewal") == true)
        #expect(try shop.text("set/a") == "new")
        lock.unlock()
        try set("set", "newer").replace()
        #expect(try shop.text("set/a") == "newer")
    }

    @Test("owners are set before names are given, and kept", .enabled(if: ThisProcess.isRoot))
    func owners() throws {
        try set().create(owner: FileOwner(user: 4711, group: 4712))
        func owner(_ name: String) throws -> [UInt32] {
            let facts = try Files.facts(shop(name))
            return [facts.user, facts.group]
        }
        #expect(try owner("set") == [4711, 4712])
        #expect(try owner("set/b") == [4711, 4712])
        try set("set", "newer").replace()
        #expect(try owner("set/b") == [4711, 4712])
        #expect(try shop.permissions("set/b") == 0o600)
    }
}
