// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import HTTP2Codec
import HTTPCodec
import MeshModel
import Testing

@Suite("Flow control, resets and leaving")
struct FlowTests {
    private func open(_ pair: Pair, body: HTTPBody = .chunked) throws -> Int32 {
        let id = try #require(pair.client.session.submit(Pair.request("POST", body: body), endsStream: false))
        try pair.run()
        return id
    }

    @Test("who does not consume stops the sender, at the stream's window")
    func backPressure() throws {
        let pair = Pair()
        pair.server.consumes = false
        pair.server.isQuietAboutData = true
        let id = try open(pair)
        pair.client.send([UInt8](repeating: 65, count: 200_000), on: id)
        try pair.run()
        #expect(pair.server.receivedByteCount == 65_536)
        #expect(pair.client.session.pendingByteCount(on: id) == 200_000 - 65_536)
        #expect(!pair.client.told.contains("room 1") && !pair.client.session.hasOutput)
        pair.server.session.consume(40_000, on: id)
        try pair.run()
        #expect(pair.server.receivedByteCount == 105_536)
        // More than there was is not given.
        pair.server.session.consume(1_000_000, on: id)
        try pair.run()
        #expect(pair.server.receivedByteCount == 171_072)
        #expect(pair.client.told == ["room 1"])
        pair.client.end(id)
        pair.server.session.consume(65_536, on: id)
        try pair.run()
        #expect(pair.server.receivedByteCount == 200_000 && pair.server.told.last == "end 1")
    }

    @Test("all bodies of a connection together stop at its window, and what was never consumed is not lost to it")
    func connectionWindow() throws {
        var settings = HTTP2Settings()
        settings.connectionWindowBytes = 131_072
        let pair = Pair(settings)
        pair.server.consumes = false
        pair.server.isQuietAboutData = true
        let ids = try (0..<4).map { _ in try open(pair) }
        for id in ids { pair.client.send([UInt8](repeating: 65, count: 65_536), on: id) }
        try pair.run()
        #expect(pair.server.receivedByteCount == 131_072)
        for id in ids { pair.client.session.reset(id, .cancel) }
        try pair.run()
        #expect(pair.server.resets.count == 4)
        for _ in 0..<4 {
            let id = try open(pair)
            pair.client.send([UInt8](repeating: 65, count: 65_536), on: id)
            try pair.run()
            pair.client.session.reset(id, .cancel)
            try pair.run()
        }
        #expect(pair.server.receivedByteCount == 131_072 + 4 * 65_536)
    }

    @Test("bodies of many streams share the connection in turn")
    func fairness() throws {
        let pair = Pair()
        let ids = try (0..<3).map { _ in
            let id = try #require(pair.client.session.submit(Pair.request(), endsStream: true))
            try pair.run()
            return id
        }
        for id in ids {
            pair.server.answer(id)
            pair.server.send([UInt8](repeating: 66, count: 65_535), on: id)
            pair.server.end(id)
        }
        let streams = Wire.frames(pair.server.output()).filter { $0.type == 0 }.map(\.stream)
        #expect(Set(streams.prefix(3)).count == 3, "\(streams)")
    }

    @Test("output stops about where it is asked to, and goes on")
    func portions() throws {
        let pair = Pair()
        let id = try #require(pair.client.session.submit(Pair.request(), endsStream: true))
        try pair.run()
        pair.server.answer(id)
        pair.server.send([UInt8](repeating: 66, count: 60_000), on: id)
        pair.server.end(id)
        var bytes: [UInt8] = []
        while pair.server.session.hasOutput {
            let portion = pair.server.output(atMost: 1000)
            #expect(portion.count <= 1000 + 16_393 && !portion.isEmpty)
            bytes += portion
        }
        try pair.client.receive(bytes)
        #expect(pair.client.receivedByteCount == 60_000 && pair.client.told.last == "end 1")
    }

    @Test("what waits on a stream is sent before it is reset, though others came first, as far as its window goes")
    func waitingBeforeReset() throws {
        let pair = Pair()
        pair.server.consumes = false
        pair.server.isQuietAboutData = true
        let (first, second) = (try open(pair), try open(pair))
        pair.client.send([UInt8](repeating: 65, count: 60_000), on: first)
        pair.client.send([UInt8](repeating: 66, count: 100_000), on: second)
        pair.client.session.sendWaiting(on: second)
        pair.client.session.reset(second, .internalError)
        try pair.run()
        #expect(pair.server.receivedByteCount == 60_000 + 65_536)
        #expect(pair.server.told.last == "reset \(second) INTERNAL_ERROR")
        #expect(pair.client.session.openStreamCount == 1)
    }

