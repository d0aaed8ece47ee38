// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ControlStore
import Foundation
import Glibc
import LinuxSystem
import MeshModel
import MeshTesting
import Testing

@Suite("A store in a file")
struct SQLiteStoreTests {
    private let directory: TestDirectory
    private var path: String { directory("store.db") }

    init() throws { directory = try TestDirectory() }

    /// What opening the file fails with.
    private func problem() async -> Problem? {
        await storeError { await (try SQLiteStore.open(path: path)).close() }?.problem
    }

    @Test("whatever was acknowledged is there after a writer was killed, and of each commit all or nothing")
    func killed() async throws {
        var random = SeededRandom(seed: 7)
        var next = 0
        var known = 0
        for round in 0..<8 {
            let writer = try RunningProgram(
                [BuiltProgram.path("store-tool"), path, "\(next)"], log: directory("writer-\(round)"))
            try await writer.line(containing: "open")
            let enough = Int.random(in: 1...60, using: &random)
            try await eventually("\(enough) commits") {
                writer.output.split(separator: "\n").count > enough ? true : nil
            }
            writer.send(SIGKILL)
            let result = try await writer.result()
            #expect(result.status == 128 + SIGKILL, "\(result)")
            // A line that the end has cut off tells nothing.
            let lines = result.output.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            let kept = lines.compactMap { line in line.hasPrefix("kept ") ? Int(line.dropFirst(5)) : nil }
            #expect(kept.count >= enough)

            let store = try await SQLiteStore.open(path: path)
            let left = try await store.list(prefix: "left/")
            let right = try await store.list(prefix: "right/")
            let numbers = Set(left.entries.compactMap { Int($0.key.dropFirst(5)) })
            #expect(numbers.isSuperset(of: kept))
            #expect(left.entries.map(\.value) == right.entries.map(\.value))
            #expect(left.entries.map(\.modRevision) == right.entries.map(\.modRevision))
            for entry in left.entries {
                let number = try #require(Int(entry.key.dropFirst(5)))
                #expect(entry.value.count == 1 + number * 37 % 20_000)
            }
            // At most what each of the four had under way, and not yet told of.
            #expect(numbers.count <= known + kept.count + 4)
            #expect(Int64(numbers.count) == left.revision)
            let replayed = try await within { try await store.batches(numbers.count, prefix: "", from: 1) }
            #expect(replayed.map(\.revision) == Array(1...left.revision))
            await store.close()
            known = numbers.count
            next = (numbers.max() ?? 0) + 1
        }
        #expect(known > 8)
    }

    @Test("the file and what SQLite puts beside it are the owner's alone")
    func permissions() async throws {
        let old = umask(0)
        defer { umask(old) }
        let store = try await SQLiteStore.open(path: path)
        try await store.put("a", "1")
        for name in ["store.db", "store.db-wal", "store.db-shm", "store.db-lock"] {
            #expect(try Files.facts(directory(name)).permissions == 0o600, "\(name)")
        }
        await store.close()
        // A file that was copied back with other permissions.
        try Files.setPermissions(path, 0o644)
        await (try SQLiteStore.open(path: path)).close()
        #expect(try Files.facts(path).permissions == 0o600)
    }

    @Test("a second process is told that the file is in use, and gets it when the first one has ended")
    func secondProcess() async throws {
        let writer = try RunningProgram([BuiltProgram.path("store-tool"), path, "0"], log: directory("writer"))
        try await writer.line(containing: "open")
        let found = await problem()
        #expect(found?.code == .storeInUse && found?.place == path)
        try await writer.stop(SIGKILL)
        let store = try await SQLiteStore.open(path: path)
        #expect(await problem()?.code == .storeInUse)
        let link = directory("link.db")
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
        #expect(await storeError { _ = try await SQLiteStore.open(path: link) }?.problem.code == .storeInUse)
        await store.close()
        #expect(await problem() == nil)
    }

