// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import HTTP2Codec
import HTTPCodec
import MeshModel
import Testing

@Suite("Messages over HTTP/2")
struct MessageTests {
    @Test("a request and its answer, however the bytes are cut", arguments: [1, 7, Int.max])
    func exchange(piece: Int) throws {
        var pair = Pair()
        pair.piece = piece
        let request = Pair.request("POST", "/cart?a=1", body: .chunked, fields: [("x-a", "1"), ("x-b", "2")])
        let id = try #require(pair.client.session.submit(request, endsStream: false))
        pair.client.send("hello ", on: id)
        try pair.run()
        pair.client.send("world", on: id)
        pair.client.end(id, [("checksum", "abc")])
        try pair.run()
        #expect(
            pair.server.told == [
                "head 1 POST shop:80 /cart?a=1 chunked [x-a: 1] [x-b: 2]", "data 1 hello world",
                "end 1 [checksum: abc]",
            ])
        #expect(pair.server.requests.first?.scheme == "http" && pair.server.requests.first?.isHTTP11 == true)
        var interim = HTTPResponse(status: 103)
        interim.fields.add("link", "</a>")
        pair.server.session.submit(interim, on: id, endsStream: false)
        pair.server.answer(id, body: .length(4))
        pair.server.send("done", on: id)
        pair.server.end(id, [("grpc-status", "0")])
        try pair.run()
        #expect(
            pair.client.told == [
                "head 1 103 [link: </a>]", "head 1 200 length=4", "data 1 done", "end 1 [grpc-status: 0]",
            ])
        #expect(pair.client.session.openStreamCount == 0 && pair.server.session.openStreamCount == 0)
        #expect(pair.server.session.hasSettingsAcknowledged && pair.server.session.hasSeenPreface)
        #expect(pair.server.session.hasSeenSettings && pair.client.session.failure == nil)
    }

    @Test("what has no body ends with its head")
    func bodiless() throws {
        let pair = Pair()
        var post = Pair.request("POST", body: .length(0))
        post.acceptsTrailers = true
        _ = pair.client.session.submit(Pair.request(), endsStream: true)
        _ = pair.client.session.submit(Pair.request("HEAD"), endsStream: true)
        _ = pair.client.session.submit(post, endsStream: true)
        try pair.run()
        #expect(
            pair.server.told == [
                "head 1 GET shop:80 /", "end 1", "head 3 HEAD shop:80 /", "end 3", "head 5 POST shop:80 / length=0",
                "end 5",
            ])
        #expect(pair.server.requests.map(\.acceptsTrailers) == [false, false, true])
        pair.server.answer(1, body: .length(0), endsStream: true)
        var head = HTTPResponse(status: 200)
        head.absentLength = 77
        pair.server.session.submit(head, on: 3, endsStream: true)
        pair.server.answer(5, 204, body: .none, endsStream: true)
        try pair.run()
        #expect(
            pair.client.told == ["head 1 200 length=0", "end 1", "head 3 200", "end 3", "head 5 204", "end 5"])
        #expect(pair.client.answers.map(\.absentLength) == [nil, 77, nil])
    }

    @Test("an end without trailers and without bytes")
    func emptyEnd() throws {
        let pair = Pair()
        let id = try #require(pair.client.session.submit(Pair.request("PUT", body: .chunked), endsStream: false))
        try pair.run()
        pair.client.end(id)
        try pair.run()
        #expect(pair.server.told == ["head 1 PUT shop:80 / chunked", "end 1"])
    }

    @Test("cookies in crumbs become one")
    func cookies() throws {
        let server = Peer(.server)
        try server.receive(
            Wire.start
                + Wire.headers(1, Wire.get + [("cookie", "a=1"), ("x", "y"), ("cookie", "b=2"), ("cookie", "c=3")]))
        #expect(server.told.first == "head 1 GET shop / [x: y] [cookie: a=1; b=2; c=3]")
    }

    @Test("Host takes the place of a missing :authority, and may repeat it")
    func host() throws {
        let server = Peer(.server)
        let without = Wire.get.filter { $0.0 != ":authority" }
        try server.receive(
            Wire.start + Wire.headers(1, without + [("host", "old.example:8080")])
                + Wire.headers(3, Wire.get + [("host", "SHOP")]))
        #expect(
            server.told == ["head 1 GET old.example:8080 /", "end 1", "head 3 GET shop /", "end 3"])
    }

    @Test("fields of one hop, framing and expectation are values, and do not travel as fields")
    func hopFields() throws {
        let pair = Pair()
        var request = Pair.request(
            "POST", body: .length(5),
            fields: [
                ("connection", "x-mine"), ("keep-alive", "1"), ("upgrade", "h2c"), ("transfer-encoding", "chunked"),
                ("content-length", "9"), ("host", "evil"), ("te", "gzip"), ("x-kept", "1"),
            ])
        request.expectsContinue = true
        request.acceptsTrailers = true
        _ = pair.client.session.submit(request, endsStream: false)
        try pair.run()
        #expect(pair.server.told == ["head 1 POST shop:80 / length=5 [x-kept: 1]"])
        let read = try #require(pair.server.requests.first)
        #expect(read.expectsContinue && read.acceptsTrailers && read.persists && read.upgrade == nil)
    }

    @Test("CONNECT is a tunnel, OPTIONS may be about the server")
    func otherTargets() throws {
        let server = Peer(.server)
        try server.receive(
            Wire.start + Wire.headers(1, [(":method", "CONNECT"), (":authority", "db:5432")], ends: false)
                + Wire.data(1, "abc")
                + Wire.headers(3, [(":method", "OPTIONS"), (":scheme", "https"), (":authority", "a"), (":path", "*")]))
        #expect(
            server.told == ["head 1 CONNECT db:5432  tunnel", "data 1 abc", "head 3 OPTIONS a *", "end 3"])
        #expect(server.requests.last?.scheme == "https")
    }

    /// What goes through HTTP/2 and on as HTTP/1 is read as it was.
    @Test("a request through HTTP/2 and HTTP/1 stays the same")
    func roundTrip() throws {
        var random = Chance(seed: 20_270_301)
        for _ in 0..<300 {
            let original = random.request()
            let pair = Pair()
            let ends = original.body == .none || original.body == .length(0)
            let id = try #require(pair.client.session.submit(original, endsStream: ends))
            if !ends {
                pair.client.send("12345", on: id)
                pair.client.end(id)
            }
            try pair.run()
            var carried = try #require(pair.server.requests.first, "\(original)")
            #expect(carried.scheme == "http")
            carried.scheme = nil
            #expect(carried == original)
            var bytes: [UInt8] = []
            HTTPWriter.append(carried, to: &bytes)
            var reader = RequestReader(HTTPSettings())
            var offset = 0
            guard case .head(let read)? = try reader.next(bytes.span.bytes, &offset) else {
                Issue.record("it is not read: \(original)")
                continue
            }
            #expect(read == original)
        }
    }
}

