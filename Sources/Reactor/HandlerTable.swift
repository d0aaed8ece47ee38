// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// The handlers of a loop at their indices. A value, so that each change is one access to what the loop holds, and of one
/// array, so that it costs next to nothing to take it out for that.
struct HandlerTable {
    /// What lies at an index.
    private struct Place {
        var handler: EventHandler?
        /// Never zero, so that no token is.
        var generation: UInt32 = 1
        /// Where it is free: the index that was freed before it.
        var freedBefore: UInt32?
    }

    private var places: [Place] = []
    private var lastFreed: UInt32?

    /// In the order of indices; nil where an index is free.
    var all: [EventHandler?] { places.map(\.handler) }

    /// Gives the handler an index; the result is its token, without a slot.
    mutating func add(_ handler: EventHandler) -> UInt64 {
        let index: UInt32
        if let reused = lastFreed {
            index = reused
            lastFreed = places[Int(index)].freedBefore
            places[Int(index)].handler = handler
        } else {
            index = UInt32(places.count)
            places.append(Place(handler: handler))
        }
        return UInt64(places[Int(index)].generation & 0xff_ffff) << 32 | UInt64(index)
    }

    /// Frees the index; who gets it next has another token.
    mutating func remove(_ token: UInt64) {
        let index = Self.index(token)
        let generation = places[index].generation
        places[index] = Place(
            handler: nil, generation: generation == 0xff_ffff ? 1 : generation + 1, freedBefore: lastFreed)
        lastFreed = UInt32(index)
    }

    mutating func replace(_ token: UInt64, with successor: EventHandler) {
        places[Self.index(token)].handler = successor
    }

    /// Who is at the token's index now; that may be another than the one it was given to.
    func handler(_ token: UInt64) -> EventHandler? {
        let index = Self.index(token)
        return index < places.count ? places[index].handler : nil
    }

    private static func index(_ token: UInt64) -> Int { Int(token & 0xffff_ffff) }
}
