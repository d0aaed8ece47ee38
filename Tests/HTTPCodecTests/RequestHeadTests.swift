// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import HTTPCodec
import MeshTesting
import Testing

@Suite("Heads of HTTP requests")
struct RequestHeadTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let text: String
        let method: String
        let target: String
        let isHTTP11: Bool
        let fields: [String]

        init(_ text: String, _ method: String, _ target: String, isHTTP11: Bool = true, _ fields: [String]) {
            self.text = text
            self.method = method
            self.target = target
            self.isHTTP11 = isHTTP11
            self.fields = fields
        }

        var testDescription: String { text.debugDescription }
    }

    static let cases = [
        Case("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET", "/", ["host: a"]),
        Case("GET /ready HTTP/1.0\r\n\r\n", "GET", "/ready", isHTTP11: false, []),
        Case(
            "PUT /log-level?x=%20y HTTP/1.1\r\nHOST:a\r\nContent-Length: \t 5 \t\r\n\r\n", "PUT", "/log-level?x=%20y",
            ["host: a", "content-length: 5"]),
        Case("GET * HTTP/1.1\r\nHost:\r\nX-Empty:   \r\n\r\n", "GET", "*", ["host: ", "x-empty: "]),
        Case(
            "M-SEARCH http://a/b HTTP/1.1\r\nhost: [::1]:80\r\nAccept: a, b;q=\"x y\"\r\nAccept: \u{e9}\r\n\r\n",
            "M-SEARCH",
            "http://a/b", ["host: [::1]:80", "accept: a, b;q=\"x y\"", "accept: \u{e9}"]),
    ]

    private static func parse(
        _ text: String, _ limits: HeadLimits = HeadLimits()
    ) throws(HeadError) -> (head: RequestHead, length: Int)? {
        try RequestHeadParser(limits).parse(Array(text.utf8))
    }

    @Test("a whole one is read, and what follows it is left alone", arguments: cases)
    func whole(_ item: Case) throws {
        for body in ["", "hello", "GET / HTTP/1.1\r\n", "\n\0\r"] {
            let (head, length) = try #require(try Self.parse(item.text + body))
            #expect(length == item.text.utf8.count)
            #expect(head.method == item.method && head.target == item.target && head.isHTTP11 == item.isHTTP11)
            #expect(head.fields.map { "\($0.name): \($0.value)" } == item.fields)
        }
    }

    @Test("every prefix asks for more", arguments: cases)
    func prefixes(_ item: Case) throws {
        let bytes = Array(item.text.utf8)
        for count in 0..<bytes.count {
            let result = try RequestHeadParser().parse(Array(bytes.prefix(count)))
            #expect(result == nil, "\(count) bytes")
        }
    }

    @Test("a field's value is told only if it stands once")
    func values() throws {
        let text = "GET /a?b HTTP/1.1\r\nHost: a\r\nX: 1\r\nX: 2\r\n\r\n"
        let (head, _) = try #require(try Self.parse(text))
        #expect(head.value("host") == "a")
        #expect(head.value("x") == nil)
        #expect(head.value("y") == nil)
        #expect(head.path == "/a")
    }

    struct Limit: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let text: String
        let error: HeadError?

        init(_ name: String, _ text: String, _ error: HeadError?) {
            testDescription = name
            self.text = text
            self.error = error
        }
    }

    private static let limits: HeadLimits = {
        var limits = HeadLimits()
        limits.headBytes = 200
        limits.fieldCount = 4
        limits.targetBytes = 50
        return limits
    }()

    private static func padded(to count: Int) -> String {
        let (start, end) = ("GET / HTTP/1.0\r\nA: ", "\r\n\r\n")
        return start + String(repeating: "x", count: count - start.utf8.count - end.utf8.count) + end
    }

    private static func beginning(_ count: Int) -> String {
        String(decoding: Array(padded(to: 300).utf8.prefix(count)), as: UTF8.self)
    }

    @Test(
        "limits hold to the byte",
        arguments: [
            Limit("a head of the limit", padded(to: 200), nil),
            Limit("a head beyond it", padded(to: 201), .tooLarge("head", 200)),
            Limit("no end before the limit", beginning(200), nil),
            Limit("no end beyond it", beginning(201), .tooLarge("head", 200)),
            Limit("four fields", "GET / HTTP/1.0\r\n" + String(repeating: "A: b\r\n", count: 4) + "\r\n", nil),
            Limit(
                "five fields", "GET / HTTP/1.0\r\n" + String(repeating: "A: b\r\n", count: 5) + "\r\n",
                .tooLarge("number of fields", 4)),
            Limit("a target of 50", "GET " + String(repeating: "/", count: 50) + " HTTP/1.0\r\n\r\n", nil),
            Limit(
                "a target of 51", "GET " + String(repeating: "/", count: 51) + " HTTP/1.0\r\n\r\n",
                .tooLarge("target", 50)),
        ])
    func limits(_ item: Limit) {
        var found: HeadError?
        do throws(HeadError) {
            _ = try Self.parse(item.text, Self.limits)
        } catch {
            found = error
        }
        #expect(found == item.error)
        #expect(item.error.map { [414, 431].contains($0.status) } ?? true)
    }
}
