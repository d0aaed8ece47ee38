// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// What load generator and server say to each other: just enough of HTTP/1.1 that curl could take part too.
enum Wire {
    /// The answer to a small request, of the size that a small JSON answer has.
    static let smallByteCount = 128

    static func request(byteCount: Int) -> [UInt8] {
        Array("GET /bytes/\(byteCount) HTTP/1.1\r\nHost: benchmark\r\nUser-Agent: weft-benchmark\r\n\r\n".utf8)
    }

    /// A request that shows in a packet capture.
    static func request(marked marker: String) -> [UInt8] {
        Array("GET /bytes/1 HTTP/1.1\r\nHost: benchmark\r\nUser-Agent: \(marker)\r\n\r\n".utf8)
    }

    static func head(byteCount: Int) -> [UInt8] {
        Array("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: \(byteCount)\r\n\r\n".utf8)
    }

    /// What of an answer there is to receive in all.
    static func answerByteCount(_ byteCount: Int) -> Int { head(byteCount: byteCount).count + byteCount }

    /// How many bytes a request asks for; nil if it is none of ours.
    static func wantedByteCount(_ request: ArraySlice<UInt8>) -> Int? {
        let prefix = Array("GET /bytes/".utf8)
        guard request.starts(with: prefix) else { return nil }
        var count = 0
        for byte in request.dropFirst(prefix.count) {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { break }
            count = count * 10 + Int(byte - UInt8(ascii: "0"))
            guard count <= 1 << 40 else { return nil }
        }
        return count
    }

    static let endOfHead = Array("\r\n\r\n".utf8)
}

/// A call of one service by another, with the fields that such calls have: the same in HTTP/1.1 and in HTTP/2.
enum Call {
    static let host = "orders.shop.example"
    static let path = "/orders/10042?expand=items"
    /// Those that are the same in every request; HTTP/2 sends them once.
    static let constantFields = [
        ("user-agent", "shop-frontend/4.11.2 (linux; amd64)"), ("accept", "application/json"),
        ("accept-encoding", "gzip, deflate, br"), ("accept-language", "en-GB,en;q=0.8"),
        (
            "authorization",
            "Bearer eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJzaG9wLWZyb250ZW5kIiwiZXhwIjoxOTAwMDAwMDAwfQ.c2ln"
        ),
        ("cookie", "session=7f2d9c04a1b84e6f; theme=dark"), ("x-tenant", "blue"),
    ]
    /// Those that differ in every request of real clients, so that HTTP/2 sends them each time. The trace is not sampled, as
    /// most are not: of a sampled one Weft would keep spans, which the others have none of.
    static let changingFields = [
        ("x-request-id", "5f0c2a4e-8d1b-4f7a-9c3e-2b6d8e0f1a57"),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"),
    ]
    /// Beside `content-length`.
    static let answerFields = [
        ("content-type", "application/json"), ("date", "Thu, 01 Jan 2026 00:00:00 GMT"), ("server", "orders/2.0"),
        ("cache-control", "private, max-age=0"), ("etag", "\"33a64df551425fcc55e4d42a148795d9f25f89d4\""),
    ]
    static let answerBody = [UInt8](repeating: 0x78, count: Wire.smallByteCount)
    static let requestPrefix = Array("GET /orders/".utf8)

    /// With HTTP/1.1.
    static let request = Array(
        ("GET \(path) HTTP/1.1\r\nHost: \(host)\r\n" + lines(constantFields + changingFields) + "\r\n").utf8)
    static let answer =
        Array(
            ("HTTP/1.1 200 OK\r\n" + lines(answerFields) + "Content-Length: \(answerBody.count)\r\n\r\n").utf8)
        + answerBody

    private static func lines(_ fields: [(String, String)]) -> String {
        fields.map { "\($0): \($1)\r\n" }.joined()
    }
}
