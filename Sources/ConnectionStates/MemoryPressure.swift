// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// What a proxy does as its memory fills: it would rather refuse and reset than be ended by the kernel, which takes every
/// connection with it.
package enum MemoryPressure: Int, Sendable, Comparable, CaseIterable {
    /// Room enough.
    case none
    /// From 95 %: nothing new is accepted; it waits in the kernel's queue.
    case high
    /// From 98 %: the connections that hold the most are reset, one after the other.
    case critical

    package init(residentBytes: Int64, limit: Int64) {
        // Divided first: no sum can overflow, whatever the kernel says.
        let share = limit > 0 ? Double(residentBytes) / Double(limit) : 0
        self = share >= 0.98 ? .critical : share >= 0.95 ? .high : .none
    }

    package static func < (left: MemoryPressure, right: MemoryPressure) -> Bool { left.rawValue < right.rawValue }
}
