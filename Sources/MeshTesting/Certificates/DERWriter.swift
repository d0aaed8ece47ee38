// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// Writes DER (X.690) by hand, because a table of bad certificates needs what no proper encoder would write.
enum DERWriter {
    static func sequence(_ parts: [UInt8]...) -> [UInt8] { value(0x30, parts.flatMap(\.self)) }
    static func sequence(_ parts: [[UInt8]]) -> [UInt8] { value(0x30, parts.flatMap(\.self)) }
    static func set(_ parts: [UInt8]...) -> [UInt8] { value(0x31, parts.flatMap(\.self)) }
    static func integer(_ number: UInt8) -> [UInt8] { integer([number]) }
    static func octetString(_ bytes: [UInt8]) -> [UInt8] { value(0x04, bytes) }
    static func utf8String(_ text: String) -> [UInt8] { value(0x0c, Array(text.utf8)) }
    static func boolean(_ value: Bool) -> [UInt8] { [0x01, 1, value ? 0xff : 0] }

    /// A positive number, big-endian.
    static func integer(_ bytes: [UInt8]) -> [UInt8] {
        value(0x02, (bytes.first ?? 0) & 0x80 == 0 ? bytes : [0] + bytes)
    }

    static func bitString(_ bytes: [UInt8], unusedBits: UInt8 = 0) -> [UInt8] { value(0x03, [unusedBits] + bytes) }

    /// A context-specific tag around whole values.
    static func explicit(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] { value(0xa0 | tag, content) }

    /// A context-specific tag in place of that of a string or number.
    static func implicit(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] { value(0x80 | tag, content) }

    /// `2.5.29.17`.
    static func identifier(_ arcs: [UInt64]) -> [UInt8] {
        guard arcs.count >= 2 else { preconditionFailure("An object identifier has at least two arcs.") }
        var bytes: [UInt8] = []
        for arc in [arcs[0] * 40 + arcs[1]] + arcs.dropFirst(2) {
            var groups = [UInt8(arc & 0x7f)]
            var rest = arc >> 7
            while rest > 0 {
                groups.append(UInt8(rest & 0x7f) | 0x80)
                rest >>= 7
            }
            bytes += groups.reversed()
        }
        return value(0x06, bytes)
    }

    /// GeneralizedTime from 2050 on and UTCTime before, as RFC 5280 section 4.1.2.5 has it.
    static func time(_ moment: WallTime) -> [UInt8] {
        let digits = moment.description.prefix(19).filter(\.isNumber) + "Z"
        return digits < "2050" ? value(0x17, Array(digits.dropFirst(2).utf8)) : value(0x18, Array(digits.utf8))
    }

    /// The last second there is, for a certificate "without end".
    static let endOfTime = value(0x18, Array("99991231235959Z".utf8))

    private static func value(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
        let count = content.count
        if count < 0x80 { return [tag, UInt8(count)] + content }
        if count < 0x100 { return [tag, 0x81, UInt8(count)] + content }
        precondition(count < 0x10000, "No certificate of the table is that large.")
        return [tag, 0x82, UInt8(count >> 8), UInt8(count & 0xff)] + content
    }
}
