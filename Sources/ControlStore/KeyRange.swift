// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// Keys from one on, up to another that is not included, as both stores want them.
struct KeyRange: Hashable, Sendable {
    let lower: [UInt8]
    let upper: [UInt8]

    /// Everything below a prefix; everything there is below the empty one.
    init(prefix: String) {
        lower = Array(prefix.utf8)
        var end = lower
        // The last byte of UTF-8 is never the highest there is, nor is any first one.
        if let last = end.popLast() { end.append(last &+ 1) } else { end = [0xff] }
        upper = end
    }

    /// The rest of a range after a key.
    init(after key: [UInt8], of range: KeyRange) {
        lower = key + [0]
        upper = range.upper
    }
}
