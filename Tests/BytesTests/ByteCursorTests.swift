// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Bytes
import MeshTesting
import Testing

@Suite("The cursor over bytes from outside")
struct ByteCursorTests {
    /// A way to read, with the number it gives of `01 02 03 ... ` and how many bytes that takes.
    struct Read: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let byteCount: Int
        let value: UInt64
        let read: @Sendable (inout ByteCursor) throws(ByteCursorError) -> UInt64
    }

    private static let counting = Array<UInt8>(1...16)

    static let reads = [
        Read(testDescription: "u8", byteCount: 1, value: 0x01) { cursor throws(ByteCursorError) in
            UInt64(try cursor.u8())
        },
        Read(testDescription: "u16", byteCount: 2, value: 0x0102) { cursor throws(ByteCursorError) in
            UInt64(try cursor.u16())
        },
        Read(testDescription: "u24", byteCount: 3, value: 0x010203) { cursor throws(ByteCursorError) in
            UInt64(try cursor.u24())
        },
        Read(testDescription: "u32", byteCount: 4, value: 0x0102_0304) { cursor throws(ByteCursorError) in
            UInt64(try cursor.u32())
        },
        Read(testDescription: "u64", byteCount: 8, value: 0x0102_0304_0506_0708) { cursor throws(ByteCursorError) in
            try cursor.u64()
        },
        Read(testDescription: "vector8", byteCount: 2, value: 1) { cursor throws(ByteCursorError) in
            UInt64(try cursor.vector8().byteCount)
        },
        Read(testDescription: "take", byteCount: 5, value: 5) { cursor throws(ByteCursorError) in
            UInt64(try cursor.take(5).byteCount)
        },
        Read(testDescription: "skip", byteCount: 7, value: 0) { cursor throws(ByteCursorError) in
            try cursor.skip(7)
            return 0
        },
    ]

    @Test("reads big-endian numbers and moves behind them", arguments: reads)
    func whole(_ read: Read) throws {
        let bytes = Self.counting
        var cursor = ByteCursor(bytes.span.bytes)
        let value = try read.read(&cursor)
        let (offset, remaining, rest) = (cursor.offset, cursor.remaining, cursor.rest.array)
        #expect(value == read.value)
        #expect(offset == read.byteCount)
        #expect(remaining == bytes.count - read.byteCount)
        #expect(rest == Array(bytes.dropFirst(read.byteCount)))
    }

    @Test("says how many bytes are missing, at every shorter length", arguments: reads)
    func short(_ read: Read) {
        for count in 0..<read.byteCount {
            let bytes = Array(Self.counting.prefix(count))
            var cursor = ByteCursor(bytes.span.bytes)
            var missing: Int?
            do throws(ByteCursorError) {
                _ = try read.read(&cursor)
            } catch {
                if case .needMoreBytes(let count) = error { missing = count }
            }
            // A vector without its length cannot say more than that.
            let wanted = read.testDescription == "vector8" && count == 0 ? 1 : read.byteCount
            #expect(missing == wanted - count, "\(count) bytes")
        }
    }

    @Test("a vector ends where its length says", arguments: [0, 1, 255, 256, 65_535])
    func vectors(_ length: Int) throws {
        let bytes = [UInt8(length >> 8), UInt8(length & 255)] + Array(repeating: UInt8(9), count: length) + [77]
        var cursor = ByteCursor(bytes.span.bytes)
        let count = try cursor.vector16().byteCount
        let next = try cursor.u8()
        let isAtEnd = cursor.isAtEnd
        #expect(count == length)
        #expect(next == 77)
        #expect(isAtEnd)
    }

    @Test("a count that no parser should ask for is refused, not trapped on", arguments: [-1, Int.min, Int.max])
    func absurdCounts(_ count: Int) {
        let bytes = Self.counting
        var cursor = ByteCursor(bytes.span.bytes)
        var wasRefused = false
        do throws(ByteCursorError) {
            try cursor.skip(count)
        } catch {
            wasRefused = true
        }
        let offset = cursor.offset
        #expect(wasRefused)
        #expect(offset == 0)
    }

    @Test("any sequence of reads stays within the bytes")
    func property() {
        let seed: UInt64 = 20_261_121
        var random = SeededRandom(seed: seed)
        for round in 0..<2000 {
            let bytes = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            var cursor = ByteCursor(bytes.span.bytes)
            for _ in 0..<20 {
                let before = cursor.offset
                let read = Self.reads[Int.random(in: 0..<Self.reads.count, using: &random)]
                let value = try? read.read(&cursor)
                let (offset, remaining) = (cursor.offset, cursor.remaining)
                #expect(offset + remaining == bytes.count, "seed \(seed), round \(round)")
                #expect(offset >= before && (value != nil || offset <= before + 2), "seed \(seed), round \(round)")
            }
        }
    }
}
