// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// A hash that is the same in every process and version: FNV-1a of 64 bits. It resists nobody who looks for collisions;
/// who chooses the value of a session chooses its endpoint anyway.
package func stableHash(_ bytes: some Sequence<UInt8>) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
    return hash
}

/// Spreads what differs in a few bits over all of them (the finalizer of SplitMix64). FNV-1a alone leaves the high bits of
/// similar words similar.
func mixed(_ word: UInt64) -> UInt64 {
    var word = word &+ 0x9e37_79b9_7f4a_7c15
    word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
    return word ^ (word >> 31)
}
