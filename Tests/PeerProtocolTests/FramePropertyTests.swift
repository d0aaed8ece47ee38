// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import MeshTesting
import PeerProtocol
import Testing

@Suite("Any frames, in any pieces")
struct FramePropertyTests {
    private static let seed: UInt64 = 20_261_122

    private static func frame(_ random: inout SeededRandom) -> ControlFrame {
        let stream = UInt32.random(in: 0...UInt32.max, using: &random)
        switch Int.random(in: 0..<7, using: &random) {
        case 0:
            var hello = HelloFrame()
            hello.features = UInt32.random(in: 0...UInt32.max, using: &random)
            hello.idleTimeout = .milliseconds(Int64(UInt32.random(in: 0...UInt32.max, using: &random)))
            return .hello(hello)
        case 1:
            var open = OpenFrame(stream: stream)
            open.isShared = Bool.random(using: &random)
            open.isCheck = Bool.random(using: &random)
            open.hint = StreamHint.allCases.randomElement(using: &random) ?? .undecided
            if Bool.random(using: &random) {
                let bits = UInt128(random.next()) << 64 | UInt128(random.next())
                let port = UInt16.random(in: 0...UInt16.max, using: &random)
                let v4 = IPAddress.v4(IPv4Address(bits: UInt32(truncatingIfNeeded: bits)))
                open.client = SocketAddress(Bool.random(using: &random) ? v4 : IPAddress(IPv6Address(bits: bits)), port)
            }
            if Bool.random(using: &random) { open.trace = TraceID(using: &random) }
            return .open(open)
        case 2: return .opened(stream: stream)
        case 3: return .fin(stream: stream)
        case 4:
            var reset = ResetFrame(
                stream: stream, reason: ResetReason.allCases.randomElement(using: &random) ?? .aborted)
            reset.hasTouchedApplication = Bool.random(using: &random)
            reset.code = Bool.random(using: &random) ? ErrorCode.allCases.randomElement(using: &random) : nil
            return .reset(reset)
        case 5: return .raw
        default: return .goAway(lastStream: stream)
        }
    }

    @Test("what is written is read, whatever pieces it comes in")
    func roundTrip() throws {
        var random = SeededRandom(seed: Self.seed)
        for round in 0..<300 {
            var bytes: [UInt8] = []
            var frames: [ControlFrame] = []
            var payload: [UInt8] = []
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                if Int.random(in: 0..<3, using: &random) == 0 {
                    let length = Int.random(in: 1...300, using: &random)
                    let content = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
                    FrameWriter.appendData(content[...], to: &bytes)
                    payload += content
                } else {
                    let frame = Self.frame(&random)
                    let start = bytes.count
                    FrameWriter.append(frame, to: &bytes)
                    #expect(Array(bytes[start...]) == FrameWriter.bytes(of: frame))
                    #expect(bytes.count - start <= FrameWriter.controlFrameMax)
                    frames.append(frame)
                }
            }
            var reader = FrameReader()
            var found: [ControlFrame] = []
            var received: [UInt8] = []
            var rest = bytes[...]
            while !rest.isEmpty {
                let piece = Array(rest.prefix(Int.random(in: 1...64, using: &random)))
                rest = rest.dropFirst(piece.count)
                for event in try events(piece, &reader) {
                    switch event {
                    case .data(let range): received += piece[range]
                    case .control(let frame): found.append(frame)
                    }
                }
            }
            #expect(found == frames && received == payload, "seed \(Self.seed), round \(round)")
            #expect(reader.isBetweenFrames, "seed \(Self.seed), round \(round)")
        }
    }

    @Test("changed bytes are read the same in one piece and one by one: the same frames, then the same refusal")
    func mutations() {
        var random = SeededRandom(seed: Self.seed + 1)
        for round in 0..<1500 {
            var bytes = (0..<3).flatMap { _ in FrameWriter.bytes(of: Self.frame(&random)) }
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            let whole = Self.outcome(of: [bytes])
            let single = Self.outcome(of: bytes.map { [$0] })
            #expect(whole.frames == single.frames, "seed \(Self.seed + 1), round \(round)")
            #expect(whole.dataCount == single.dataCount, "seed \(Self.seed + 1), round \(round)")
            #expect(whole.violation == single.violation, "seed \(Self.seed + 1), round \(round)")
        }
    }

    private static func outcome(
        of pieces: [[UInt8]]
    ) -> (frames: [ControlFrame], dataCount: Int, violation: ProtocolViolation?) {
        var reader = FrameReader()
        var frames: [ControlFrame] = []
        var dataCount = 0
        for piece in pieces {
            var offset = 0
            do throws(ProtocolViolation) {
                while let event = try reader.next(piece.span.bytes, &offset) {
                    switch event {
                    case .data(let range): dataCount += range.count
                    case .control(let frame): frames.append(frame)
                    }
                }
            } catch {
                return (frames, dataCount, error)
            }
        }
        return (frames, dataCount, nil)
    }
}
