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
        for offset in digits.byteOffsets {
            // Every one of its own offsets has a byte.
            let byte = unsafe digits.unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self)
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): number = number << 4 | UInt64(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): number = number << 4 | UInt64(byte - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return number
    }

    /// Appends a number in lower case, with as many digits as asked for. The formatting of the standard library works for
    /// every type of integer and costs a microsecond.
    package static func append(_ number: UInt64, digits count: Int, to text: inout [UInt8]) {
        // Eight digits are a word, of which the first digit wanted is to be the lowest byte.
        let high = digits(of: UInt32(truncatingIfNeeded: number >> 32))
        let low = digits(of: UInt32(truncatingIfNeeded: number))
        text.append(addingCapacity: count) { text in
            for place in 16 - count..<16 {
                let word = place < 8 ? high : low
                text.append(UInt8(truncatingIfNeeded: word >> UInt64(8 * (place & 7))))
            }
        }
    }

    /// Eight digits at once, the first in the lowest byte.
    private static func digits(of number: UInt32) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
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
