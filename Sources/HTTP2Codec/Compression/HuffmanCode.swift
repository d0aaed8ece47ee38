// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// The code of RFC 7541 appendix B: common characters take five bits, rare ones up to thirty. Only read here (docs/adr/0018).
///
/// The code is canonical: codes of one length follow each other in the order of their symbols, and longer ones behind
/// shorter ones. So the lengths alone are the whole table, and a code of any length is found by comparison with the last one
/// of its length.
struct HuffmanCode: Sendable {
    /// What begins with eight bits: the symbol that they begin with, and how many of the bits are its own; zero where its
    /// code is longer.
    private var short: [(symbol: UInt8, length: UInt8)]
    /// By length: behind the last code of this length, in the uppermost bits of 32.
    private var ends = [UInt64](repeating: 0, count: Self.lengthMost + 1)
    /// By length: the first code, and where its symbol stands in ``symbols``.
    private var starts = [(code: UInt32, place: Int)](repeating: (0, 0), count: Self.lengthMost + 1)
    /// In the order of their codes; the last one ends nothing and must not come.
    private var symbols: [UInt16] = []

    private static let lengthMost = 30
    private static let endSymbol: UInt16 = 256

    static let standard = HuffmanCode()

    private init() {
        short = Array(repeating: (0, 0), count: 256)
        var code: UInt32 = 0
        for length in 1...Self.lengthMost {
            code <<= 1
            starts[length] = (code, symbols.count)
            for symbol in Self.lengths.indices where Self.lengths[symbol] == length {
                symbols.append(UInt16(symbol))
                if length <= 8 {
                    let first = Int(code) << (8 - length)
                    for place in first..<first + 1 << (8 - length) {
                        short[place] = (UInt8(truncatingIfNeeded: symbol), UInt8(length))
                    }
                }
                code += 1
            }
            ends[length] = UInt64(code) << UInt64(32 - length)
        }
    }

    /// Appends what the bytes stand for. False, with some of it appended, for what no encoder writes: the end symbol, or a
    /// padding that is longer than seven bits or not of ones alone (RFC 7541 section 5.2).
    func decode(_ coded: RawSpan, to output: inout [UInt8]) -> Bool {
        // The bits that have been read and not used, uppermost first.
        var bits: UInt64 = 0
        var count = 0
        var position = 0
        while true {
            while count <= 56, position < coded.byteCount {
                let byte = unsafe coded.unsafeLoad(fromByteOffset: position, as: UInt8.self)
                bits |= UInt64(byte) << UInt64(56 - count)
                count += 8
                position += 1
            }
            let found = short[Int(bits >> 56)]
            if found.length > 0 {
                guard Int(found.length) <= count else { break }
                output.append(found.symbol)
                bits <<= UInt64(found.length)
                count -= Int(found.length)
            } else {
                guard let (symbol, length) = long(UInt32(truncatingIfNeeded: bits >> 32)), length <= count else {
                    break
                }
                guard symbol != Self.endSymbol else { return false }
                output.append(UInt8(truncatingIfNeeded: symbol))
                bits <<= UInt64(length)
                count -= length
            }
        }
        return count < 8 && bits >> UInt64(64 - count) == (1 << UInt64(count)) - 1
    }

    /// The symbol whose code, of more than eight bits, the word begins with.
    private func long(_ word: UInt32) -> (symbol: UInt16, length: Int)? {
        for length in 9...Self.lengthMost where UInt64(word) < ends[length] {
            let start = starts[length]
            let place = start.place + Int(word >> UInt32(32 - length)) - Int(start.code)
            return symbols.indices.contains(place) ? (symbols[place], length) : nil
        }
        return nil
    }

    /// How many bits the code of each byte has, and that of the end.
    private static let lengths: [UInt8] = [
        13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28,
        28,
        28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6,
        12,
        10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5,
        6,
        5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22,
        22,
        22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21,
        20,
        22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22,
        23,
        26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26,
        28,
        27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27,
        28,
        27, 27, 27, 27, 27, 26, 30,
    ]
}
