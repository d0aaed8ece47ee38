// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// The handlers of a loop at their indices. A value, so that each change is one access to what the loop holds.
struct HandlerTable {
    /// In the order of indices; nil where an index is free.
    private(set) var all: [EventHandler?] = []
    private var generations: [UInt32] = []
    private var free: [UInt32] = []

    /// Gives the handler an index; the result is its token, without a slot.
    mutating func add(_ handler: EventHandler) -> UInt64 {
        let index: UInt32
        if let reused = free.popLast() {
            index = reused
            all[Int(index)] = handler
        } else {
            index = UInt32(all.count)
            all.append(handler)
            // Never zero, so that no token is.
            generations.append(1)
        }
        return UInt64(generations[Int(index)] & 0xff_ffff) << 32 | UInt64(index)
    }

    /// Frees the index; who gets it next has another token.
    mutating func remove(_ token: UInt64) {
        let index = Self.index(token)
        all[index] = nil
        generations[index] = generations[index] == 0xff_ffff ? 1 : generations[index] + 1
        free.append(UInt32(index))
    }

    mutating func replace(_ token: UInt64, with successor: EventHandler) { all[Self.index(token)] = successor }

    /// Who is at the token's index now; that may be another than the one it was given to.
    func handler(_ token: UInt64) -> EventHandler? {
        let index = Self.index(token)
        return index < all.count ? all[index] : nil
    }

    private static func index(_ token: UInt64) -> Int { Int(token & 0xffff_ffff) }
}