    @Test("everything is there again after a restart: history, leases and who holds them")
    func restart() async throws {
        var store = try await SQLiteStore.open(path: path)
        let lease = try await store.grantLease(timeToLive: .seconds(2))
        try await store.put("a", "1", lease: lease)
        let last = try await store.put("b", "1")
        await store.close()

        store = try await SQLiteStore.open(path: path)
        #expect(try await store.get("a")?.lease == lease)
        #expect(try await store.keepAlive(lease))
        #expect(try await store.list(prefix: "", at: 1).entries.map(\.key) == ["a"])
        // Nobody keeps it any more.
        let batches = try await within { [store] in try await store.batches(1, prefix: "", from: last + 1) }
        #expect(batches.first?.events == [.delete(key: "a")])
        await store.close()

        store = try await SQLiteStore.open(path: path)
        #expect(
            try await store.list(prefix: "")
                == StoreListing(entries: [try #require(try await store.get("b"))], revision: last + 1))
        await store.close()
    }

    @Test("a damaged file, another program's and a newer one are told apart, with what to do")
    func notOurs() async throws {
        try Files.create(path, permissions: 0o600, Array("This is a letter, and no database at all.".utf8))
        var found = await problem()
        #expect(found?.code == .storeCorrupt && found?.place == path && found?.remedy?.contains("backup") == true)

        try Files.remove(path)
        try sqlite("CREATE TABLE letters (text)")
        found = await problem()
        #expect(found?.code == .storeCorrupt && found?.message.contains("another program") == true)

        try FileManager.default.removeItem(atPath: path)
        await (try SQLiteStore.open(path: path)).close()
        try sqlite("PRAGMA user_version = 77")
        found = await problem()
        #expect(found?.code == .storeNewer && found?.message.contains("77") == true)
        #expect(
            await storeError { _ = try await SQLiteStore.open(path: directory("no/such/store.db")) }?.problem.code
                == .storeFile)
    }

    @Test("a page that was overwritten is found when the file is opened")
    func damagedPage() async throws {
        let store = try await SQLiteStore.open(path: path)
        for number in 0..<200 { try await store.put("key/\(number)", String(repeating: "v", count: 200)) }
        await store.close()
        let file = try #require(FileHandle(forUpdatingAtPath: path))
        let end = try file.seekToEnd()
        for page in 1..<(end / 4_096) {
            try file.seek(toOffset: page * 4_096)
            try file.write(contentsOf: Data(repeating: 0xa5, count: 512))
        }
        try file.close()
        let found = await problem()
        #expect(found?.code == .storeCorrupt && found?.place == path, "\(String(describing: found))")
    }

    @Test("the tail of a log that was cut off in the middle of a commit is left out, and what was before is there")
    func tornLog() async throws {
        let store = try await SQLiteStore.open(path: path)
        for number in 0..<20 { try await store.put("key/\(number)", String(repeating: "v", count: 5_000)) }
        // As a power failure in the middle of the last commit leaves it.
        let copy = directory("copy.db")
        try FileManager.default.copyItem(atPath: path, toPath: copy)
        let log = try Data(contentsOf: URL(filePath: path + "-wal"))
        try log.dropLast(4_096).write(to: URL(filePath: copy + "-wal"))
        await store.close()
        let survivor = try await SQLiteStore.open(path: copy)
        let listing = try await survivor.list(prefix: "key/")
        #expect(listing.entries.count == 19 && listing.revision == 19)
        #expect(try await survivor.put("key/19", "again") == 20)
        await survivor.close()
    }

    @Test("compacting gives the space of the past back")
    func compaction() async throws {
        let store = try await SQLiteStore.open(path: path)
        var last: StoreRevision = 0
        for _ in 0..<60 { last = try await store.put("a", String(repeating: "v", count: 50_000)) }
        try await store.compact(before: last + 1)
        for _ in 0..<60 { last = try await store.put("a", String(repeating: "v", count: 50_000)) }
        await store.close()
        #expect(try Files.facts(path).byteCount < 4_500_000)
    }

    private func sqlite(_ statement: String) throws {
        let script =
            "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1])\nc.execute(sys.argv[2])\nc.commit()\nc.close()"
        let result = try ChildProcess.run("/usr/bin/python3", ["-c", script, path, statement], timeout: .seconds(20))
        #expect(result.ending == .exited(0), "\(result.error)")
    }
}
