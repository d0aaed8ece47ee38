// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// Idle connections waiting to be used again: last in, first out, so that the few that are needed stay warm and the rest
/// age away. It decides; the caller closes what it is handed.
///
/// `put` and `take` are asked several times for each request: they look for the key once, and are inlined where the types are
/// known. (Public rather than package only because Swift inlines nothing else across modules.)
public struct IdlePool<Key: Hashable, Element> {
    /// What the pool needs to know about an element.
    @usableFromInline
    struct Entry {
        @usableFromInline let element: Element
        @usableFromInline let identifier: UInt64

        @usableFromInline
        init(element: Element, identifier: UInt64) {
            self.element = element
            self.identifier = identifier
        }
    }

    @usableFromInline let perKeyMax: Int
    @usableFromInline var totalMax: Int
    @usableFromInline var entries: [Key: [Entry]] = [:]
    /// How many there are, over all keys.
    public internal(set) var count = 0

    /// At most so many for a key, and in all.
    public init(perKeyMax: Int, totalMax: Int) {
        self.perKeyMax = perKeyMax
        self.totalMax = totalMax
    }

    /// Offers an element; false if there is no room, and the caller closes it.
    @inlinable
    public mutating func put(_ element: Element, identifier: UInt64, for key: Key) -> Bool {
        guard count < totalMax, perKeyMax > 0 else { return false }
        let entry = Entry(element: element, identifier: identifier)
        if let index = entries.index(forKey: key) {
            guard entries.values[index].count < perKeyMax else { return false }
            entries.values[index].append(entry)
        } else {
            entries[key] = [entry]
        }
        noteCount(1)
        return true
    }

    /// The element last put for a key.
    @inlinable
    public mutating func take(_ key: Key) -> Element? {
        guard let index = entries.index(forKey: key), let last = entries.values[index].popLast() else { return nil }
        if entries.values[index].isEmpty { entries.remove(at: index) }
        noteCount(-1)
        return last.element
    }

    @usableFromInline
    mutating func noteCount(_ change: Int) { count += change }

    /// Forgets one element, which has closed by itself or grown too old.
    public mutating func remove(identifier: UInt64, for key: Key) {
        guard let index = entries[key]?.firstIndex(where: { $0.identifier == identifier }) else { return }
        entries[key]?.remove(at: index)
        if entries[key]?.isEmpty == true { entries[key] = nil }
        count -= 1
    }

    /// Changes how many there may be; a limit that is lower than what is there empties the pool.
    public mutating func limit(to totalMax: Int) -> [Element] {
        self.totalMax = totalMax
        return count > totalMax ? retire { _ in true } : []
    }

    /// Takes out everything whose key matches: an endpoint that changed, a rotation, an address that stopped answering.
    public mutating func retire(where matches: (Key) -> Bool) -> [Element] {
        var retired: [Element] = []
        for key in entries.keys.filter(matches) {
            let removed = entries.removeValue(forKey: key) ?? []
            count -= removed.count
            retired += removed.map(\.element)
        }
        return retired
    }
}
