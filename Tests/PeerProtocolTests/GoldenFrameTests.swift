// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import PeerProtocol
import Testing

/// All that a reader finds in bytes that come at once.
func events(_ bytes: [UInt8]) throws(ProtocolViolation) -> [FrameEvent] {
    var reader = FrameReader()
    return try events(bytes, &reader)
}

func events(_ bytes: [UInt8], _ reader: inout FrameReader) throws(ProtocolViolation) -> [FrameEvent] {
    var events: [FrameEvent] = []
    var offset = 0
    while let event = try reader.next(bytes.span.bytes, &offset) { events.append(event) }
    return events
}

@Suite("The bytes of each frame, as the protocol page shows them")
struct GoldenFrameTests {
    private static func address(_ text: String) -> SocketAddress {
        guard let address = SocketAddress(text) else { preconditionFailure("A case is wrong.") }
        return address
    }

    /// The frames of the page by the words it describes them with.
    static let frames: [String: ControlFrame] = {
        var greeting = HelloFrame()
        greeting.takesHTTP1Sessions = true
        var first = OpenFrame(stream: 2)
        first.hint = .http1
        first.client = address("10.0.0.7:51234")
        first.trace = TraceID(bits: 0x0001_0203_0405_0607_0809_0a0b_0c0d_0e0f)
        var shared = OpenFrame(stream: 3)
        shared.hint = .opaque
        shared.isShared = true
        shared.client = address("[fd00::7]:443")
        var refused = ResetFrame(stream: 1, reason: .refused)
        refused.code = .connectRefused
        var aborted = ResetFrame(stream: .max, reason: .aborted)
        aborted.hasTouchedApplication = true
        return [
            "HELLO, no features, idle timeout 15 s": .hello(HelloFrame()),
            "HELLO as Weft sends it: sessions of HTTP/1": .hello(greeting),
            "OPEN of stream 1, undecided, nothing known of the client": .open(OpenFrame(stream: 1)),
            "OPEN of stream 2, HTTP/1, client 10.0.0.7:51234, with a trace id": .open(first),
            "OPEN of stream 3, opaque, several clients, client [fd00::7]:443": .open(shared),
            "OPENED of stream 1": .opened(stream: 1),
            "FIN of stream 1": .fin(stream: 1),
            "RESET of stream 1, refused, WEFT3003": .reset(refused),
            "RESET of stream 4294967295, aborted, the application has seen bytes": .reset(aborted),
            "RAW": .raw,
            "GOAWAY, stream 7 was the last": .goAway(lastStream: 7),
        ]
    }()

    @Test("every example is written and read so, and every kind of frame has one")
    func examples() throws {
        let examples = try ProtocolPage().frames
        #expect(Set(examples.map(\.name)) == Set(Self.frames.keys))
        for (name, bytes) in examples {
            let frame = try #require(Self.frames[name], "\(name)")
            #expect(FrameWriter.bytes(of: frame) == bytes, "\(name)")
            #expect(try events(bytes) == [.control(frame)], "\(name)")
        }
        #expect(Set(Self.frames.values.map(\.type)) == Set(FrameType.allCases).subtracting([.data]))
    }

    @Test("the table of frames has the numbers of the code")
    func numbers() throws {
        let rows = try ProtocolPage().table("frame")
        let numbers = rows.map { row in "\(row.name) \(row.cells[0].text)" }
        #expect(numbers == FrameType.allCases.map { "\(String(describing: $0).uppercased()) \($0.rawValue)" })
    }

    @Test("the hints and reasons of the page have the numbers of the code")
    func words() throws {
        let text = try ProtocolPage().lines.joined(separator: " ")
        #expect(text.contains("**Hint**: 0 undecided, 1 opaque, 2 HTTP/1, 3 HTTP/2, 4 HTTP/1 in a session;"))
        #expect(StreamHint.allCases.map(\.rawValue) == [0, 1, 2, 3, 4])
        #expect(StreamHint.allCases == [.undecided, .opaque, .http1, .http2, .http1Session])
        let reasons = ResetReason.allCases.map { "\($0.rawValue) \($0)" }.joined(separator: ", ")
        #expect(text.contains("**Reason**: \(reasons);"))
    }

    @Test("DATA has a header of four bytes, whatever its length", arguments: [1, 5, 255, 256, 16_380, 65_535])
    func data(_ length: Int) throws {
        let header = FrameWriter.dataHeader(payloadLength: length)
        let bytes = [header.0, header.1, header.2, header.3]
        #expect(bytes == [4, 0, UInt8(length >> 8), UInt8(length & 255)])
        #expect(try events(bytes + Array(repeating: 1, count: length)) == [.data(4..<4 + length)])
    }

    @Test("what is said of the length of our frames is so")
    func lengths() {
        var open = OpenFrame(stream: .max)
        open.client = Self.address("[fd00::7]:443")
        open.trace = TraceID(bits: .max)
        #expect(FrameWriter.bytes(of: .open(open)).count == FrameWriter.controlFrameMax)
        #expect(FrameWriter.bytes(of: .fin(stream: 1)).count == FrameWriter.finLength)
    }

    @Test("the limits of the page are those of the code")
    func limits() throws {
        let page = try ProtocolPage()
        let values = page.lines.filter { $0.hasPrefix("| ") }.compactMap { line -> (String, String)? in
            let cells = line.split(separator: "|").map { $0.trimmingPrefix(" ") }
            guard cells.count == 2, let name = cells.first, let value = cells.last else { return nil }
            return (name.split(separator: " ").joined(separator: " "), value.split(separator: " ").joined())
        }
        let found = Dictionary(values) { first, _ in first }
        let expected: [String: any BinaryInteger] = [
            "bytes of a DATA payload": WeftOne.dataPayloadMax,
            "bytes of any other payload": WeftOne.controlPayloadMax,
            "bytes before OPENED": WeftOne.earlyDataMax,
            "bytes dropped after a RESET": WeftOne.discardMax,
            "seconds until the end of the other direction after a RESET": WeftOne.discardTime.components.seconds,
            "KeyUpdates without data between them": WeftOne.keyUpdatesWithoutDataMax,
            "records under one key": WeftOne.recordsPerKey,
            "bytes of DATA in one frame": WeftOne.dataPayload,
            "bytes after which a direction goes RAW": WeftOne.rawThreshold,
            "seconds an idle connection is kept by its dialler": WeftOne.diallerIdle.components.seconds,
            "seconds an idle connection is kept by its acceptor": WeftOne.acceptorIdle.components.seconds,
            "seconds a connection is used again, ± 20 %": WeftOne.poolAge.components.seconds,
            "idle connections to one place": WeftOne.poolPerKeyMax,
            "idle connections of a proxy, at most (`limits.idlePeers`)": ProxyLimits.idlePeersMax,
            "seconds of rest after which DATA waits for OPENED": WeftOne.trustedIdle.components.seconds,
        ]
        for (name, value) in expected { #expect(found[name] == "\(value)", "\(name)") }
        #expect(Set(found.keys) == Set(expected.keys).union(["what"]))
        // Numbers that the text names as well.
        let text = page.lines.joined(separator: " ")
        #expect(text.contains("at most \(WeftOne.recordsPerKey) records"))
        #expect(text.contains("More than \(WeftOne.keyUpdatesWithoutDataMax) KeyUpdates"))
    }
}
