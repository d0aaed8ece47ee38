// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// The field `traceparent` of W3C Trace Context: which trace a request belongs to, and which span sent it.
package struct TraceContext: Hashable, Sendable, CustomStringConvertible {
    package let trace: TraceID
    package let span: UInt64
    /// Bit 0: sampled.
    package let flags: UInt8

    package static let sampledFlag: UInt8 = 1

    package init(trace: TraceID, span: UInt64, flags: UInt8) {
        self.trace = trace
        self.span = span
        self.flags = flags
    }

    /// `00-<32 hex>-<16 hex>-<2 hex>`, lower case; a later version may be longer and is read by position. Nil: it must be
    /// ignored (zero ids, version ff, anything else).
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        let dash = UInt8(ascii: "-")
        guard bytes.count >= 55, bytes[2] == dash, bytes[35] == dash, bytes[52] == dash,
            let version = Self.number(bytes[0..<2]), version != 0xff, version != 0 || bytes.count == 55,
            bytes.count == 55 || bytes[55] == dash,
            let high = Self.number(bytes[3..<19]), let low = Self.number(bytes[19..<35]), high | low != 0,
            let span = Self.number(bytes[36..<52]), span != 0, let flags = Self.number(bytes[53..<55])
        else { return nil }
        trace = TraceID(bits: UInt128(high) << 64 | UInt128(low))
        self.span = span
        self.flags = UInt8(truncatingIfNeeded: flags)
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> UInt64? {
        var number: UInt64 = 0
        for digit in digits {
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): number = number << 4 | UInt64(digit - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): number = number << 4 | UInt64(digit - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return number
    }

    package var description: String {
        let dash = UInt8(ascii: "-")
        var text: [UInt8] = []
        text.reserveCapacity(55)
        Hexadecimal.append(0, digits: 2, to: &text)
        text.append(dash)
        trace.append(to: &text)
        text.append(dash)
        Hexadecimal.append(span, digits: 16, to: &text)
        text.append(dash)
        Hexadecimal.append(UInt64(flags), digits: 2, to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// Lower case, with as many digits.
    static func hex(_ number: UInt64, _ width: Int) -> String {
        var text: [UInt8] = []
        Hexadecimal.append(number, digits: width, to: &text)
        return String(decoding: text, as: UTF8.self)
    }
}
