// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import HTTP2Codec
import HTTPCodec
import MeshModel
import Testing

@Suite("Rules of the connection")
struct ConnectionTests {
    @Test(
        "what ends a connection says why, to the peer and to us",
        arguments: [
            (Array("GET / HTTP/1.1\r\nhost: a\r\n\r\n".utf8), "PROTOCOL_ERROR", "preface"),
            (Wire.preface + Wire.ping, "PROTOCOL_ERROR", "SETTINGS"),
            (Wire.start + Wire.frame(0, 0, 0, [1]), "PROTOCOL_ERROR", "stream 0"),
            (Wire.start + Wire.data(1, "x"), "PROTOCOL_ERROR", "idle"),
            (Wire.start + Wire.headers(2, Wire.get), "PROTOCOL_ERROR", "even number"),
            (Wire.start + Wire.frame(9, 4, 1, []), "PROTOCOL_ERROR", "CONTINUATION"),
            (Wire.start + Wire.frame(5, 4, 1, [0, 0, 0, 2]), "PROTOCOL_ERROR", "PUSH_PROMISE"),
            (Wire.start + Wire.frame(0xee, 0, 0, [UInt8](repeating: 0, count: 16_385)), "FRAME_SIZE_ERROR", "larger"),
            (Wire.start + Wire.frame(6, 0, 0, [1]), "FRAME_SIZE_ERROR", "wrong size"),
            (Wire.start + Wire.frame(3, 0, 1, [1]), "FRAME_SIZE_ERROR", "wrong size"),
            (Wire.start + Wire.reset(1, 0), "PROTOCOL_ERROR", "idle"),
            (Wire.start + Wire.windowUpdate(0, 0), "PROTOCOL_ERROR", "WINDOW_UPDATE"),
            (Wire.start + Wire.windowUpdate(0, 0x7fff_ffff), "FLOW_CONTROL_ERROR", "window"),
            (Wire.start + Wire.frame(4, 0, 0, [0, 4, 0xff, 0xff, 0xff, 0xff]), "FLOW_CONTROL_ERROR", "SETTINGS"),
            (Wire.start + Wire.frame(4, 0, 0, [0, 2, 0, 0, 0, 9]), "PROTOCOL_ERROR", "SETTINGS"),
            (Wire.start + Wire.headers(1, Wire.get) + Wire.data(1, "x"), "STREAM_CLOSED", "DATA"),
            (
                Wire.start + Wire.headers(1, Wire.get, ends: false)
                    + Wire.frame(0, 8, 1, [9, 1, 2]), "PROTOCOL_ERROR", "padding"
            ),
            (
                Wire.start + Wire.frame(1, 1, 1, Wire.block(Wire.get)) + Wire.ping, "PROTOCOL_ERROR", "CONTINUATION"
            ),
        ])
    func failures(_ bytes: [UInt8], _ code: String, _ word: String) throws {
        for piece in [1, Int.max] {
            let server = Peer(.server)
            let failure = #expect(throws: HTTP2Failure.self) { try server.receive(bytes, piece: piece) }
            #expect(failure?.code.name == code && failure?.limit == nil)
            #expect(failure?.sentence.contains(word) == true)
            #expect(Wire.code(7, in: server.output()) == code && server.session.isFinished)
            #expect(!server.session.hasOutput)
        }
    }

    @Test("a client hears of PUSH_PROMISE only as of a mistake")
    func push() throws {
        let client = Peer(.client)
        try client.receive(Wire.settings)
        _ = client.session.submit(Pair.request(), endsStream: true)
        _ = client.output()
        let failure = #expect(throws: HTTP2Failure.self) {
            try client.receive(Wire.frame(5, 4, 1, Wire.number(2) + Wire.block(Wire.get)))
        }
        #expect(failure?.code == .protocolError && failure?.sentence.contains("PUSH_PROMISE") == true)
    }

    @Test("more than the window is a failure")
    func window() throws {
        let server = Peer(.server)
        server.consumes = false
        server.isQuietAboutData = true
        try server.receive(Wire.start + Wire.settingsAck + Wire.headers(1, Wire.get, ends: false))
        let full = Wire.frame(0, 0, 1, [UInt8](repeating: 1, count: 16_384))
        for _ in 0..<4 { try server.receive(full) }
        _ = server.output()
        try server.receive(full)
        #expect(server.receivedByteCount == 65_536)
        #expect(server.told.last == "reset 1 FLOW_CONTROL_ERROR")
        #expect(server.resets.first?.isOurs == true && Wire.code(3, in: server.output()) == "FLOW_CONTROL_ERROR")
    }

    @Test("our SETTINGS say what we take")
    func settings() throws {
        var settings = HTTP2Settings()
        settings.streams = 7
        settings.streamWindowBytes = 100_000
        for (role, expected) in [
            (HTTP2Session.Role.server, [3: 7, 4: 100_000, 6: 65_536, 9: 1] as [Int: Int]),
            (.client, [2: 0, 4: 100_000, 6: 65_536, 9: 1]),
        ] {
            let frames = Wire.frames(Peer(role, settings).output())
            let payload = try #require(frames.first { $0.type == 4 }?.payload)
            var told: [Int: Int] = [:]
            for start in stride(from: 0, to: payload.count, by: 6) {
                told[Int(payload[start + 1])] = payload[start + 2..<start + 6].reduce(0) { $0 << 8 | Int($1) }
            }
            #expect(told == expected)
            let update = try #require(frames.first { $0.type == 8 })
            #expect(update.stream == 0 && update.payload == Wire.number(1_048_576 - 65_535))
        }
    }

    @Test("a session can end at any point, and none of its memory with it")
    func ends() throws {
        weak var session: HTTP2Session?
        do {
            let pair = Pair()
            session = pair.server.session
            let id = try #require(pair.client.session.submit(Pair.request("POST", body: .chunked), endsStream: false))
            pair.client.send([UInt8](repeating: 1, count: 100_000), on: id)
            try pair.run()
            pair.server.answer(id)
            pair.server.send([UInt8](repeating: 1, count: 100_000), on: id)
        }
        #expect(session == nil)
    }

    @Test("an end by ourselves tells its reason")
    func ownEnd() throws {
        let server = Peer(.server)
        try server.receive(Wire.start)
        server.session.end(.settingsTimeout)
        #expect(Wire.code(7, in: server.output()) == "SETTINGS_TIMEOUT" && server.session.isFinished)
    }
}
