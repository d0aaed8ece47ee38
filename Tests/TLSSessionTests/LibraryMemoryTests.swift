// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import COpenSSLMemory
import Foundation
import MeshModel
import MeshTesting
import PeerProtocol
import TLSSession
import Testing

@Suite("The memory that OpenSSL is given")
struct LibraryMemoryTests {
    private static func allocate(_ count: Int) throws -> UnsafeMutableRawPointer {
        try #require(weft_openssl_allocate(count, nil, 0))
    }

    private static func free(_ block: UnsafeMutableRawPointer?) { weft_openssl_free(block, nil, 0) }

    /// A thread of its own begins without blocks.
    private static func onNewThread(_ body: @escaping @Sendable () throws -> Void) async throws {
        try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
            Thread.detachNewThread { done.resume(with: Result { try body() }) }
        }
    }

    @Test("blocks of a record's size are kept, at most so many, and the last is the first to be used again")
    func bound() async throws {
        try await Self.onNewThread {
            let most = Int(WEFT_RECORD_BLOCKS_MAX)
            let blocks = try (0..<most + 12).map { try Self.allocate(16_385 + 100 * $0) }
            #expect(Set(blocks).count == blocks.count && weft_openssl_blocks_kept() == 0)
            for block in blocks { Self.free(block) }
            #expect(Int(weft_openssl_blocks_kept()) == most)
            // Whatever was asked for, a block is large enough for all of them.
            for block in blocks.prefix(most).reversed() {
                let again = try Self.allocate(18_432)
                #expect(again == block)
                memset(again, 0xa5, 18_432)
            }
            #expect(weft_openssl_blocks_kept() == 0)
            for block in blocks.prefix(most) { Self.free(block) }
        }
    }

    @Test("blocks of other sizes go back to where they came from", arguments: [1, 16_384, 18_433 + 64, 1 << 20])
    func others(_ count: Int) async throws {
        try await Self.onNewThread {
            let block = try Self.allocate(count)
            memset(block, 1, count)
            Self.free(block)
            #expect(weft_openssl_blocks_kept() == 0)
        }
    }

    @Test("no bytes are no block, and nothing is nothing to free")
    func nothing() async throws {
        try await Self.onNewThread {
            #expect(weft_openssl_allocate(0, nil, 0) == nil)
            Self.free(nil)
            let block = try Self.allocate(17_000)
            #expect(weft_openssl_reallocate(block, 0, nil, 0) == nil)
            #expect(weft_openssl_blocks_kept() == 1)
        }
    }

    @Test("a block that grows or shrinks keeps its bytes, into the size that is kept and out of it")
    func sizes() async throws {
        try await Self.onNewThread {
            var block = try #require(weft_openssl_reallocate(nil, 10, nil, 0))
            for index in 0..<10 { block.storeBytes(of: UInt8(index), toByteOffset: index, as: UInt8.self) }
            for count in [16_400, 18_432, 40_000, 17_000, 10] {
                block = try #require(weft_openssl_reallocate(block, count, nil, 0))
                #expect((0..<10).allSatisfy { block.load(fromByteOffset: $0, as: UInt8.self) == UInt8($0) })
            }
            Self.free(block)
            #expect(weft_openssl_blocks_kept() == 0)
        }
    }

    @Test("a block stays with the thread that frees it")
    func otherThread() async throws {
        let address = Int(bitPattern: try Self.allocate(17_000))
        try await Self.onNewThread {
            Self.free(UnsafeMutableRawPointer(bitPattern: address))
            #expect(weft_openssl_blocks_kept() == 1)
            let again = try Self.allocate(16_500)
            #expect(Int(bitPattern: again) == address)
            Self.free(again)
        }
    }

    @Test("sessions work with it, and give their blocks back")
    func sessions() async {
        // In a process of its own, since OpenSSL takes the functions only before it has allocated anything.
        await #expect(processExitsWith: .success) {
            TLSLibrary.prepare(sessions: 1)
            let now = CertificateTable.moment
            let mesh = try TestMesh(now: now)
            let dialler = try WeftEnd(mesh.context("client"), .dialler, expecting: mesh.workload("web"), now: now)
            let acceptor = try WeftEnd(mesh.context("web"), .acceptor, now: now)
            join(dialler, acceptor)
            let record = [UInt8](repeating: 7, count: 16_000)
            for _ in 0..<50 { _ = acceptor.feed(dialler.send(record)) }
            #expect(acceptor.received.count == 50 * record.count && acceptor.failure == nil)
            #expect((1...WEFT_RECORD_BLOCKS_MAX).contains(weft_openssl_blocks_kept()))
        }
    }
}
