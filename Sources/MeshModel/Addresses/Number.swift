// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// Strict decimal text: digits only, no sign, no leading zero. One reader for every number that people write.
package enum Decimal {
    /// The value, or nil if the text is empty, holds anything but digits, starts with a needless zero or exceeds `limit`.
    package static func parse(_ text: some Collection<UInt8>, atMost limit: UInt64) -> UInt64? {
        guard let first = text.first, text.count == 1 || first != UInt8(ascii: "0") else { return nil }
        var value: UInt64 = 0
        for byte in text {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
            let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = scaled.addingReportingOverflow(UInt64(byte - UInt8(ascii: "0")))
            guard !overflow, !carry, sum <= limit else { return nil }
            value = sum
        }
        return value
    }
}

/// Hexadecimal digits.
package enum Hexadecimal {
    /// The value of one digit of either case.
    package static func value(of byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// The number that lower-case digits are, at most sixteen of them; nil for anything else.
    package static func lowerCaseNumber(_ digits: RawSpan) -> UInt64? {
        guard (1...16).contains(digits.byteCount) else { return nil }
        var number: UInt64 = 0
        var offset = 0
        while digits.byteCount - offset >= 8 {
            // Eight of them lie before the end.
            let word = unsafe digits.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self)
            guard let value = lowerCaseNumber(ofWord: UInt64(littleEndian: word)) else { return nil }
            number = number << 32 | UInt64(value)
            offset += 8
        }
        while offset < digits.byteCount {
            // Every one of its own offsets has a byte.
            let byte = unsafe digits.unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self)
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): number = number << 4 | UInt64(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): number = number << 4 | UInt64(byte - UInt8(ascii: "a") + 10)
            default: return nil
            }
            offset += 1
        }
        return number
    }

    private static let ones: UInt64 = 0x0101_0101_0101_0101

    /// The same of eight digits at once, the first in the lowest byte. A byte is above another where adding what is missing
    /// to 0x80 sets its highest bit; nothing carries into the next one, since all of them are ASCII.
    private static func lowerCaseNumber(ofWord word: UInt64) -> UInt32? {
        let high = ones &* 0x80
        guard word & high == 0 else { return nil }
        func isAbove(_ byte: UInt8) -> UInt64 { word &+ ones &* UInt64(0x7f - byte) }
        let digits = isAbove(UInt8(ascii: "0") - 1) & ~isAbove(UInt8(ascii: "9"))
        let letters = isAbove(UInt8(ascii: "a") - 1) & ~isAbove(UInt8(ascii: "f")) & high
        guard (digits | letters) & high == high else { return nil }
        // The lower half of a letter's byte counts from one on.
        var halves = (word & (ones &* 15) &+ (letters >> 7) &* 9).byteSwapped
        halves = (halves | halves >> 4) & 0x00ff_00ff_00ff_00ff
        halves = (halves | halves >> 8) & 0x0000_ffff_0000_ffff
        return UInt32(truncatingIfNeeded: halves | halves >> 16)
    }

    /// Appends a number in lower case, with as many digits as asked for. The formatting of the standard library works for
    /// every type of integer and costs a microsecond.
    package static func append(_ number: UInt64, digits count: Int, to text: inout [UInt8]) {
        text.append(addingCapacity: count) { text in append(number, digits: count, to: &text) }
    }

    /// The same into room that is there already.
    package static func append(_ number: UInt64, digits count: Int, to text: inout OutputSpan<UInt8>) {
        precondition(0...16 ~= count && count <= text.freeCapacity, "There is room for what is written.")
        // Eight digits are a word, of which the first digit wanted is to be the lowest byte.
        let high = digits(of: UInt32(truncatingIfNeeded: number >> 32))
        let low = digits(of: UInt32(truncatingIfNeeded: number))
        let words = (high.littleEndian, low.littleEndian)
        unsafe withUnsafeBytes(of: words) { words in
            unsafe text.withUnsafeMutableBufferPointer { text, used in
                let free = unsafe UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: text[used...]))
                unsafe free.copyMemory(from: UnsafeRawBufferPointer(rebasing: words[(16 - count)...]))
                used += count
            }
        }
    }

    /// Eight digits at once, the first in the lowest byte.
    private static func digits(of number: UInt32) -> UInt64 {
        // Each half of a byte into a byte of its own.
        var halves = UInt64(number.byteSwapped)
        halves = (halves | halves << 16) & 0x0000_ffff_0000_ffff
        halves = (halves | halves << 8) & 0x00ff_00ff_00ff_00ff
        halves = (halves >> 4 | halves << 8) & (ones &* 15)
        // From ten on adding six carries into the upper half: that many are letters.
        let letters = (halves &+ ones &* 6) >> 4 & ones
        return halves &+ ones &* UInt64(UInt8(ascii: "0")) &+ letters
            &* UInt64(UInt8(ascii: "a") - UInt8(ascii: "9") - 1)
    }

    /// Lower-case text, two digits a byte.
    package static func text(of bytes: some Sequence<UInt8>) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(2 * bytes.underestimatedCount)
        for byte in bytes {
            text.append(digit(UInt64(byte >> 4)))
            text.append(digit(UInt64(byte)))
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Of the lowest four bits.
    private static func digit(_ number: UInt64) -> UInt8 {
        let value = UInt8(truncatingIfNeeded: number) & 15
        return value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}
