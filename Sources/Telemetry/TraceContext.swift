// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
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
    package init?(_ text: RawSpan) {
        let dash = UInt8(ascii: "-")
        func number(_ digits: Range<Int>) -> UInt64? { Hexadecimal.lowerCaseNumber(text.extracting(digits)) }
        guard text.byteCount >= Self.byteCount, text.byte(at: 2) == dash, text.byte(at: 35) == dash,
            text.byte(at: 52) == dash,
            let version = number(0..<2), version != 0xff, version != 0 || text.byteCount == Self.byteCount,
            text.byteCount == Self.byteCount || text.byte(at: Self.byteCount) == dash,
            let high = number(3..<19), let low = number(19..<35), high | low != 0,
            let span = number(36..<52), span != 0, let flags = number(53..<55)
        else { return nil }
        trace = TraceID(bits: UInt128(high) << 64 | UInt128(low))
        self.span = span
        self.flags = UInt8(truncatingIfNeeded: flags)
    }

    /// The same of a text.
    package init?(_ text: String) { unsafe self.init(text.utf8.span.bytes) }

    /// How long the field is that we write.
    package static let byteCount = 55

    package var description: String {
        var text: [UInt8] = []
        text.append(addingCapacity: Self.byteCount) { append(to: &$0) }
        return String(decoding: text, as: UTF8.self)
    }

    /// Appends the field, ``byteCount`` bytes.
    package func append(to text: inout OutputSpan<UInt8>) {
        let dash = UInt8(ascii: "-")
        Hexadecimal.append(0, digits: 2, to: &text)
        text.append(dash)
        trace.append(to: &text)
        text.append(dash)
        Hexadecimal.append(span, digits: 16, to: &text)
        text.append(dash)
        Hexadecimal.append(UInt64(flags), digits: 2, to: &text)
    }

    /// Lower case, with as many digits.
    static func hex(_ number: UInt64, _ width: Int) -> String {
        var text: [UInt8] = []
        Hexadecimal.append(number, digits: width, to: &text)
        return String(decoding: text, as: UTF8.self)
    }
}
