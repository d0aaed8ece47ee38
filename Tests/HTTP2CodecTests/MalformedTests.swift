// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import HTTP2Codec
import HTTPCodec
import MeshModel
import Testing

struct HeadCase: CustomStringConvertible, Sendable {
    let description: String
    let fields: [(String, String)]
    let sentence: String
    var ends = true
}

/// RFC 9113 section 8, and what the reader of HTTP/1 refuses.
@Suite("Malformed messages")
struct MalformedTests {
    private static func get(_ fields: [(String, String)]) -> [(String, String)] { Wire.get + fields }

    private static func without(_ name: String, plus fields: [(String, String)] = []) -> [(String, String)] {
        Wire.get.filter { $0.0 != name } + fields
    }

    private static func with(_ name: String, _ value: String) -> [(String, String)] {
        Wire.get.map { $0.0 == name ? (name, value) : $0 }
    }

    static let heads: [HeadCase] = [
        HeadCase(description: "upper case", fields: get([("X-A", "1")]), sentence: "a field name is not in lower case"),
        HeadCase(description: "an empty name", fields: get([("", "1")]), sentence: "a field name is not a token"),
        HeadCase(
            description: "a blank in a name", fields: get([("x a", "1")]), sentence: "a field name is not a token"),
        HeadCase(
            description: "a colon in a name", fields: get([("x:a", "1")]), sentence: "a field name is not a token"),
        HeadCase(
            description: "CR LF in a name", fields: get([("x\r\ny", "1")]), sentence: "a field name is not a token"),
        HeadCase(
            description: "LF in a value", fields: get([("x", "1\nhost: evil")]),
            sentence: "a field value holds a control character"),
        HeadCase(
            description: "CR in a value", fields: get([("x", "a long value\rmore")]),
            sentence: "a field value holds a control character"),
        HeadCase(
            description: "NUL in a value", fields: get([("x", "a\0b")]),
            sentence: "a field value holds a control character"),
        HeadCase(
            description: "DEL in a value", fields: get([("x", "a\u{7f}b")]),
            sentence: "a field value holds a control character"),
        HeadCase(
            description: "a blank before a value", fields: get([("x", " a")]),
            sentence: "a field value begins or ends with a blank"),
        HeadCase(
            description: "a tab behind a value", fields: get([("x", "a\t")]),
            sentence: "a field value begins or ends with a blank"),
        HeadCase(
            description: "connection", fields: get([("connection", "close")]),
            sentence: "a field belongs to a connection of HTTP/1"),
        HeadCase(
            description: "transfer-encoding", fields: get([("transfer-encoding", "chunked")]),
            sentence: "a field belongs to a connection of HTTP/1"),
        HeadCase(
            description: "keep-alive", fields: get([("keep-alive", "1")]),
            sentence: "a field belongs to a connection of HTTP/1"),
        HeadCase(
            description: "proxy-connection", fields: get([("proxy-connection", "close")]),
            sentence: "a field belongs to a connection of HTTP/1"),
        HeadCase(
            description: "upgrade", fields: get([("upgrade", "websocket")]),
            sentence: "a field belongs to a connection of HTTP/1"),
        HeadCase(description: "te: gzip", fields: get([("te", "gzip")]), sentence: "TE is not `trailers`"),
        HeadCase(description: "te: two", fields: get([("te", "trailers, gzip")]), sentence: "TE is not `trailers`"),
        HeadCase(
            description: "an unknown pseudo-header field", fields: get([(":proto", "1")]),
            sentence: "a pseudo-header field is not one of requests"),
        HeadCase(
            description: ":protocol", fields: get([(":protocol", "websocket")]),
            sentence: "a pseudo-header field is not one of requests"),
        HeadCase(
            description: "upper case in a pseudo-header field", fields: get([(":Path", "/")]),
            sentence: "a pseudo-header field is not one of requests"),
        HeadCase(
            description: ":status", fields: get([(":status", "200")]),
            sentence: "a pseudo-header field is not one of requests"),
        HeadCase(
            description: "two methods", fields: get([(":method", "GET")]), sentence: "there is more than one :method"),
        HeadCase(
            description: "two schemes", fields: get([(":scheme", "http")]), sentence: "there is more than one :scheme"),
        HeadCase(description: "two paths", fields: get([(":path", "/")]), sentence: "there is more than one :path"),
        HeadCase(
            description: "two authorities", fields: get([(":authority", "shop")]),
            sentence: "there is more than one :authority"),
        HeadCase(
            description: "a late pseudo-header field", fields: without(":path", plus: [("x", "1"), (":path", "/")]),
            sentence: "a pseudo-header field stands behind a field"),
        HeadCase(description: "no method", fields: without(":method"), sentence: "a request has no :method"),
        HeadCase(description: "no scheme", fields: without(":scheme"), sentence: "a request has no :scheme"),
        HeadCase(description: "no path", fields: without(":path"), sentence: "a request has no :path"),
        HeadCase(
            description: "no authority", fields: without(":authority"),
            sentence: "a request has neither :authority nor Host"),
        HeadCase(description: "no fields", fields: [], sentence: "a request has no :method"),
        HeadCase(description: "an empty method", fields: with(":method", ""), sentence: "the :method is not a token"),
        HeadCase(
            description: "a method with a blank", fields: with(":method", "GET /x"),
            sentence: "the :method is not a token"),
        HeadCase(
            description: "a strange scheme", fields: with(":scheme", "file"),
            sentence: "the :scheme is neither http nor https"),
        HeadCase(
            description: "an empty authority", fields: with(":authority", ""),
            sentence: ":authority is not `host` or `host:port`"),
        HeadCase(
            description: "a user in the authority", fields: with(":authority", "me@shop"),
            sentence: ":authority is not `host` or `host:port`"),
        HeadCase(
            description: "a line end in the authority", fields: with(":authority", "shop\r\nx: y"),
            sentence: ":authority is not `host` or `host:port`"),
        HeadCase(
            description: "a path in the authority", fields: with(":authority", "shop/evil"),
            sentence: ":authority is not `host` or `host:port`"),
        HeadCase(
            description: "another host", fields: get([("host", "other")]), sentence: "Host is not the :authority"),
        HeadCase(
            description: "two hosts", fields: get([("host", "shop"), ("host", "shop")]),
            sentence: "there is more than one Host"),
        HeadCase(
            description: "an empty path", fields: with(":path", ""), sentence: "the :path does not begin with a slash"),
        HeadCase(
            description: "a path without slash", fields: with(":path", "a/b"),
            sentence: "the :path does not begin with a slash"),
        HeadCase(
            description: "an absolute path", fields: with(":path", "http://other/"),
            sentence: "the :path does not begin with a slash"),
        HeadCase(
            description: "a star for GET", fields: with(":path", "*"), sentence: "the :path `*` is for OPTIONS alone"),
        HeadCase(
            description: "a star and more", fields: with(":path", "*x"),
            sentence: "the :path does not begin with a slash"),
        HeadCase(
            description: "a blank in the path", fields: with(":path", "/ HTTP/1.1"),
            sentence: "the target holds bytes that must be encoded"),
        HeadCase(
            description: "a line end in the path", fields: with(":path", "/\r\nx: y"),
            sentence: "the target holds bytes that must be encoded"),
        HeadCase(
            description: "a fragment in the path", fields: with(":path", "/a#b"),
            sentence: "the target holds a fragment"),
        HeadCase(
            description: "UTF-8 in the path", fields: with(":path", "/é"),
            sentence: "the target holds bytes that must be encoded"),
        HeadCase(
            description: "CONNECT with a path",
            fields: [(":method", "CONNECT"), (":authority", "db:1"), (":path", "/")],
            sentence: "CONNECT has neither :scheme nor :path"),
        HeadCase(
            description: "CONNECT with a scheme",
            fields: [(":method", "CONNECT"), (":authority", "db:1"), (":scheme", "http")],
            sentence: "CONNECT has neither :scheme nor :path"),
        HeadCase(
            description: "CONNECT without port", fields: [(":method", "CONNECT"), (":authority", "[::1]")],
            sentence: "the :authority of CONNECT is not `host:port`"),
        HeadCase(
            description: "CONNECT with Host alone", fields: [(":method", "CONNECT"), ("host", "db:1")],
            sentence: "a request has neither :authority nor Host"),
        HeadCase(
            description: "two lengths", fields: get([("content-length", "1"), ("content-length", "1")]),
            sentence: "there is more than one Content-Length", ends: false),
        HeadCase(
            description: "a length with a sign", fields: get([("content-length", "+1")]),
            sentence: "Content-Length is not one number", ends: false),
        HeadCase(
            description: "a length without body", fields: get([("content-length", "1")]),
            sentence: "the body is shorter than Content-Length says"),
    ]

