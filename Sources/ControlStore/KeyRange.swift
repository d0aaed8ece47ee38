// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// Keys from one on, up to another that is not included, as both stores want them.
struct KeyRange: Hashable, Sendable {
    let lower: [UInt8]
    let upper: [UInt8]

    /// Everything below a prefix; everything there is below the empty one.
    init(prefix: String) { self.init(bytes: Array(prefix.utf8)) }

    /// - Parameter bytes: the prefix in UTF-8, where no byte is the highest there is.
    init(bytes: [UInt8]) {
        lower = bytes
        var end = bytes
        if let last = end.popLast() { end.append(last &+ 1) } else { end = [0xff] }
        upper = end
    }

    /// The rest of a range after a key.
    init(after key: [UInt8], of range: KeyRange) {
        lower = key + [0]
        upper = range.upper
    }
}

extension [StoreEntry] {
    /// Ordered by key, each once: several comparisons may look at the same one.
    var toldOnce: [StoreEntry] {
        Set(self).sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    }
}

extension Duration {
    /// What a lease of this length is granted for: whole seconds, and not less than etcd gives.
    var wholeSeconds: Int64 { max(2, components.seconds + (components.attoseconds > 0 ? 1 : 0)) }
}
