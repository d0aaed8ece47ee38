// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import HTTP2Codec
import HTTPCodec
import MeshModel
import Testing

@Suite("Floods and bombs")
struct FloodTests {
    private let start = Instant(nanoseconds: 1_000_000_000)

    /// How the connection ends when these frames come; nil if it does not. What the server has to say is taken away.
    private func failure(
        _ server: Peer, _ count: Int, now: Instant? = nil, _ frames: (UInt32) -> [UInt8]
    ) -> HTTP2Failure? {
        do throws(HTTP2Failure) {
            for index in 0..<count {
                try server.receive(frames(UInt32(index)), now: now ?? start)
                _ = server.output()
            }
            return nil
        } catch {
            return error
        }
    }

    private func server() throws -> Peer {
        let server = Peer(.server)
        try server.receive(Wire.start + Wire.settingsAck, now: start)
        _ = server.output()
        return server
    }

    /// As many as may come pass, one more does not; and in the next window they pass again.
    private func check(_ limit: HTTP2Limit, most: Int, _ frames: @escaping (UInt32) -> [UInt8]) throws {
        let server = try server()
        #expect(failure(server, most, frames) == nil, "\(limit)")
        let later = try self.server()
        #expect(failure(later, most, frames) == nil)
        let next = UInt32(most)
        #expect(failure(later, most, now: start + .seconds(11)) { frames($0 + next) } == nil, "\(limit), later")
        let found = failure(server, 2) { frames($0 + next) }
        #expect(found?.limit == limit && found?.code == .enhanceYourCalm)
        #expect(Wire.code(7, in: server.output()) == "ENHANCE_YOUR_CALM")
        #expect(server.session.isFinished && server.session.failure == found)
        #expect(failure(server, 1) { _ in Wire.ping } == found)
    }

    @Test("PING") func pings() throws { try check(.pings, most: 100) { _ in Wire.ping } }

    // One has come with the preface.
    @Test("SETTINGS") func settings() throws { try check(.settings, most: 19) { _ in Wire.settings } }

    @Test("PRIORITY")
    func priority() throws {
        try check(.otherFrames, most: 1000) { Wire.frame(2, 0, $0 * 2 + 1, [0, 0, 0, 0, 16]) }
    }

    @Test("unknown frames, on stream 0 too")
    func unknown() throws { try check(.otherFrames, most: 1000) { Wire.frame(0xee, 0, $0 % 2, [1, 2]) } }

    @Test("WINDOW_UPDATE") func windows() throws {
        try check(.windowUpdates, most: 1000) { _ in Wire.windowUpdate(0, 1) }
    }

    @Test("rapid reset")
    func rapidReset() throws {
        // Half of the streams opened count for the client, so that the limit meets itself at twice as many.
        try check(.cancelledRequests, most: 199) { Wire.headers($0 * 2 + 1, Wire.get) + Wire.reset($0 * 2 + 1, 8) }
    }

    @Test("cancelling slowly is no flood")
    func slowCancels() throws {
        let server = try server()
        for index in UInt32(0)..<400 {
            try server.receive(
                Wire.headers(index * 2 + 1, Wire.get), now: start + .milliseconds(Int64(index) * 20))
            _ = server.output()
            if index >= 50 {
                // Each has lived for more than a second.
                let old = index - 50
                try server.receive(
                    Wire.reset(old * 2 + 1, 8), now: start + .milliseconds(Int64(index) * 20 + 1))
            }
        }
        #expect(server.session.failure == nil)
    }

    @Test("streams that we are made to reset: by windows, by malformed heads")
    func madeReset() throws {
        try check(.brokenStreams, most: 100) {
            Wire.headers($0 * 2 + 1, Wire.get, ends: false) + Wire.windowUpdate($0 * 2 + 1, 0x7fff_ffff)
        }
        try check(.brokenStreams, most: 100) { Wire.headers($0 * 2 + 1, [("", "")]) }
    }

    @Test("empty DATA, and DATA of padding alone")
    func emptyData() throws {
        for frame in [Wire.data(1, ""), Wire.frame(0, 8, 1, [3, 0, 0, 0])] {
            try check(.emptyData, most: 200) { index in
                (index == 0 ? Wire.headers(1, Wire.get, ends: false) : []) + frame
            }
        }
    }

    @Test("ends without bytes are none of these: gRPC sends one with each request")
    func emptyEnds() throws {
        let server = try server()
        server.whenEnded = { [unowned server] id in server.answer(id, 204, endsStream: true) }
        let found = failure(server, 2000) {
            Wire.headers($0 * 2 + 1, Wire.get, ends: false) + Wire.data($0 * 2 + 1, "", ends: true)
        }
        #expect(found == nil && server.requests.count == 2000)
    }

    @Test("pings that follow what we send are none either: gRPC measures the way with them")
    func answeredPings() throws {
        let pair = Pair()
        let id = try #require(pair.client.session.submit(Pair.request(), endsStream: true))
        try pair.run(now: start)
        pair.server.answer(id)
        for _ in 0..<500 {
            pair.server.send("some", on: id)
            _ = pair.server.output()
            try pair.server.receive(Wire.ping, now: start)
        }
        #expect(pair.server.session.failure == nil)
    }