    @Test("a request that is malformed ends its stream, with a sentence; the next one is heard", arguments: heads)
    func request(_ head: HeadCase) throws {
        let server = Peer(.server)
        try server.receive(Wire.start + Wire.headers(1, head.fields, ends: head.ends) + Wire.headers(3, Wire.get))
        #expect(server.told == ["reset 1 PROTOCOL_ERROR", "head 3 GET shop /", "end 3"])
        let reset = try #require(server.resets.first)
        #expect(reset.detail == head.sentence && reset.isOurs && !reset.isUntouched && reset.status == nil)
        #expect(Wire.code(3, in: server.output()) == "PROTOCOL_ERROR")
    }

    static let answers: [HeadCase] = [
        HeadCase(description: "no status", fields: [("x", "1")], sentence: "a response has no :status"),
        HeadCase(
            description: "two", fields: [(":status", "200"), (":status", "200")],
            sentence: "there is more than one :status"),
        HeadCase(description: "letters", fields: [(":status", "2x0")], sentence: "the status is not three digits"),
        HeadCase(description: "four digits", fields: [(":status", "2000")], sentence: "the status is not three digits"),
        HeadCase(
            description: "too low", fields: [(":status", "099")], sentence: "the status is not one from 100 to 599"),
        HeadCase(
            description: "of a request", fields: [(":path", "/")],
            sentence: "a pseudo-header field is not one of responses"),
        HeadCase(
            description: "101", fields: [(":status", "101")], sentence: "a response of HTTP/2 switches protocols",
            ends: false),
        HeadCase(
            description: "an interim end", fields: [(":status", "103")], sentence: "an interim response ends its stream"
        ),
        HeadCase(
            description: "204 with a length", fields: [(":status", "204"), ("content-length", "5")],
            sentence: "a response that has no body says how long it is"),
        HeadCase(
            description: "shorter than said", fields: [(":status", "200"), ("content-length", "5")],
            sentence: "the body is shorter than Content-Length says"),
        HeadCase(
            description: "of one hop", fields: [(":status", "200"), ("connection", "x")],
            sentence: "a field belongs to a connection of HTTP/1"),
        HeadCase(
            description: "splitting", fields: [(":status", "200"), ("x", "a\r\n\r\nb")],
            sentence: "a field value holds a control character"),
    ]

