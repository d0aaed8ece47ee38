// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Detection
import MeshTesting
import Testing

/// What comes piece by piece is judged as if it had come at once: a ``ClientHelloReader`` looks at each byte only once, and
/// must not lose its place.
@Suite("A ClientHello that dribbles")
struct ClientHelloReaderTests {
    private static let hello = ClientHelloRecipe(serverName: "api.example", protocols: ["h2", "weft/1"])

    static let connections: [(name: String, bytes: [UInt8])] = [
        ("one record", hello.bytes),
        ("records of 3 bytes", hello.fragmented([3])),
        ("records of 1 byte", hello.fragmented([1])),
        ("records of 1, 7 and 100 bytes", hello.fragmented([1, 7, 100])),
        ("followed by other bytes", hello.bytes + [UInt8](repeating: 0x17, count: 300)),
        ("a request", Array("GET / HTTP/1.1\r\n\r\n".utf8)),
        ("an alert in between", Array(hello.fragmented([40]).prefix(45)) + [21, 3, 3, 0, 2, 1, 0]),
        ("an empty record", Array(hello.fragmented([40]).prefix(45)) + [22, 3, 3, 0, 0]),
        ("20,000 bytes in one message", [22, 3, 1, 0x40, 0, 1, 0, 0x4e, 0x20] + [UInt8](repeating: 1, count: 20_000)),
        (
            "16 KiB in records of one byte",
            Array([[22, 3, 1, 0, 1, 1]].joined())
                + Array([[UInt8]](repeating: [22, 3, 1, 0, 1, 0], count: 4_000).joined())
        ),
    ]

    /// The verdict after each piece, of pieces of these sizes in turn.
    private func verdicts(of bytes: [UInt8], inPiecesOf sizes: [Int]) -> [(end: Int, verdict: ClientHelloVerdict)] {
        var reader = ClientHelloReader()
        var verdicts: [(Int, ClientHelloVerdict)] = []
        var end = 0
        while end < bytes.count {
            end = min(bytes.count, end + sizes[verdicts.count % sizes.count])
            let sofar = Array(bytes[..<end])
            verdicts.append((end, reader.judge(sofar.span.bytes)))
        }
        return verdicts
    }

    @Test("each piece is judged as the whole so far", arguments: connections.indices)
    func pieces(_ index: Int) {
        let (name, bytes) = Self.connections[index]
        for sizes in [[1], [5], [1, 2, 3], [1448], [4, 700]] {
            // Where there are many pieces, those around the ends and every 97th are compared.
            for (end, verdict) in verdicts(of: bytes, inPiecesOf: sizes)
            where end < 700 || end % 97 == 0 || end > 16_380 && end < 16_390 {
                #expect(verdict == classify(bytes[..<end]), "\(name), \(end) bytes, pieces of \(sizes)")
            }
        }
    }

    @Test("random records in random pieces come to the same")
    func random() {
        let seed = UInt64.random(in: 0 ... .max)
        var random = SeededRandom(seed: seed)
        for _ in 0..<300 {
            let records = (0..<4).map { _ in Int.random(in: 1...60, using: &random) }
            let pieces = (0..<5).map { _ in Int.random(in: 1...90, using: &random) }
            let bytes = Self.hello.fragmented(records)
            let last = verdicts(of: bytes, inPiecesOf: pieces).last
            #expect(last?.verdict == classify(bytes), "seed \(seed)")
            guard case .complete(let hello) = last?.verdict else {
                Issue.record("records of \(records) in pieces of \(pieces) are no ClientHello, seed \(seed)")
                continue
            }
            #expect(hello.offersWeft)
        }
    }
}
