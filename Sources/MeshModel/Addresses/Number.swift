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
    package static func append(_ number: UInt64, digits: Int, to text: inout [UInt8]) {
        text.append(addingCapacity: digits) { text in
            for place in (0..<digits).reversed() { text.append(digit(number >> UInt64(4 * place))) }
        }
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
