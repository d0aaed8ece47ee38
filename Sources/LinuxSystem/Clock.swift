// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CLinux
package import MeshModel

extension Instant {
    /// Reads the monotonic clock; about 20 ns through the vDSO. Drivers read it once per turn and hand it on.
    package static func now() -> Instant { Instant(nanoseconds: weft_monotonic_nanoseconds()) }
}

extension WallTime {
    /// Reads the wall clock.
    package static func now() -> WallTime { WallTime(nanoseconds: weft_wall_nanoseconds()) }
}

/// Random numbers of the kernel, good enough for keys.
package struct KernelRandom: RandomNumberGenerator {
    package init() {}

    package mutating func next() -> UInt64 {
        var value: UInt64 = 0
        let result = unsafe weft_random(&value, MemoryLayout<UInt64>.size)
        precondition(result == 0, "getrandom cannot fail once the system has booted.")
        return value
    }
}

/// A fast generator (SplitMix64) for choices that need no secrecy: balancing and jitter on the data path.
package struct FastRandom: RandomNumberGenerator, BitwiseCopyable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