/// Requests by chance, of characters that are allowed and near the edge of being so.
struct Chance {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next(below limit: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % limit
    }

    private mutating func text(_ letters: String, _ range: ClosedRange<Int>) -> String {
        let letters = Array(letters)
        let count = range.lowerBound + next(below: range.count)
        return String((0..<count).map { _ in letters[next(below: letters.count)] })
    }

    mutating func request() -> HTTPRequest {
        let methods = ["GET", "POST", "PUT", "DELETE", "PATCH", "M-SEARCH", "x!#$%&'*+-.^_`|~"]
        let hosts = ["shop", "a-b_c.example:8080", "1.2.3.4:1", "[2001:db8::1]:443", "[::1]", "A~B"]
        var request = HTTPRequest(
            method: methods[next(below: methods.count)], authority: hosts[next(below: hosts.count)],
            target: "/" + text("abz09-._~!$&'()*+,;=:@%/?[]\"\\<>|^{}`", 0...30))
        for _ in 0..<next(below: 6) {
            let edge = "abz09!#$%&'*+-.^_`|~\"(),/:;<=>?@[]{}éÿ"
            let middle = text(edge + " \t", 0...20)
            request.fields.add(
                "x" + text("abz09!#$%&'*+-.^_`|~", 0...12),
                middle.isEmpty ? text(edge, 0...1) : text(edge, 1...1) + middle + text(edge, 1...1))
        }
        request.body = [.none, .length(0), .length(5), .chunked][next(below: 4)]
        request.acceptsTrailers = next(below: 2) == 0
        let hasBody = request.body == .length(5) || request.body == .chunked
        request.expectsContinue = hasBody && next(below: 3) == 0
        return request
    }
}
