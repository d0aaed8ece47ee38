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