    @Test("a stream that is reset between two portions of its body leaves the others as they are")
    func resetBetweenPortions() throws {
        let pair = Pair()
        pair.client.isQuietAboutData = true
        for _ in 0..<2 { _ = pair.client.session.submit(Pair.request(), endsStream: true) }
        try pair.run()
        for id in [Int32(1), 3] {
            pair.server.answer(id)
            pair.server.send([UInt8](repeating: 66, count: 60_000), on: id)
            pair.server.end(id)
        }
        try pair.client.receive(pair.server.output(atMost: 1000))
        pair.server.session.reset(1, .cancel)
        try pair.run()
        #expect(pair.client.told.contains("reset 1 CANCEL") && pair.client.told.last == "end 3")
        #expect(pair.server.resets.isEmpty && pair.server.session.openStreamCount == 0)
    }

    @Test("what is too large to be sent ends its stream, on both sides", arguments: [true, false])
    func oversized(isHead: Bool) throws {
        let pair = Pair()
        let id = try #require(pair.client.session.submit(Pair.request(), endsStream: true))
        try pair.run()
        let large = String(repeating: "a", count: 300_000)
        if isHead {
            var answer = HTTPResponse(status: 200)
            answer.fields.add("x", large)
            pair.server.session.submit(answer, on: id, endsStream: true)
        } else {
            pair.server.answer(id)
            pair.server.end(id, [("x", large)])
        }
        try pair.run()
        #expect(pair.client.told.last == "reset 1 INTERNAL_ERROR" && pair.server.told.last == "reset 1 INTERNAL_ERROR")
        #expect(pair.server.session.openStreamCount == 0)
        let request = Pair.request(fields: [("x", large)])
        _ = pair.client.session.submit(request, endsStream: true)
        try pair.run()
        #expect(pair.client.told.last == "reset 3 REFUSED_STREAM" && pair.client.resets.last?.isOurs == true)
        #expect(pair.client.resets.last?.isUntouched == true)
        #expect(pair.client.session.openStreamCount == 0 && pair.client.session.failure == nil)
    }

    @Test("resets go both ways, and what was sent before arrives")
    func resets() throws {
        let pair = Pair()
        let first = try open(pair)
        pair.client.session.reset(first, .cancel)
        try pair.run()
        #expect(pair.server.told.suffix(1) == ["reset 1 CANCEL"])
        #expect(pair.server.resets.first?.isOurs == false && pair.server.resets.first?.isUntouched == false)
        let second = try open(pair)
        pair.server.answer(second)
        pair.server.send("half", on: second)
        try pair.run()
        pair.server.session.reset(second, .internalError)
        try pair.run()
        #expect(pair.client.told == ["head 3 200 chunked", "data 3 half", "reset 3 INTERNAL_ERROR"])
        let third = try open(pair)
        pair.server.session.reset(third, .refusedStream)
        try pair.run()
        #expect(pair.client.resets.last?.isUntouched == true && pair.client.resets.last?.code == .refusedStream)
        #expect(pair.client.session.openStreamCount == 0 && pair.server.session.openStreamCount == 0)
        // On streams that are over nothing happens.
        pair.server.answer(third)
        pair.server.send("x", on: third)
        pair.server.end(third)
        pair.client.session.consume(5, on: third)
        try pair.run()
        #expect(pair.client.session.failure == nil)
    }

    @Test("an answer before the end of the request goes out whole, and then the client is told to stop")
    func earlyAnswer() throws {
        let pair = Pair()
        pair.server.isQuietAboutData = true
        let id = try open(pair)
        pair.server.answer(id, 413, body: .length(100_000))
        pair.server.send([UInt8](repeating: 67, count: 100_000), on: id)
        pair.server.end(id)
        pair.server.session.reset(id, .noError)
        try pair.run()
        #expect(pair.client.receivedByteCount == 100_000)
        #expect(pair.client.told.suffix(2) == ["end 1", "reset 1 NO_ERROR"])
        #expect(pair.server.session.openStreamCount == 0)
        #expect(pair.client.resets.first?.isUntouched == false)
    }

