// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// How the codec writes: pieces of any kind into room that is there already.
extension OutputSpan<UInt8> {
    /// Appends a piece for which there is room.
    @inline(__always)
    mutating func append(_ piece: RawSpan) { unsafe piece.withUnsafeBytes { piece in unsafe append(piece) } }

    @inline(__always)
    mutating func appendLineEnd() {
        append(13)
        append(10)
    }

    @inline(__always)
    private mutating func append(_ piece: UnsafeRawBufferPointer) {
        precondition(freeCapacity >= piece.count, "There is room for what is written.")
        unsafe withUnsafeMutableBufferPointer { room, count in
            guard let start = room.baseAddress, let source = piece.baseAddress else { return }
            unsafe UnsafeMutableRawPointer(start + count).copyMemory(from: source, byteCount: piece.count)
            count += piece.count
        }
    }

    @inline(__always)
    mutating func append(text: String) { unsafe append(text.utf8.span.bytes) }

    @inline(__always)
    mutating func append(_ text: StaticString) {
        unsafe append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends a number in decimal digits.
    mutating func append(decimal number: UInt64) {
        var place: UInt64 = 1
        while number / place >= 10 { place *= 10 }
        while place > 0 {
            append(0x30 + UInt8(truncatingIfNeeded: number / place % 10))
            place /= 10
        }
    }
}
