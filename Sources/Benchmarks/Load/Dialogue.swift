// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import BenchmarkShared
import LinuxSystem
import MeshModel

/// What is said on one connection of the load generator, and how it hears that an answer is whole.
protocol Dialogue: AnyObject {
    /// Appends the next request, with what has to stand before the first one.
    func ask(at moment: Instant, to output: inout [UInt8])
    /// Takes what has come, appends what must be said to it, and calls `answered` for each whole answer with the moment of
    /// its request.
    func take(
        _ bytes: UnsafeRawBufferPointer, to output: inout [UInt8], _ answered: (Instant) throws -> Void) throws
}

/// Answers of a known size, which nobody on the way changes.
final class CountingDialogue: Dialogue {
    private let request: [UInt8]
    private let answerByteCount: Int
    /// Bytes of the answer that have not come yet.
    private var missing = 0
    private var moment = Instant.now()

    init(_ request: [UInt8], answerByteCount: Int) {
        self.request = request
        self.answerByteCount = answerByteCount
    }

    func ask(at moment: Instant, to output: inout [UInt8]) {
        self.moment = moment
        missing = answerByteCount
        output += request
    }

    func take(
        _ bytes: UnsafeRawBufferPointer, to output: inout [UInt8], _ answered: (Instant) throws -> Void
    ) throws {
        if missing == answerByteCount, bytes.first != UInt8(ascii: "H") {
            throw BenchmarkFailure("that is not an answer of the server")
        }
        missing -= bytes.count
        guard missing >= 0 else { throw BenchmarkFailure("an answer is too long") }
        if missing == 0 { try answered(moment) }
    }
}

/// HTTP/1.1: proxies may write the head as they like.
final class HTTP1Dialogue: Dialogue {
    private var moment = Instant.now()
    private var head: [UInt8] = []
    /// Bytes of the body that have not come yet; nil in the head.
    private var missing: Int?

    func ask(at moment: Instant, to output: inout [UInt8]) {
        self.moment = moment
        output += Call.request
    }

    func take(
        _ bytes: UnsafeRawBufferPointer, to output: inout [UInt8], _ answered: (Instant) throws -> Void
    ) throws {
        var count = bytes.count
        if missing == nil {
            head += bytes
            guard let end = head.firstEnd(of: Wire.endOfHead) else { return }
            guard head.starts(with: Self.success), let length = Self.length(head[..<end]) else {
                throw BenchmarkFailure("that is not an answer of the server: \(String(decoding: head, as: UTF8.self))")
            }
            count = head.count - end
            missing = length
            head.removeAll(keepingCapacity: true)
        }
        let left = (missing ?? 0) - count
        missing = left
        guard left >= 0 else { throw BenchmarkFailure("an answer is too long") }
        guard left == 0 else { return }
        missing = nil
        try answered(moment)
    }

    private static let success = Array("HTTP/1.1 200".utf8)
    private static let lengthName = Array("content-length:".utf8)

    private static func length(_ head: ArraySlice<UInt8>) -> Int? {
        for line in head.split(separator: 10) where line.count > lengthName.count {
            guard zip(line, lengthName).allSatisfy({ $0 | 0x20 == $1 | 0x20 }) else { continue }
            let digits = line.dropFirst(lengthName.count).filter { $0 > 0x20 }
            return Int(String(decoding: digits, as: UTF8.self))
        }
        return nil
    }
}

/// HTTP/2 with prior knowledge, several requests at once.
final class HTTP2Dialogue: Dialogue {
    private var frames = FrameCutter()
    private var nextStream: UInt32 = 1
    private var moments: [UInt32: Instant] = [:]

    func ask(at moment: Instant, to output: inout [UInt8]) {
        let isFirst = nextStream == 1
        if isFirst {
            output += HTTP2Wire.preface
            // No push.
            HTTP2Wire.append(HTTP2Wire.Kind.settings, HTTP2Wire.setting(2, 0), to: &output)
            HTTP2Wire.append(
                HTTP2Wire.Kind.windowUpdate, HTTP2Wire.big(UInt32(HTTP2Wire.window)), to: &output)
        }
        HTTP2Wire.append(
            HTTP2Wire.Kind.head, flags: HTTP2Wire.Flag.endStream | HTTP2Wire.Flag.endHead, stream: nextStream,
            isFirst ? HTTP2Wire.firstRequest : HTTP2Wire.laterRequest, to: &output)
        moments[nextStream] = moment
        nextStream += 2
    }

    func take(
        _ bytes: UnsafeRawBufferPointer, to output: inout [UInt8], _ answered: (Instant) throws -> Void
    ) throws {
        var reply: [UInt8] = []
        try frames.take(bytes) { frame in
            switch frame.kind {
            case HTTP2Wire.Kind.settings where !frame.has(HTTP2Wire.Flag.acknowledges):
                HTTP2Wire.append(HTTP2Wire.Kind.settings, flags: HTTP2Wire.Flag.acknowledges, [], to: &reply)
            case HTTP2Wire.Kind.ping where !frame.has(HTTP2Wire.Flag.acknowledges):
                HTTP2Wire.append(
                    HTTP2Wire.Kind.ping, flags: HTTP2Wire.Flag.acknowledges, Array(frame.payload), to: &reply)
            case HTTP2Wire.Kind.reset, HTTP2Wire.Kind.goAway:
                throw BenchmarkFailure("a connection of HTTP/2 broke: frame \(frame.kind), \(Array(frame.payload))")
            case HTTP2Wire.Kind.head:
                // Before `:status: 200` may stand new sizes of the table.
                guard frame.payload.first(where: { $0 & 0xe0 != 0x20 }) == 0x88 else {
                    throw BenchmarkFailure("that is not an answer of the server: \(Array(frame.payload.prefix(8)))")
                }
            default: break
            }
            guard frame.kind == HTTP2Wire.Kind.head || frame.kind == HTTP2Wire.Kind.data,
                frame.has(HTTP2Wire.Flag.endStream)
            else { return }
            guard let moment = moments.removeValue(forKey: frame.stream) else {
                throw BenchmarkFailure("an answer is to no request")
            }
            try answered(moment)
        }
        output += reply
    }
}