    @Test("a server leaves in two steps, and finishes what it has")
    func serverLeaves() throws {
        let pair = Pair()
        let id = try open(pair)
        pair.server.session.announceLeaving()
        let crossing = try #require(pair.client.session.submit(Pair.request(), endsStream: true))
        try pair.run()
        #expect(pair.client.told == ["leaving"] && !pair.client.session.canOpenStream)
        #expect(pair.client.session.submit(Pair.request(), endsStream: true) == nil)
        #expect(pair.server.told.contains("head \(crossing) GET shop:80 /"))
        pair.server.session.finishLeaving()
        try pair.run()
        #expect(!pair.server.session.isFinished && !pair.client.session.isFinished)
        for stream in [id, crossing] {
            pair.server.answer(stream, body: .length(0), endsStream: true)
            if stream == id { pair.client.end(stream) }
        }
        try pair.run()
        #expect(pair.server.session.isFinished && pair.client.session.isFinished && pair.client.resets.isEmpty)
    }

    @Test("streams above the last one of a GOAWAY are untouched")
    func goAway() throws {
        let client = Peer(.client)
        try client.receive(Wire.settings)
        _ = client.session.submit(Pair.request(), endsStream: true)
        _ = client.session.submit(Pair.request(), endsStream: true)
        _ = client.output()
        // Not sent yet.
        _ = client.session.submit(Pair.request(), endsStream: true)
        try client.receive(Wire.goAway(last: 1))
        _ = client.output()
        #expect(client.told.first == "leaving")
        #expect(Set(client.told.dropFirst().map { $0.prefix(7) }) == ["reset 3", "reset 5"])
        #expect(client.resets.count == 2 && client.resets.allSatisfy(\.isUntouched))
        try client.receive(Wire.headers(1, [(":status", "200")]))
        #expect(client.told.suffix(2) == ["head 1 200 length=0", "end 1"] && client.session.isFinished)
    }

    @Test("a client leaves: it opens nothing, and its streams end")
    func clientLeaves() throws {
        let pair = Pair()
        let id = try open(pair)
        pair.client.session.announceLeaving()
        #expect(!pair.client.session.canOpenStream)
        pair.client.session.finishLeaving()
        try pair.run()
        #expect(pair.server.told.last == "leaving")
        pair.client.end(id)
        pair.server.answer(id, body: .length(0), endsStream: true)
        try pair.run()
        #expect(pair.client.session.isFinished)
    }

