// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import MeshTesting
import PeerProtocol
import TLSSession
import Testing

/// Somebody between two sidecars who changes one byte of what the first of them says.
private final class Meddler: MemoryEnd {
    private let victim: any MemoryEnd
    private let offset: Int
    private let change: UInt8
    private var passed = 0
    /// False if less was said than the place of the change: signatures differ in length by some bytes.
    private(set) var hasMeddled = false

    init(_ victim: any MemoryEnd, offset: Int, change: UInt8) {
        self.victim = victim
        self.offset = offset
        self.change = change
    }

    func feed(_ input: [UInt8]) -> [UInt8] {
        var input = input
        if (passed..<passed + input.count).contains(offset) {
            input[offset - passed] ^= change
            hasMeddled = true
        }
        passed += input.count
        return victim.feed(input)
    }
}

@Suite("Handshakes with somebody in between")
struct MeddlingTests {
    private let now = CertificateTable.moment
    private let mesh: TestMesh

    init() throws { mesh = try TestMesh(now: now) }

    private func ends() throws -> (dialler: WeftEnd, acceptor: WeftEnd) {
        (
            try WeftEnd(mesh.context("client"), .dialler, expecting: mesh.workload("web"), now: now),
            try WeftEnd(mesh.context("web"), .acceptor, now: now)
        )
    }

    /// The places of the two version bytes of each record. Nobody reads them and nothing protects them (RFC 8446 section
    /// 5.1, legacy_record_version).
    private func versions(in stream: [UInt8]) -> Set<Int> {
        var places: Set<Int> = []
        var start = 0
        while start + 5 <= stream.count {
            places.formUnion([start + 1, start + 2])
            start += 5 + Int(stream[start + 3]) << 8 + Int(stream[start + 4])
        }
        return places
    }

    @Test("no byte that the dialler sends can be changed", arguments: 0..<4)
    func toAcceptor(part: Int) throws {
        var random = SeededRandom(seed: UInt64(part))
        for _ in 0..<50 {
            let (dialler, acceptor) = try ends()
            let (sample, other) = try ends()
            let stream = join(sample, other).there
            let offset = Int.random(in: stream.indices, using: &random)
            guard !versions(in: stream).contains(offset) else { continue }
            let change = UInt8.random(in: 1...255, using: &random)
            let meddler = Meddler(acceptor, offset: offset, change: change)
            join(dialler, meddler)
            #expect(acceptor.peer == nil || !meddler.hasMeddled, "byte \(offset) changed by \(change)")
        }
    }

    @Test("no byte that the acceptor sends can be changed", arguments: 0..<4)
    func toDialler(part: Int) throws {
        var random = SeededRandom(seed: UInt64(part) + 100)
        for _ in 0..<50 {
            let (dialler, acceptor) = try ends()
            let (sample, other) = try ends()
            let stream = join(sample, other).back
            let offset = Int.random(in: stream.indices, using: &random)
            guard !versions(in: stream).contains(offset) else { continue }
            let change = UInt8.random(in: 1...255, using: &random)
            let meddler = Meddler(dialler, offset: offset, change: change)
            join(meddler, acceptor)
            let isConnected = dialler.peer != nil || acceptor.peer != nil
            #expect(!isConnected || !meddler.hasMeddled, "byte \(offset) changed by \(change)")
        }
    }
}
