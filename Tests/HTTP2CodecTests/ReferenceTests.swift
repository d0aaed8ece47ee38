// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import HTTP2Codec
import HTTPCodec
import MeshModel
import Testing

/// Heads that refer to what came before, on the way in and on the way out.
@Suite("References to fields that came before")
struct ReferenceTests {
    /// A head that enters these fields, behind those of a GET.
    private static func entering(_ fields: [(String, String)]) -> [UInt8] {
        var block = Wire.block(Wire.get)
        for (name, value) in fields { block += [0x40] + Wire.text(Array(name.utf8)) + Wire.text(Array(value.utf8)) }
        return block
    }

    /// A head that refers to entries, the newest being zero, behind those of a GET.
    private static func referring(_ ages: [UInt8]) -> [UInt8] { Wire.block(Wire.get) + ages.map { 0x80 | (62 + $0) } }

    private static func head(_ stream: UInt32, _ block: [UInt8], ends: Bool = true) -> [UInt8] {
        Wire.frame(1, Wire.endHeaders | (ends ? Wire.endStream : 0), stream, block)
    }

    private static let entered = [
        ("x-one", "first"), ("x-two", "second"), ("cookie", "a=b"), ("accept", "all"), ("x-three", ""),
        ("via", "1.1 a"),
    ]

    struct Order: CustomTestStringConvertible {
        let testDescription: String
        let ages: [UInt8]
        let fields: String
    }

    @Test(
        "fields come in the order of their references, however these lie to each other",
        arguments: [
            Order(
                testDescription: "as they were entered", ages: [5, 4, 3, 2, 1, 0],
                fields: " [x-one: first] [x-two: second] [accept: all] [x-three: ] [via: 1.1 a] [cookie: a=b]"),
            Order(
                testDescription: "the other way round", ages: [0, 1, 2, 4, 5],
                fields: " [via: 1.1 a] [x-three: ] [accept: all] [x-two: second] [x-one: first]"),
            Order(
                testDescription: "one twice, and one again", ages: [2, 2, 1, 2, 1],
                fields: " [accept: all] [accept: all] [x-three: ] [accept: all] [x-three: ]"),
            Order(testDescription: "the oldest alone", ages: [5], fields: " [x-one: first]"),
            Order(testDescription: "the two newest", ages: [1, 0], fields: " [x-three: ] [via: 1.1 a]"),
        ])
    func order(_ order: Order) throws {
        let server = Peer(.server)
        try server.receive(Wire.start + Self.head(1, Self.entering(Self.entered)))
        try server.receive(Self.head(3, Self.referring(order.ages)))
        #expect(server.told.dropFirst(2) == ["head 3 GET shop /" + order.fields, "end 3"])
        // They are found like any others.
        let fields = try #require(server.requests.last?.fields)
        for (name, value) in Self.entered where order.fields.contains("[\(name):") {
            #expect(fields.first(name) == value)
        }
        #expect(fields.count == order.ages.count)
    }

    @Test("references are counted against the limits like the fields they stand for")
    func limits() throws {
        var http = HTTPSettings()
        http.fieldCount = 12
        http.headBytes = 700
        let server = Peer(.server, http: http)
        let fields = (0..<10).map { ("x-\($0)", String(repeating: "v", count: 20)) }
        try server.receive(Wire.start + Self.head(1, Self.entering(Array(fields[..<5]))))
        try server.receive(Self.head(3, Self.entering(Array(fields[5...]))))
        let ages = (0..<10).map { UInt8(9 - $0) }
        // 55 bytes each, and about 150 for the rest.
        try server.receive(Self.head(5, Self.referring(Array(ages[..<9]))))
        try server.receive(Self.head(7, Self.referring(ages + [0, 0, 0])))
        #expect(
            server.told.map { $0.prefix(6) } == ["head 1", "end 1", "head 3", "end 3", "head 5", "end 5", "reset "])
        #expect(server.requests.last?.fields.count == 9)
        #expect(server.resets.map(\.status) == [431])

        http.headBytes = 65_536
        let roomy = Peer(.server, http: http)
        try roomy.receive(Wire.start + Self.head(1, Self.entering(fields)))
        try roomy.receive(
            Self.head(3, Self.referring(ages + [0, 0])) + Self.head(5, Self.referring(ages + [2, 1, 0])))
        #expect(roomy.requests.last?.fields.count == 12)
        #expect(roomy.resets.map(\.status) == [431])
    }

    @Test("what may stand in a head is still judged among trailers")
    func trailers() throws {
        let server = Peer(.server)
        try server.receive(
            Wire.start + Self.head(1, Self.entering([("x-sum", "1"), ("x-forwarded-for", "::1"), ("via", "1.1 a")])))
        try server.receive(Self.head(3, Wire.block(Wire.get), ends: false))
        try server.receive(Self.head(3, [0x80 | 64, 0x80 | 63, 0x80 | 62]))
        #expect(server.told.last == "end 3 [x-sum: 1]")
    }

    @Test("an authority is judged again as soon as it is another one")
    func authorities() throws {
        let server = Peer(.server)
        let hosts = ["shop", "shop", "sh op", "shop", "", "shop:1", "shop:1"]
        var bytes = Wire.start
        for (index, host) in hosts.enumerated() {
            let fields = [(":method", "GET"), (":scheme", "http"), (":authority", host), (":path", "/")]
            bytes += Wire.headers(UInt32(index * 2 + 1), fields)
        }
        try server.receive(bytes)
        #expect(server.requests.map(\.authority) == ["shop", "shop", "shop", "shop:1", "shop:1"])
        #expect(server.resets.map(\.code.name) == ["PROTOCOL_ERROR", "PROTOCOL_ERROR"])
    }

    @Test("a value that is another in each head pushes nothing out; one that comes again is kept")
    func changing() throws {
        let pair = Pair()
        func size(_ client: Int) throws -> Int {
            let value = "10.0.0.1:\(40_000 + client)"
            let fields = [("user-agent", "curl/8.1.2"), ("x-client", value), ("x-team", "payments")]
            let id = try #require(pair.client.session.submit(Pair.request(fields: fields), endsStream: true))
            let bytes = pair.client.output()
            try pair.server.receive(bytes)
            pair.server.session.submit(HTTPResponse(status: 204), on: id, endsStream: true)
            try pair.client.receive(pair.server.output())
            #expect(pair.server.requests.last?.fields.first("x-client") == value)
            return try #require(Wire.frames(bytes).first { $0.type == 1 }?.payload.count)
        }
        // A few are kept, whatever their order.
        let first = try size(0)
        let known = try size(0)
        #expect(first > known + 20)
        for client in 1..<8 { _ = try size(client) }
        for client in (0..<8).reversed() { #expect(try size(client) == known, "client \(client)") }
        // More than the table holds, again and again: of each only its value is written, and all else is known as before.
        for round in 0..<3 {
            for client in 8..<200 {
                let size = try size(client)
                #expect(size == known + 2 + 14, "round \(round), client \(client)")
            }
        }
        for client in 0..<8 { #expect(try size(client) == known, "client \(client)") }
        // One that stays is kept after all.
        for _ in 0..<7 { #expect(try size(500) == known + 2 + 14) }
        #expect(try size(500) > known)
        #expect(try size(500) == known)
    }
}
