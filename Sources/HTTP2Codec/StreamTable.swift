// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// What belongs to the streams of one connection, by their numbers.
///
/// One side's streams are numbered in steps of two in the order in which they are opened, and those that are open were
/// mostly opened one after the other. So the number itself says where to look, and no hash is computed, which would only
/// spread neighbours: a table with at least twice as many places as streams has nearly every stream in the first place that
/// is looked at. A peer that chooses numbers which collide makes us look at as many places as it has streams open.
///
/// (Public rather than package only because Swift inlines nothing else across modules, and a table of unknown elements is
/// slow.)
public struct StreamTable<Value: AnyObject> {
    /// A table that grew beyond this gives its memory back once it is empty. As many as the streams that we take at once
    /// need: a connection on which all requests of a batch end before the next ones come would make its table anew for each.
    @usableFromInline static var keptPlaces: Int { 256 }

    /// Zero, which is no stream, where the place is free. A power of two of places, or none before the first stream.
    @usableFromInline var numbers: [Int32] = []
    @usableFromInline var kept: [Value?] = []
    @usableFromInline var used = 0
    /// How many stand elsewhere than where their numbers say.
    @usableFromInline var displaced = 0

    /// A table without streams, which takes no memory.
    @inlinable
    public init() {}

    /// How many streams there are.
    @inlinable
    public var count: Int { used }

    /// There are none.
    @inlinable
    public var isEmpty: Bool { used == 0 }

    /// In no order; the table may change while they are gone through.
    @inlinable
    public var values: [Value] { kept.compactMap(\.self) }

    /// What belongs to a stream; nil if nothing does.
    @inlinable
    public subscript(number: Int32) -> Value? {
        guard let place = place(of: number) else { return nil }
        return kept[place]
    }

    /// Puts a stream in, or another value in its place.
    @inlinable
    public mutating func insert(_ value: Value, for number: Int32) {
        precondition(number != 0, "Stream 0 is the connection.")
        if let place = place(of: number) {
            kept[place] = value
            return
        }
        if (used + 1) * 2 > numbers.count { resize(max(8, numbers.count * 2)) }
        put(value, number)
    }

    /// Takes a stream out.
    @discardableResult
    @inlinable
    public mutating func remove(_ number: Int32) -> Value? {
        guard let place = place(of: number) else { return nil }
        let value = kept[place].take()
        numbers[place] = 0
        used -= 1
        if home(number) != place { displaced -= 1 }
        if displaced > 0 { closeGap(place) }
        if isEmpty, numbers.count > Self.keptPlaces { removeAll() }
        return value
    }

    /// Takes all out, and gives the memory back.
    @inlinable
    public mutating func removeAll() { self = StreamTable() }

    @inlinable
    func home(_ number: Int32) -> Int { Int(number >> 1) & (numbers.count - 1) }

    @inlinable
    func place(of number: Int32) -> Int? {
        guard !numbers.isEmpty, number != 0 else { return nil }
        var place = home(number)
        // Half of the places are free.
        while numbers[place] != 0 {
            if numbers[place] == number { return place }
            place = (place + 1) & (numbers.count - 1)
        }
        return nil
    }

    @inlinable
    mutating func put(_ value: Value, _ number: Int32) {
        let home = home(number)
        var place = home
        while numbers[place] != 0 { place = (place + 1) & (numbers.count - 1) }
        numbers[place] = number
        kept[place] = value
        used += 1
        if place != home { displaced += 1 }
    }

    @inlinable
    mutating func resize(_ size: Int) {
        let old = (numbers, kept)
        numbers = Array(repeating: 0, count: size)
        kept = Array(repeating: nil, count: size)
        (used, displaced) = (0, 0)
        for (number, value) in zip(old.0, old.1) {
            if let value { put(value, number) }
        }
    }

    /// What was put behind a place because that was taken moves up, so that it is still found.
    @inlinable
    mutating func closeGap(_ freed: Int) {
        let mask = numbers.count - 1
        var gap = freed
        var place = (gap + 1) & mask
        while numbers[place] != 0 {
            // As far from where it belongs as from the gap, or farther: it would have stood in the gap.
            if (place - home(numbers[place])) & mask >= (place - gap) & mask {
                if home(numbers[place]) == gap { displaced -= 1 }
                numbers[gap] = numbers[place]
                kept[gap] = kept[place].take()
                numbers[place] = 0
                gap = place
            }
            place = (place + 1) & mask
        }
    }
}