    @Test("a response that is malformed ends its stream", arguments: answers)
    func answer(_ head: HeadCase) throws {
        let client = Peer(.client)
        try client.receive(Wire.settings)
        let id = try #require(client.session.submit(Pair.request(), endsStream: true))
        _ = client.output()
        try client.receive(Wire.headers(UInt32(id), head.fields, ends: head.ends))
        #expect(client.told == ["reset 1 PROTOCOL_ERROR"] && client.resets.first?.detail == head.sentence)
        #expect(Wire.code(3, in: client.output()) == "PROTOCOL_ERROR")
    }

    private static let post = Wire.get + [("content-length", "3")]

    @Test(
        "a body that is not what its head says",
        arguments: [
            (Wire.headers(1, post, ends: false) + Wire.data(1, "abcd"), "longer"),
            (Wire.headers(1, post, ends: false) + Wire.data(1, "ab") + Wire.data(1, "cd"), "longer"),
            (Wire.headers(1, post, ends: false) + Wire.data(1, "ab", ends: true), "shorter"),
            (Wire.headers(1, post, ends: false) + Wire.data(1, "ab") + Wire.headers(1, [("x", "y")]), "shorter"),
            (
                Wire.headers(1, Wire.get, ends: false) + Wire.headers(1, [("x", "y")], ends: false),
                "trailers do not end their stream"
            ),
            (
                Wire.headers(1, Wire.get, ends: false) + Wire.headers(1, [(":path", "/x")]),
                "a pseudo-header field stands among the trailers"
            ),
            (
                Wire.headers(1, Wire.get, ends: false) + Wire.headers(1, [("connection", "close")]),
                "a field belongs to a connection of HTTP/1"
            ),
            (
                Wire.headers(1, Wire.get, ends: false) + Wire.headers(1, [("x", "a\nb")]),
                "a field value holds a control character"
            ),
        ])
    func body(_ frames: [UInt8], _ sentence: String) throws {
        let server = Peer(.server)
        try server.receive(Wire.start + frames)
        #expect(server.told.last == "reset 1 PROTOCOL_ERROR")
        #expect(server.resets.first?.detail.contains(sentence) == true, "\(server.resets)")
        #expect(Wire.code(3, in: server.output()) == "PROTOCOL_ERROR")
    }

