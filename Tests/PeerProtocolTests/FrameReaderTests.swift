// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import MeshTesting
import PeerProtocol
import Testing

@Suite("Frames out of bytes")
struct FrameReaderTests {
    @Test("a frame that is not all here is waited for, at every prefix, and is the same in pieces")
    func prefixes() throws {
        for frame in GoldenFrameTests.frames.values {
            let bytes = FrameWriter.bytes(of: frame)
            for count in 0..<bytes.count {
                var reader = FrameReader()
                #expect(try events(Array(bytes.prefix(count)), &reader).isEmpty)
                #expect(reader.isBetweenFrames == (count == 0))
                #expect(try events(Array(bytes.dropFirst(count)), &reader) == [.control(frame)], "\(frame) at \(count)")
                #expect(reader.isBetweenFrames)
            }
        }
    }

    @Test("DATA is told where it lies, in as many pieces as it comes in")
    func data() throws {
        var reader = FrameReader()
        #expect(try events([4, 0, 0, 5, 1, 2], &reader) == [.data(4..<6)])
        #expect(!reader.isBetweenFrames)
        #expect(try events([3], &reader) == [.data(0..<1)])
        #expect(try events([], &reader).isEmpty)
        #expect(try events([4, 5, 7, 0, 0, 0], &reader) == [.data(0..<2), .control(.raw)])
        #expect(try events([4, 0], &reader).isEmpty)
        #expect(try events([0, 1], &reader).isEmpty)
        #expect(!reader.isBetweenFrames)
        #expect(try events([9], &reader) == [.data(0..<1)])
    }

    struct Refusal: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let bytes: [UInt8]
        let violation: ProtocolViolation
        /// After how many bytes it is noticed.
        let noticedAt: Int

        init(_ name: String, _ hexadecimal: String, _ violation: ProtocolViolation, at noticedAt: Int? = nil) {
            testDescription = name
            bytes = ProtocolPage.bytes(hexadecimal)
            self.violation = violation
            self.noticedAt = noticedAt ?? bytes.count
        }
    }

    @Test(
        "what is no frame is refused, at the byte that shows it",
        arguments: [
            Refusal("type 0", "00 00 0000", .unknownFrame(0)),
            Refusal("type 9", "09 00 0004 00000001", .unknownFrame(9), at: 4),
            Refusal("type 255", "ff ff ffff", .unknownFrame(255)),
            Refusal("a control frame of 4097 bytes", "02 00 1001", .frameTooLong(.open, 4097)),
            Refusal("RAW of 65535 bytes", "07 00 ffff", .frameTooLong(.raw, 65_535)),
            Refusal("empty DATA", "04 00 0000", .malformed(.data)),
            Refusal("RAW with a payload", "07 00 0001 00", .malformed(.raw)),
            Refusal("OPENED without a stream", "03 00 0000", .malformed(.opened)),
            Refusal("FIN with half a stream", "05 00 0003 000000", .malformed(.fin)),
            Refusal("FIN with a byte too many", "05 00 0005 00000001 00", .malformed(.fin)),
            Refusal("GOAWAY with half a value", "08 00 0007 00000001 000100", .malformed(.goAway)),
            Refusal("RESET without a reason", "06 00 0004 00000001", .malformed(.reset)),
            Refusal("RESET with half a code", "06 00 000a 00000001 01 0001 0001 0b", .malformed(.reset)),
            Refusal("OPEN without a hint", "02 00 0004 00000001", .malformed(.open)),
            Refusal("OPEN with a value beyond its end", "02 00 0009 00000001 00 0003 0001", .malformed(.open)),
            Refusal(
                "OPEN with a client of family 5", "02 00 0010 00000001 00 0001 0007 05 0050 0a000001", .malformed(.open)
            ),
            Refusal(
                "OPEN with a client cut short", "02 00 000f 00000001 00 0001 0006 04 0050 0a0000", .malformed(.open)),
            Refusal(
                "OPEN with a trace of 15 bytes", "02 00 0018 00000001 00 0002 000f 000102030405060708090a0b0c0d0e",
                .malformed(.open)),
            Refusal("HELLO with features of 3 bytes", "01 00 0007 0001 0003 000000", .malformed(.hello)),
            Refusal("HELLO with half a tag", "01 00 0001 00", .malformed(.hello)),
        ])
    func refusals(_ item: Refusal) {
        #expect(throws: item.violation) { try events(item.bytes) }
        #expect(!item.violation.sentence.isEmpty)
        var reader = FrameReader()
        for (index, byte) in item.bytes.enumerated() {
            if index + 1 < item.noticedAt {
                #expect((try? events([byte], &reader)) == [])
            } else {
                #expect(throws: item.violation) { try events([byte], &reader) }
                return
            }
        }
    }

    struct Tolerance: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let bytes: [UInt8]
        let frame: ControlFrame

        init(_ name: String, _ hexadecimal: String, _ frame: ControlFrame) {
            testDescription = name
            bytes = ProtocolPage.bytes(hexadecimal)
            self.frame = frame
        }
    }

    private static let plainReset = ResetFrame(stream: 1, reason: .aborted)

    @Test(
        "what a later version may add is skipped",
        arguments: [
            Tolerance("an unknown value in HELLO", "01 00 0006 00ff 0002 abcd", .hello(HelloFrame())),
            Tolerance("an empty HELLO", "01 00 0000", .hello(HelloFrame())),
            Tolerance("an unknown value in OPEN", "02 00 000a 00000001 00 ffff 0001 00", .open(OpenFrame(stream: 1))),
            Tolerance("an unknown flag in OPEN", "02 f0 0005 00000001 00", .open(OpenFrame(stream: 1))),
            Tolerance("an unknown hint", "02 00 0005 00000001 63", .open(OpenFrame(stream: 1))),
            Tolerance("a value behind FIN", "05 00 0008 00000001 0007 0000", .fin(stream: 1)),
            Tolerance("a value behind OPENED", "03 00 0009 00000001 0007 0001 00", .opened(stream: 1)),
            Tolerance("an unknown reason", "06 00 0005 00000001 7f", .reset(plainReset)),
            Tolerance("a code nobody knows", "06 00 000b 00000001 00 0001 0002 ffff", .reset(plainReset)),
        ])
    func tolerance(_ item: Tolerance) throws {
        #expect(try events(item.bytes) == [.control(item.frame)])
    }

    @Test("a control frame of exactly 4096 bytes is read")
    func longest() throws {
        let value = ProtocolPage.bytes("00aa 0ff4") + Array(repeating: 0, count: 4084)
        let frame = ProtocolPage.bytes("05 00 1000 00000001") + ProtocolPage.bytes("00bb 0000") + value
        #expect(frame.count == WeftOne.headerLength + WeftOne.controlPayloadMax)
        #expect(try events(frame) == [.control(.fin(stream: 1))])
    }
}
