// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// Why a read from a ``ByteCursor`` did not happen.
package enum ByteCursorError: Error, Equatable {
    /// At least this many further bytes are needed; a parser of a stream waits for them, a parser of a whole gives up.
    case needMoreBytes(Int)
}

/// Reads numbers and vectors from bytes that came from outside. Every read is checked; nothing here can trap.
///
/// The cursor borrows the bytes and never copies them; what it hands out borrows them in turn.
package struct ByteCursor: ~Escapable {
    private let bytes: RawSpan
    package private(set) var offset: Int

    @_lifetime(copy bytes)
    package init(_ bytes: RawSpan) {
        self.bytes = bytes
        offset = 0
    }

    package var remaining: Int { bytes.byteCount - offset }

    package var isAtEnd: Bool { remaining == 0 }

    /// The bytes not yet read.
    package var rest: RawSpan {
        @_lifetime(copy self)
        get { bytes.extracting(droppingFirst: offset) }
    }

    @_lifetime(self: copy self)
    package mutating func u8() throws(ByteCursorError) -> UInt8 {
        try require(1)
        defer { offset += 1 }
        return byte(at: offset)
    }

    @_lifetime(self: copy self)
    package mutating func u16() throws(ByteCursorError) -> UInt16 {
        UInt16(truncatingIfNeeded: try bigEndian(byteCount: 2))
    }

    @_lifetime(self: copy self)
    package mutating func u24() throws(ByteCursorError) -> UInt32 {
        UInt32(truncatingIfNeeded: try bigEndian(byteCount: 3))
    }

    @_lifetime(self: copy self)
    package mutating func u32() throws(ByteCursorError) -> UInt32 {
        UInt32(truncatingIfNeeded: try bigEndian(byteCount: 4))
    }

    @_lifetime(self: copy self)
    package mutating func u64() throws(ByteCursorError) -> UInt64 {
        try bigEndian(byteCount: 8)
    }

    /// The next `count` bytes.
    @_lifetime(copy self)
    package mutating func take(_ count: Int) throws(ByteCursorError) -> RawSpan {
        try require(count)
        let taken = bytes.extracting(offset..<offset + count)
        offset += count
        return taken
    }

    @_lifetime(self: copy self)
    package mutating func skip(_ count: Int) throws(ByteCursorError) {
        try require(count)
        offset += count
    }

    /// A vector with a length of one byte before it, as TLS writes them (RFC 8446 section 3.4).
    @_lifetime(copy self)
    package mutating func vector8() throws(ByteCursorError) -> RawSpan {
        try take(Int(try u8()))
    }

    /// A vector with a length of two bytes before it.
    @_lifetime(copy self)
    package mutating func vector16() throws(ByteCursorError) -> RawSpan {
        try take(Int(try u16()))
    }

    @_lifetime(self: copy self)
    private mutating func bigEndian(byteCount: Int) throws(ByteCursorError) -> UInt64 {
        try require(byteCount)
        var value: UInt64 = 0
        for index in offset..<offset + byteCount {
            value = value << 8 | UInt64(byte(at: index))
        }
        offset += byteCount
        return value
    }

    private func require(_ count: Int) throws(ByteCursorError) {
        // No number of bytes is enough for a negative count.
        guard count >= 0 else { throw .needMoreBytes(.max) }
        guard count <= remaining else { throw .needMoreBytes(count - remaining) }
    }

    private func byte(at index: Int) -> UInt8 {
        // `require` has checked the index, and a byte has no alignment and no invalid pattern.
        unsafe bytes.unsafeLoad(fromUncheckedByteOffset: index, as: UInt8.self)
    }
}

extension RawSpan {
    /// A copy, for what outlives the bytes.
    package var array: [UInt8] {
        unsafe withUnsafeBytes { unsafe Array($0) }
    }

    /// The byte at an index that the caller has compared with `byteCount`; traps beyond it.
    package func byte(at index: Int) -> UInt8 {
        precondition(index >= 0 && index < byteCount, "A byte is read only where there is one.")
        return unsafe unsafeLoad(fromUncheckedByteOffset: index, as: UInt8.self)
    }

    /// Byte-for-byte comparison with text.
    package func equals(_ text: StaticString) -> Bool { isEqual(to: text.bytes) }

    /// The same bytes; compared eight at a time.
    package func isEqual(to other: RawSpan) -> Bool {
        guard byteCount == other.byteCount else { return false }
        guard byteCount >= 8 else {
            for index in 0..<byteCount where byte(at: index) != other.byte(at: index) { return false }
            return true
        }
        var index = 0
        while index < byteCount - 8 {
            guard word(at: index) == other.word(at: index) else { return false }
            index += 8
        }
        // The last eight, some of which may have been compared already.
        return word(at: byteCount - 8) == other.word(at: byteCount - 8)
    }

    /// Eight bytes as they lie; traps where they are not all there.
    @inline(__always)
    private func word(at index: Int) -> UInt64 {
        precondition(index >= 0 && index <= byteCount - 8, "A word is read only where there is one.")
        return unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: index, as: UInt64.self)
    }

    /// True if the bytes begin with all of `text`.
    package func starts(with text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard count <= byteCount else { return false }
        for index in 0..<count where unsafe byte(at: index) != text.utf8Start[index] {
            return false
        }
        return true
    }
}

extension StaticString {
    /// The bytes, which are there as long as the program runs.
    package var bytes: RawSpan {
        @_lifetime(immortal)
        get {
            let bytes = unsafe RawSpan(_unsafeStart: utf8Start, byteCount: utf8CodeUnitCount)
            return unsafe _overrideLifetime(bytes, copying: ())
        }
    }
}