    @Test("a body in answer to HEAD, and DATA before any head")
    func unexpectedBody() throws {
        let client = Peer(.client)
        try client.receive(Wire.settings)
        _ = client.session.submit(Pair.request("HEAD"), endsStream: true)
        _ = client.session.submit(Pair.request(), endsStream: true)
        _ = client.output()
        try client.receive(Wire.headers(1, [(":status", "200")], ends: false) + Wire.data(1, "x"))
        #expect(client.told.last == "reset 1 PROTOCOL_ERROR")
        try client.receive(Wire.data(3, "x"))
        #expect(client.told.last == "reset 3 PROTOCOL_ERROR" && Wire.code(3, in: client.output()) == "PROTOCOL_ERROR")
        #expect(client.resets.last?.detail == "DATA comes before a head")
    }

    @Test("DATA between an interim answer and the one that counts")
    func bodyOfInterim() throws {
        let client = Peer(.client)
        try client.receive(Wire.settings)
        _ = client.session.submit(Pair.request(), endsStream: true)
        _ = client.output()
        try client.receive(Wire.headers(1, [(":status", "103")], ends: false) + Wire.data(1, "x"))
        #expect(client.told == ["head 1 103", "reset 1 PROTOCOL_ERROR"])
        #expect(client.resets.first?.detail == "DATA comes before a head")
    }

    @Test("trailers that would change what was judged are dropped")
    func lateFields() throws {
        let server = Peer(.server)
        try server.receive(
            Wire.start + Wire.headers(1, Wire.get, ends: false)
                + Wire.headers(1, [("authorization", "x"), ("te", "trailers"), ("x-weft-caller", "me"), ("kept", "1")]))
        #expect(server.told.last == "end 1 [kept: 1]")
    }

    @Test(
        "a request that is whole but not taken is answered, with the sentence as body",
        arguments: [
            (Wire.get + [("x", String(repeating: "a", count: 5000))], 431, "head exceeds"),
            (Wire.get + (0..<20).map { ("x\($0)", "1") }, 431, "number of fields"),
            (with(":path", "/" + String(repeating: "a", count: 2000)), 414, "target"),
            (Wire.get + [("expect", "a miracle")], 417, "100-continue"),
        ])
    func refusal(_ fields: [(String, String)], _ status: Int, _ sentence: String) throws {
        var http = HTTPSettings()
        http.headBytes = 4096
        http.fieldCount = 16
        http.targetBytes = 1024
        let server = Peer(.server, http: http)
        try server.receive(
            Wire.start + Wire.headers(1, fields, ends: false) + Wire.data(1, "more") + Wire.headers(3, Wire.get))
        #expect(server.told == ["reset 1 NO_ERROR", "head 3 GET shop /", "end 3"])
        #expect(server.resets.first?.status == status && server.resets.first?.detail.contains(sentence) == true)
        let client = Peer(.client)
        _ = client.session.submit(Pair.request("POST", body: .chunked), endsStream: false)
        _ = client.output()
        try client.receive(server.output())
        let heads = client.told.filter { $0.hasPrefix("head 1 \(status) length=") }
        #expect(heads.count == 1 && client.told.contains { $0.hasPrefix("data 1 the ") || $0.hasPrefix("data 1 of ") })
        #expect(client.told.suffix(2) == ["end 1", "reset 1 NO_ERROR"])
        #expect(server.session.openStreamCount == 1)
    }
}
