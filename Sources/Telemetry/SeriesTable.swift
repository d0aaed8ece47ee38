// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// What is counted, by its kind, in the order in which the kinds came.
///
/// Nearly all that is counted is of a kind of the last few. So those are looked at first: to compare them, which ends at the
/// first field that differs and for one and the same text at its address, costs a fraction of what hashing a kind costs.
///
/// A place stays that of its kind until something is removed.
package struct SeriesTable<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    package typealias Element = (key: Key, value: Value)

    private var all: [Element] = []
    private var places: [Key: Int] = [:]
    /// Places of kinds that were looked up last, each of them once; -1 where there is none yet.
    private var recent = [8 of Int](repeating: -1)
    /// Which of those is forgotten next.
    private var oldest = 0

    /// The place of a kind, if it is one of the last few.
    @inline(__always)
    func recentPlace(where isWanted: (borrowing Key) -> Bool) -> Int? {
        for slot in recent.indices {
            let place = recent[slot]
            // Through a span: the subscript of an array would give a copy, each text of it retained.
            if place >= 0, isWanted(all.span[place].key) { return place }
        }
        return nil
    }

    /// The place of a kind; nil if it has none. It is one of the last few from now on.
    mutating func place(of key: Key) -> Int? {
        guard let place = places[key] else { return nil }
        remember(place)
        return place
    }

    /// Gives a kind that has none a place.
    mutating func insert(_ key: Key, _ value: Value) -> Int {
        let place = all.count
        all.append((key, value))
        places[key] = place
        remember(place)
        return place
    }

    /// The number of what is kept at a place.
    subscript(valueAt place: Int) -> Value {
        get { all[place].value }
        _modify { yield &all[place].value }
    }

    /// Keeps only what passes.
    mutating func keep(where isKept: (Value) -> Bool) {
        guard !all.allSatisfy({ isKept($0.value) }) else { return }
        let kept = all.filter { isKept($0.value) }
        self = Self()
        for (key, value) in kept { _ = insert(key, value) }
    }

    private mutating func remember(_ place: Int) {
        for slot in recent.indices where recent[slot] == place { return }
        recent[oldest] = place
        oldest = (oldest + 1) % recent.count
    }
}

extension SeriesTable: RandomAccessCollection {
    package var startIndex: Int { all.startIndex }
    package var endIndex: Int { all.endIndex }
    package subscript(position: Int) -> Element { all[position] }
}

extension SeriesTable where Value == UInt64 {
    /// Counts some more of a kind.
    mutating func add(_ more: UInt64, _ key: Key) {
        guard let place = recentPlace(where: { $0 == key }) ?? place(of: key) else {
            _ = insert(key, more)
            return
        }
        self[valueAt: place] += more
    }

    mutating func merge(_ other: Self) {
        for (key, count) in other { add(count, key) }
    }
}
