// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes

/// What the codec asks of single bytes and of short pieces, over and over; kept in this module so that it is inlined.
extension RawSpan {
    /// The byte at an index; traps beyond the end, which the callers compare with.
    @inline(__always)
    func at(_ index: Int) -> UInt8 {
        precondition(index >= 0 && index < byteCount, "A byte is read only where there is one.")
        return unsafe unsafeLoad(fromUncheckedByteOffset: index, as: UInt8.self)
    }

    /// Where the first byte stands, from an index on, that no line may hold; `end` if there is none before it. Two words of
    /// eight bytes at a time, and by a pointer: nearly everything that is read of a message passes here.
    func lineTextEnd(from start: Int, before end: Int) -> Int {
        precondition(start >= 0 && start <= end && end <= byteCount, "A line is looked for only where there are bytes.")
        return unsafe withUnsafeBytes { bytes in
            var index = start
            while index < end {
                if end &- index >= 16 {
                    let first = unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                    let second = unsafe bytes.loadUnaligned(fromByteOffset: index &+ 8, as: UInt64.self)
                    let inFirst = Self.controls(in: UInt64(littleEndian: first))
                    let inSecond = Self.controls(in: UInt64(littleEndian: second))
                    guard inFirst | inSecond != 0 else {
                        index &+= 16
                        continue
                    }
                    // Where a word has none, it has eight bytes more of text.
                    index &+= (inFirst != 0 ? inFirst : inSecond).trailingZeroBitCount / 8 &+ (inFirst != 0 ? 0 : 8)
                }
                // The end of the line, or a tab; or the last bytes, which fill no word.
                guard unsafe bytes[index].isLineByte else { break }
                index &+= 1
            }
            return index
        }
    }

    /// Where the first control character is in a word: eight times its place is the number of zeros below the lowest bit that
    /// is set; zero if there is none. A control character is below 0x20 (a borrow into the top bit that the byte did not
    /// have), or 0x7f (the same of its difference from 0x7f with 1). Bits above the lowest one may come from its borrow.
    @inline(__always)
    private static func controls(in word: UInt64) -> UInt64 {
        let difference = word ^ (ones &* 0x7f)
        let controls = (word &- ones &* 0x20) & ~word
        let deletes = (difference &- ones) & ~difference
        return (controls | deletes) & (ones &* 0x80)
    }

    /// True if none of the eight bytes from an index on is a control character.
    @inline(__always)
    func holdsTextAlone(at index: Int) -> Bool { Self.controls(in: word(at: index)) == 0 }

    /// Where the first byte is, told in the same way, that is neither a small letter nor a hyphen, which nearly all field names are made of.
    /// The sums never carry from one byte into the next, since the top bits are left out.
    @inline(__always)
    private func otherThanNameBytes(inWordAt index: Int) -> UInt64 {
        let word = word(at: index)
        let low = word & (Self.ones &* 0x7f)
        let letters = (low &+ Self.ones &* (0x80 - 0x61)) & ~(low &+ Self.ones &* (0x7f - 0x7a))
        let hyphens = ~((low ^ (Self.ones &* 0x2d)) &+ Self.ones &* 0x7f)
        return ~(letters | hyphens) & (Self.ones &* 0x80) | word & (Self.ones &* 0x80)
    }

    private static var ones: UInt64 { 0x0101_0101_0101_0101 }

