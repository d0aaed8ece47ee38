// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import HTTP2Codec
import HTTPCodec
import MeshModel
import Testing

@Suite("Compression of heads")
struct CompressionTests {
    private static func bytes(_ hexadecimal: String) -> [UInt8] {
        let digits = Array(hexadecimal.filter { !$0.isWhitespace })
        return stride(from: 0, to: digits.count, by: 2).compactMap { UInt8(String(digits[$0...$0 + 1]), radix: 16) }
    }

    private static func head(_ stream: UInt32, _ hexadecimal: String) -> [UInt8] {
        Wire.frame(1, Wire.endStream | Wire.endHeaders, stream, bytes(hexadecimal))
    }

    @Test("the requests of RFC 7541 appendix C, plain and in Huffman's code, each of which refers to the one before")
    func requests() throws {
        let plain = [
            "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d", "8286 84be 5808 6e6f 2d63 6163 6865",
            "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
        ]
        let coded = [
            "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff", "8286 84be 5886 a8eb 1064 9cbf",
            "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
        ]
        for blocks in [plain, coded] {
            let server = Peer(.server)
            try server.receive(Wire.start)
            for (index, block) in blocks.enumerated() {
                try server.receive(Self.head(UInt32(index * 2 + 1), block))
            }
            #expect(
                server.told.filter { $0.hasPrefix("head") } == [
                    "head 1 GET www.example.com /", "head 3 GET www.example.com / [cache-control: no-cache]",
                    "head 5 GET www.example.com /index.html [custom-key: custom-value]",
                ])
            #expect(server.requests.map(\.scheme) == ["http", "http", "https"])
        }
    }

    @Test("the responses of RFC 7541 appendix C.6, for which the table is too small")
    func responses() throws {
        let client = Peer(.client)
        try client.receive(Wire.settings)
        for _ in 0..<3 { _ = client.session.submit(Pair.request(), endsStream: true) }
        let blocks = [
            // The table is made as small as the appendix has it.
            """
            3fe1 01 4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad
            1718 63c7 8f0b 97c8 e9ae 82ae 43d3
            """,
            "4883 640e ffc1 c0bf",
            """
            88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335
            dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07
            """,
        ]
        for (index, block) in blocks.enumerated() { try client.receive(Self.head(UInt32(index * 2 + 1), block)) }
        let last = try #require(client.answers.last)
        #expect(client.answers.map(\.status) == [302, 307, 200])
        #expect(
            client.answers.map { $0.fields.first("date") } == [
                "Mon, 21 Oct 2013 20:13:21 GMT", "Mon, 21 Oct 2013 20:13:21 GMT", "Mon, 21 Oct 2013 20:13:22 GMT",
            ])
        #expect(client.answers.allSatisfy { $0.fields.first("location") == "https://www.example.com" })
        #expect(client.answers.allSatisfy { $0.fields.first("cache-control") == "private" })
        #expect(last.fields.first("content-encoding") == "gzip")
        #expect(last.fields.first("set-cookie") == "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1")
    }

    @Test(
        "what no encoder writes ends the connection",
        arguments: [
            ("80", "index 0"), ("ff 80 80 80 80 01", "an index without end"), ("be", "an index of an empty table"),
            ("7f ff ff ff ff 0f", "a number of more than 24 bits"), ("40", "a field that ends before its name"),
            ("40 05 6162", "a name that ends early"), ("40 01 61", "no value"), ("40 01 61 05 62", "half a value"),
            ("82 20", "a size update behind a field"), ("3f e2 1f", "a table larger than we allow"),
            ("40 81 ff 01 62", "a padding of eight bits"), ("40 81 18 01 62", "a padding of zeros"),
            ("40 84 ffff fffc 01 62", "the end symbol"), ("1f", "half a number"),
        ])
    func broken(_ block: String, _ what: String) throws {
        let server = Peer(.server)
        let failure = #expect(throws: HTTP2Failure.self) { try server.receive(Wire.start + Self.head(1, block)) }
        #expect(failure?.code == .compressionError, "\(what)")
        #expect(Wire.code(7, in: server.output()) == "COMPRESSION_ERROR" && server.requests.isEmpty)
    }

    @Test("every byte passes in Huffman's code as it does without")
    func allBytes() throws {
        // The codes as the RFC prints them, for some of each length.
        let codes: [(Character, String, Int)] = [
            ("0", "00", 5), ("a", "18", 5), (" ", "50", 6), ("A", "84", 6), (":", "b8", 7), ("&", "f8", 8),
            ("!", "fe00", 10), ("'", "ff40", 11), ("#", "ffa0", 12), ("$", "ffc8", 13), ("<", "fff8", 15),
        ]
        for (character, code, length) in codes {
            var coded = Self.bytes(code)
            coded[coded.count - 1] |= UInt8(truncatingIfNeeded: (1 << (coded.count * 8 - length)) - 1)
            let server = Peer(.server)
            // Between letters, so that no blank stands at the end of the value.
            let block = Wire.block(Wire.get) + [0x00, 0x01, 0x78, UInt8(0x80 | coded.count)] + coded
            try server.receive(Wire.start + Wire.frame(1, 5, 1, block))
            let isBlank = character == " "
            #expect(server.requests.first?.fields.first("x") == (isBlank ? nil : String(character)))
            #expect(isBlank == (server.resets.first?.detail == "a field value begins or ends with a blank"))
        }
    }

    @Test("what comes again takes a byte, and what is different each time or secret is never put into the table")
    func references() throws {
        let pair = Pair()
        func blocks(_ requestID: String) throws -> [UInt8] {
            let request = Pair.request(
                "GET", "/orders/\(requestID)",
                fields: [
                    ("user-agent", "curl/8.1.2"), ("x-team", "payments"), ("x-request-id", requestID),
                    ("authorization", "Bearer a-token-of-some-length"),
                ])
            _ = try #require(pair.client.session.submit(request, endsStream: true))
            let bytes = pair.client.output()
            try pair.server.receive(bytes)
            return try #require(Wire.frames(bytes).first { $0.type == 1 }?.payload)
        }
        let first = try blocks("00000001")
        let second = try blocks("00000002")
        // :method, :scheme, :authority, user-agent and x-team in a byte each; path, x-request-id and authorization as text.
        let texts = 2 + 16 + 2 + 12 + 1 + 8 + 3 + 29
        #expect(second.count == 5 + texts, "\(second.count)")
        #expect(first.count > second.count + 30)
        #expect(try blocks("00000003").count == second.count)
        // A literal that nobody may index (RFC 7541 section 6.2.3), with the name at 23 of the static table.
        #expect(second.contains(0x1f) && second[(second.firstIndex(of: 0x1f) ?? 0) + 1] == 8)
        #expect(pair.server.requests.last?.fields.first("authorization") == "Bearer a-token-of-some-length")
    }

    @Test("a peer that keeps no table, or a small one, or another one later, understands everything")
    func limits() throws {
        for limits in [[0], [100], [0, 4096], [60, 50, 1000], [1 << 30]] as [[UInt32]] {
            let client = Peer(.client)
            // The decoder keeps to what it is told in the blocks.
            let server = Peer(.server)
            try client.receive(Wire.settings)
            try server.receive(client.output())
            for (round, limit) in ([4096] + limits).enumerated() {
                try client.receive(Wire.frame(4, 0, 0, [0, 1] + Wire.number(limit)))
                for index in 0..<20 {
                    let request = Pair.request(fields: [("x-\(index % 7)", "value \(index % 5)"), ("x-b", "\(round)")])
                    let id = try #require(client.session.submit(request, endsStream: true))
                    try server.receive(client.output())
                    #expect(server.requests.last?.fields == request.fields)
                    server.session.submit(HTTPResponse(status: 204), on: id, endsStream: true)
                    try client.receive(server.output())
                }
            }
            #expect(client.session.openStreamCount == 0)
        }
    }

    @Test("thousands of heads over one connection, and both sides stay in step")
    func manyHeads() throws {
        var random = Chance(seed: 7541)
        let pair = Pair()
        for round in 0..<2000 {
            var request = random.request()
            request.body = .none
            request.expectsContinue = false
            for _ in 0..<random.next(below: 4) {
                // The same names and values come again, or values that push others out.
                request.fields.add("x-kept-\(random.next(below: 40))", "value \(random.next(below: 3))")
            }
            if random.next(below: 20) == 0 {
                request.fields.add("x-large", String(repeating: "l", count: random.next(below: 6000)))
            }
            let id = try #require(pair.client.session.submit(request, endsStream: true))
            try pair.run()
            let carried = try #require(pair.server.requests.last)
            #expect(carried.fields == request.fields && carried.target == request.target, "round \(round)")
            pair.server.answer(id, [200, 204, 301, 404, 503][random.next(below: 5)], body: .none, endsStream: true)
            try pair.run()
        }
        #expect(pair.client.session.openStreamCount == 0 && pair.server.session.openStreamCount == 0)
    }
}