    @Test("the peer's limit of streams is kept, and ours is held against it")
    func streamLimit() throws {
        var settings = HTTP2Settings()
        settings.streams = 3
        let pair = Pair(settings)
        try pair.run()
        for _ in 0..<3 { _ = try open(pair) }
        #expect(pair.client.session.submit(Pair.request(), endsStream: true) == nil)
        pair.client.session.reset(1, .cancel)
        try pair.run()
        _ = try open(pair)
        let server = Peer(.server, settings)
        let heads = (0..<4).flatMap { Wire.headers($0 * 2 + 1, Wire.get) }
        try server.receive(Wire.start + heads)
        // Before our SETTINGS are known, a stream too much is merely refused.
        #expect(server.requests.count == 3 && Wire.code(3, in: server.output()) == "REFUSED_STREAM")
        #expect(throws: HTTP2Failure.self) {
            try server.receive(Wire.settingsAck + Wire.headers(9, Wire.get))
        }
    }

    @Test("a ping is answered and counted")
    func ping() throws {
        let pair = Pair()
        try pair.run()
        pair.client.session.ping()
        #expect(pair.client.session.unansweredPingCount == 1)
        try pair.run()
        #expect(pair.client.session.unansweredPingCount == 0)
    }

    @Test("the user may end, reset and answer from inside")
    func inside() throws {
        let pair = Pair()
        pair.server.whenRequested = { [server = pair.server] id, _ in
            if id == 1 { server.session.reset(id, .refusedStream) } else { server.answer(id, 204, endsStream: true) }
        }
        _ = pair.client.session.submit(Pair.request(), endsStream: true)
        _ = pair.client.session.submit(Pair.request(), endsStream: true)
        try pair.run()
        #expect(pair.server.told == ["head 1 GET shop:80 /", "head 3 GET shop:80 /", "end 3"])
        #expect(pair.client.told == ["reset 1 REFUSED_STREAM", "head 3 204", "end 3"])
    }

    @Test("a stream's bytes are asked for again and again until all is there")
    func streaming() throws {
        let pair = Pair()
        pair.server.isQuietAboutData = true
        let id = try open(pair)
        var left = 3_000_000
        func feed() {
            while left > 0, pair.client.session.pendingByteCount(on: id) < 65_536 {
                let count = min(left, 10_000)
                pair.client.send([UInt8](repeating: 1, count: count), on: id)
                left -= count
            }
            if left == 0 { pair.client.end(id) }
        }
        pair.client.whenRoom = { _ in feed() }
        feed()
        try pair.run()
        #expect(pair.server.receivedByteCount == 3_000_000 && pair.server.told.last == "end 1")
    }
    /// What a peer may send at once on a new stream, after it has sent so much in pieces that were taken at once, with such
    /// pauses between them.
    private func window(_ settings: HTTP2Settings, sending total: Int, every pause: Duration) throws -> Int {
        let pair = Pair(settings)
        pair.server.isQuietAboutData = true
        let id = try open(pair)
        var now = Instant(nanoseconds: 1_000_000_000)
        for _ in 0..<total / 40_000 {
            pair.client.send([UInt8](repeating: 1, count: 40_000), on: id)
            try pair.run(now: now)
            now = now + pause
        }
        let before = pair.server.receivedByteCount
        pair.server.consumes = false
        pair.client.send([UInt8](repeating: 1, count: 4_000_000), on: id)
        try pair.run(now: now)
        return pair.server.receivedByteCount - before
    }

    @Test("between sidecars the window of a stream that is taken quickly grows, to 1 MiB; that of a slow one does not")
    func growth() throws {
        let settings = HTTP2Settings().betweenSidecars
        let quick = try window(settings, sending: 8_000_000, every: .milliseconds(1))
        // Of the last piece not all has been given back.
        #expect((1 << 20) - 524_288...1 << 20 ~= quick, "\(quick)")
        let slow = try window(settings, sending: 8_000_000, every: .milliseconds(200))
        #expect(65_536 - 40_000...65_536 ~= slow, "\(slow)")
        let elsewhere = try window(HTTP2Settings(), sending: 8_000_000, every: .milliseconds(1))
        #expect(65_536 - 40_000...65_536 ~= elsewhere, "\(elsewhere)")
    }

    @Test("windows grow no further than the connection's allowance, which streams that end give back")
    func allowance() throws {
        var settings = HTTP2Settings().betweenSidecars
        settings.windowGrowthBytes = 65_536
        #expect(try window(settings, sending: 8_000_000, every: .milliseconds(1)) <= 131_072)
        let pair = Pair(settings)
        pair.server.isQuietAboutData = true
        for _ in 0..<4 {
            let id = try open(pair)
            for _ in 0..<20 {
                pair.client.send([UInt8](repeating: 1, count: 40_000), on: id)
                try pair.run()
            }
            pair.server.consumes = false
            let before = pair.server.receivedByteCount
            pair.client.send([UInt8](repeating: 1, count: 400_000), on: id)
            try pair.run()
            #expect(pair.server.receivedByteCount - before > 65_536)
            pair.client.session.reset(id, .cancel)
            try pair.run()
            pair.server.consumes = true
        }
    }

    @Test(
        "that some take nothing does not stop the others, however many they are and however far their windows have grown"
    )
    func sharing() throws {
        var settings = HTTP2Settings().betweenSidecars
        try keepAlong(settings)
        // As if all of the growth were with those that take nothing.
        settings.connectionWindowBytes -= settings.windowGrowthBytes
        settings.windowGrowthBytes = 0
        try keepAlong(settings)
    }

    private func keepAlong(_ settings: HTTP2Settings) throws {
        let pair = Pair(settings)
        pair.server.isQuietAboutData = true
        pair.server.consumes = false
        for _ in 0..<99 { pair.client.send([UInt8](repeating: 1, count: 200_000), on: try open(pair)) }
        try pair.run()
        #expect(pair.server.receivedByteCount == 99 * 65_536)
        pair.server.consumes = true
        pair.client.send([UInt8](repeating: 1, count: 2_000_000), on: try open(pair))
        try pair.run()
        #expect(pair.server.receivedByteCount == 99 * 65_536 + 2_000_000)
    }
}