    /// Eight bytes, the first one lowest.
    @inline(__always)
    private func word(at index: Int) -> UInt64 {
        precondition(index >= 0 && index <= byteCount - 8, "A word is read only where there is one.")
        return UInt64(littleEndian: unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: index, as: UInt64.self))
    }

    /// How many bytes of a token stand at the beginning, and whether none of them is a capital letter.
    @inline(__always)
    func tokenAtStart() -> (byteCount: Int, isLowerCase: Bool) {
        var index = 0
        while byteCount &- index >= 8 {
            let others = otherThanNameBytes(inWordAt: index)
            index &+= others == 0 ? 8 : others.trailingZeroBitCount / 8
            if others != 0 { break }
        }
        // A name that nearly all are like ends here.
        if index < byteCount, at(index) == UInt8(ascii: ":") { return (index, true) }
        return tokenAtStart(from: index)
    }

    /// The same, where the bytes before an index are small letters and hyphens.
    private func tokenAtStart(from start: Int) -> (byteCount: Int, isLowerCase: Bool) {
        var index = start
        while index < byteCount, at(index).isLowerTokenByte { index &+= 1 }
        let lowerCount = index
        while index < byteCount, at(index).isTokenByte { index &+= 1 }
        return (index, lowerCount == index)
    }

    /// The piece, read as ASCII.
    var text: String { unsafe withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) } }

    /// Compares with text in lower case, letters of either case being the same.
    func matches(_ text: StaticString) -> Bool {
        guard text.utf8CodeUnitCount == byteCount else { return false }
        // In lower case already, as nearly all names are.
        if equals(text) { return true }
        for index in 0..<byteCount where unsafe at(index).lowercased != text.utf8Start[index] { return false }
        return true
    }

    /// Where a byte stands first, from an index on. Eight bytes at a time, by a pointer, as in ``lineTextEnd(from:before:)``.
    func index(of wanted: UInt8, from start: Int = 0) -> Int? {
        precondition(start >= 0, "A byte is looked for only where there may be one.")
        let pattern = Self.ones &* UInt64(wanted)
        return unsafe withUnsafeBytes { bytes in
            var index = start
            while bytes.count &- index >= 8 {
                let word = unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                let found = Self.zeros(in: UInt64(littleEndian: word) ^ pattern)
                guard found == 0 else { return index &+ found.trailingZeroBitCount / 8 }
                index &+= 8
            }
            while index < bytes.count {
                if unsafe bytes[index] == wanted { return index }
                index &+= 1
            }
            return nil
        }
    }

    /// Where the first zero is in a word, told as by ``controls(in:)``.
    @inline(__always)
    private static func zeros(in word: UInt64) -> UInt64 { (word &- ones) & ~word & (ones &* 0x80) }

    /// True if all bytes are visible ASCII, from `!` to `~`, without `#`.
    var isTarget: Bool {
        var index = 0
        while byteCount &- index >= 8 {
            let word = word(at: index)
            // Of what is found the place does not matter: a borrow comes only from a byte that counts itself.
            let others = Self.controls(in: word) | Self.zeros(in: word ^ (Self.ones &* 0x20))
            guard (others | Self.zeros(in: word ^ (Self.ones &* 0x23)) | word) & (Self.ones &* 0x80) == 0 else {
                return false
            }
            index &+= 8
        }
        while index < byteCount {
            let byte = at(index)
            guard byte > 0x20, byte < 0x7f, byte != UInt8(ascii: "#") else { return false }
            index &+= 1
        }
        return true
    }

    /// True for a token (RFC 9110 section 5.6.2), which is never empty.
    var isToken: Bool {
        for index in 0..<byteCount where !at(index).isTokenByte { return false }
        return byteCount > 0
    }

    /// A range without blanks at its ends.
    @inline(__always)
    func trimmed(_ range: Range<Int>) -> Range<Int> {
        var (start, end) = (range.lowerBound, range.upperBound)
        while start < end, at(start).isBlank { start += 1 }
        while start < end, at(end - 1).isBlank { end -= 1 }
        return start..<end
    }

    /// The next element of a list (RFC 9110 section 5.6.1); empty ones are passed over.
    func nextElement(_ position: inout Int) -> Range<Int>? {
        while position < byteCount {
            let comma = index(of: UInt8(ascii: ","), from: position) ?? byteCount
            let element = trimmed(position..<comma)
            position = comma + 1
            if !element.isEmpty { return element }
        }
        return nil
    }
}

extension UInt8 {
    /// tchar of RFC 9110 section 5.6.2 as two words of bits: no table to load, no branch for each kind.
    @inline(__always)
    var isTokenByte: Bool {
        let word: UInt64 = self < 64 ? 0x03ff_6cfa_0000_0000 : 0x57ff_ffff_c7ff_fffe
        return self < 128 && word >> UInt64(self & 63) & 1 == 1
    }

    /// The same without `A` to `Z`.
    @inline(__always)
    var isLowerTokenByte: Bool {
        let word: UInt64 = self < 64 ? 0x03ff_6cfa_0000_0000 : 0x57ff_ffff_c000_0000
        return self < 128 && word >> UInt64(self & 63) & 1 == 1
    }

    /// What may stand in a line: everything but control characters, of which only the tab is allowed.
    @inline(__always)
    var isLineByte: Bool { self >= 0x20 && self != 0x7f || self == 0x09 }

    @inline(__always)
    var isBlank: Bool { self == 0x20 || self == 0x09 }

    @inline(__always)
    var isDigit: Bool { self &- 0x30 < 10 }

    @inline(__always)
    var lowercased: UInt8 { self &- 0x41 < 26 ? self | 0x20 : self }

    /// The value of a hexadecimal digit.
    @inline(__always)
    var hexValue: UInt8? {
        if isDigit { return self &- 0x30 }
        let letter = lowercased &- 0x61
        return letter < 6 ? letter &+ 10 : nil
    }
}