    @Test("heads on streams that have ended")
    func lateHeads() throws {
        let server = try server()
        server.whenEnded = { [unowned server] id in server.answer(id, 204, endsStream: true) }
        #expect(failure(server, 1) { _ in Wire.headers(1, Wire.get) } == nil)
        // One more, for the stream that was opened.
        #expect(failure(server, 1001) { _ in Wire.headers(1, Wire.get) } == nil)
        #expect(failure(server, 1) { _ in Wire.headers(1, Wire.get) }?.limit == .lateHeads)
    }

    @Test("a peer that does not read cannot make us keep its answers")
    func unread() throws {
        var settings = HTTP2Settings()
        settings.flood.pings = 1_000_000
        settings.flood.settings = 1_000_000
        settings.flood.brokenStreams = 1_000_000
        let floods: [(UInt32) -> [UInt8]] = [
            { _ in Wire.ping }, { _ in Wire.settings }, { Wire.headers($0 * 2 + 1, [("", "")]) },
        ]
        for frames in floods {
            let server = Peer(.server, settings)
            let failure = #expect(throws: HTTP2Failure.self) {
                try server.receive(Wire.start, now: start)
                for index in UInt32(0)..<20_000 { try server.receive(frames(index), now: start) }
            }
            #expect(failure?.limit == .queuedOutput)
            #expect(server.output().count < 60_000)
        }
    }

    @Test("CONTINUATION without end")
    func continuation() throws {
        for payload in [[], Wire.block([("x", "y")])] as [[UInt8]] {
            let server = try server()
            let found = failure(server, 100) { index in
                index == 0
                    ? Wire.frame(1, 1, 1, Wire.block(Wire.get)) : Wire.frame(9, 0, 1, payload)
            }
            #expect(found?.limit == .continuations && found?.code == .enhanceYourCalm)
            #expect(Wire.code(7, in: server.output()) == "ENHANCE_YOUR_CALM")
        }
    }

    @Test("a head in a few pieces is one head")
    func fewContinuations() throws {
        let server = try server()
        let block = Wire.block(Wire.get + [("x", String(repeating: "y", count: 50_000))])
        var frames = Wire.frame(1, 1, 1, Array(block.prefix(16_384)))
        for start in stride(from: 16_384, to: block.count, by: 16_384) {
            let part = Array(block[start..<min(block.count, start + 16_384)])
            frames += Wire.frame(9, start + part.count == block.count ? 4 : 0, 1, part)
        }
        try server.receive(frames, now: start)
        #expect(server.requests.first?.fields.first("x")?.utf8.count == 50_000)
    }

    @Test("an HPACK bomb: a large field in the table, referred to over and over")
    func bomb() throws {
        let server = try server()
        // Literal with incremental indexing (RFC 7541 section 6.2.1), then index 62 as often as the frames hold.
        let large = [0x40] + Wire.text(Array("x".utf8)) + Wire.text([UInt8](repeating: 65, count: 4000))
        let reference = [UInt8](repeating: 0x80 | 62, count: 8000)
        let found = failure(server, 1) { _ in
            Wire.frame(1, 5, 1, Wire.block(Wire.get) + large + reference)
        }
        #expect(found?.limit == .headBytes && found?.code == .enhanceYourCalm && server.requests.isEmpty)
        #expect(Wire.code(7, in: server.output()) == "ENHANCE_YOUR_CALM" && server.session.isFinished)
        // A little too large is answered, and the connection goes on.
        let other = try self.server()
        let some = Wire.block(Wire.get) + large + reference.prefix(20)
        #expect(failure(other, 1) { _ in Wire.frame(1, 5, 1, some) } == nil)
        #expect(other.resets.first?.status == 431)
    }

    @Test("a table larger than was allowed, and broken compression")
    func compression() throws {
        // Size update to 4097 (RFC 7541 section 6.3), an index that is not there, a Huffman code that is none.
        for block in [[0x3f, 0xe2, 0x1f], [0x80 | 70], [0x00, 0x84, 0xff, 0xff, 0xff, 0xff]] as [[UInt8]] {
            let server = try server()
            let found = failure(server, 1) { _ in Wire.frame(1, 5, 1, block) }
            #expect(found?.code == .compressionError && found?.limit == nil, "\(block)")
            #expect(Wire.code(7, in: server.output()) == "COMPRESSION_ERROR")
        }
    }

    @Test("size updates of the table over and over cost their bytes and no more")
    func tableUpdates() throws {
        let server = try server()
        let updates = (0..<2).flatMap { _ in [0x20, 0x3f, 0xe1, 0x1f] as [UInt8] }
        let found = failure(server, 50) { Wire.frame(1, 5, $0 * 2 + 1, updates.prefix(4) + Wire.block(Wire.get)) }
        #expect(found == nil && server.requests.count == 50)
    }
}
