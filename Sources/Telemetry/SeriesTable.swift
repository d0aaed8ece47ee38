// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// A kind of what is counted. Never changed, and so compared where it lies: an element of an array would be copied first,
/// each text of it retained.
final class SeriesKind<Key: Sendable>: Sendable {
    let key: Key

    init(_ key: Key) { self.key = key }
}

/// What is counted, by its kind, in the order in which the kinds came.
///
/// Nearly all that is counted is of a kind of the last few. So those are looked at first: to compare them, which ends at the
/// first field that differs and for one and the same text at its address, costs a fraction of what hashing a kind costs.
///
/// A place stays that of its kind until something is removed.
package struct SeriesTable<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private var kinds: [SeriesKind<Key>] = []
    private var values: [Value] = []
    private var places: [Key: Int] = [:]
    /// Places of kinds that were looked up last, each of them once; -1 where there is none yet.
    private var recent = [8 of Int](repeating: -1)
    /// Which of those is forgotten next.
    private var oldest = 0

    /// The place of a kind, if it is one of the last few.
    @inline(__always)
    func recentPlace(where isWanted: (SeriesKind<Key>) -> Bool) -> Int? {
        for slot in recent.indices {
            let place = recent[slot]
            if place >= 0, isWanted(kinds[place]) { return place }
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
        let place = kinds.count
        kinds.append(SeriesKind(key))
        values.append(value)
        places[key] = place
        remember(place)
        return place
    }

    /// What is counted at a place.
    subscript(valueAt place: Int) -> Value {
        get { values[place] }
        _modify { yield &values[place] }
    }

    /// Keeps only what passes.
    mutating func keep(where isKept: (Value) -> Bool) {
        guard !values.allSatisfy(isKept) else { return }
        let all = self
        self = Self()
        for (key, value) in all where isKept(value) { _ = insert(key, value) }
    }

    private mutating func remember(_ place: Int) {
        for slot in recent.indices where recent[slot] == place { return }
        recent[oldest] = place
        oldest = (oldest + 1) % recent.count
    }
}

extension SeriesTable: RandomAccessCollection {
    package var startIndex: Int { 0 }
    package var endIndex: Int { kinds.count }
    package subscript(place: Int) -> (key: Key, value: Value) { (kinds[place].key, values[place]) }
}

extension SeriesTable where Value == UInt64 {
    /// Counts some more of a kind.
    package mutating func add(_ more: UInt64, _ key: Key) {
        guard let place = recentPlace(where: { $0.key == key }) ?? place(of: key) else {
            _ = insert(key, more)
            return
        }
        self[valueAt: place] += more
    }

    mutating func merge(_ other: Self) {
        for (key, count) in other { add(count, key) }
    }
}
