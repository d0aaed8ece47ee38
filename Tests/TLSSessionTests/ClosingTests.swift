// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import MeshTesting
import PeerProtocol
import TLSSession
import Testing

@Suite("How sessions end")
struct ClosingTests {
    private let dialler: WeftEnd
    private let acceptor: WeftEnd

    init() throws {
        let now = CertificateTable.moment
        let mesh = try TestMesh(now: now)
        dialler = try WeftEnd(mesh.context("client"), .dialler, expecting: mesh.workload("web"), now: now)
        acceptor = try WeftEnd(mesh.context("web"), .acceptor, now: now)
        join(dialler, acceptor)
        try #require(dialler.peer != nil && acceptor.peer != nil)
    }

    @Test("close_notify ends one direction, after everything that was sent before it")
    func closeNotify() {
        let last = dialler.send([1, 2, 3])
        _ = acceptor.feed(last + dialler.end())
        #expect(acceptor.received == [1, 2, 3] && acceptor.hasEnded && acceptor.failure == nil)
        _ = dialler.feed(acceptor.send([4, 5]))
        #expect(dialler.received == [4, 5])
        _ = dialler.feed(acceptor.end())
        #expect(dialler.hasEnded && dialler.failure == nil)
    }

    @Test("no cut of a stream, at whatever byte, looks like its end")
    func truncation() {
        let stream = dialler.send([1, 2, 3]) + dialler.end()
        for byte in stream.dropLast() {
            #expect(!acceptor.hasEnded)
            _ = acceptor.feed([byte])
        }
        #expect(!acceptor.hasEnded && acceptor.failure == nil)
        _ = acceptor.feed([stream[stream.count - 1]])
        #expect(acceptor.hasEnded)
    }

    @Test("a byte altered on the way breaks the session")
    func altered() {
        var record = dialler.send(Array("pay 10".utf8))
        record[record.count - 3] ^= 1
        let alert = acceptor.feed(record)
        #expect(acceptor.received.isEmpty && acceptor.failure != nil)
        _ = dialler.feed(alert)
        #expect(dialler.failure == .alert("bad record mac"))
    }

    @Test("a record that comes a second time, or out of order, breaks the session")
    func replayed() {
        let record = dialler.send([1])
        _ = acceptor.feed(record)
        _ = acceptor.feed(record)
        #expect(acceptor.received == [1] && acceptor.failure != nil)
    }

    @Test("a whole record's worth is one record, and everything of it arrives")
    func fullRecord() {
        let bytes = (0..<16_384).map { UInt8(truncatingIfNeeded: $0) }
        let record = dialler.send(bytes)
        #expect(record.count == 5 + 16_384 + 1 + 16)
        _ = acceptor.feed(record)
        #expect(acceptor.received == bytes)
    }
}
