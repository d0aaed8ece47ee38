// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// Idle connections waiting to be used again: last in, first out, so that the few that are needed stay warm and the rest
/// age away. It decides; the caller closes what it is handed.
package struct IdlePool<Key: Hashable, Element> {
    /// What the pool needs to know about an element.
    private struct Entry {
        let element: Element
        let identifier: UInt64
        let createdAt: Instant
    }

    private let perKeyMax: Int
    private var totalMax: Int
    private var entries: [Key: [Entry]] = [:]
    package private(set) var count = 0

    package init(perKeyMax: Int, totalMax: Int) {
        self.perKeyMax = perKeyMax
        self.totalMax = totalMax
    }

    /// Offers an element; false if there is no room, and the caller closes it.
    package mutating func put(_ element: Element, identifier: UInt64, for key: Key, createdAt: Instant) -> Bool {
        guard count < totalMax, entries[key]?.count ?? 0 < perKeyMax else { return false }
        entries[key, default: []].append(Entry(element: element, identifier: identifier, createdAt: createdAt))
        count += 1
        return true
    }

    /// The element last put for a key.
    package mutating func take(_ key: Key) -> Element? {
        guard let last = entries[key]?.popLast() else { return nil }
        if entries[key]?.isEmpty == true { entries[key] = nil }
        count -= 1
        return last.element
    }

    /// Forgets one element, which has closed by itself or grown too old.
    package mutating func remove(identifier: UInt64, for key: Key) {
        guard let index = entries[key]?.firstIndex(where: { $0.identifier == identifier }) else { return }
        entries[key]?.remove(at: index)
        if entries[key]?.isEmpty == true { entries[key] = nil }
        count -= 1
    }

    /// Changes how many there may be; a limit that is lower than what is there empties the pool.
    package mutating func limit(to totalMax: Int) -> [Element] {
        self.totalMax = totalMax
        return count > totalMax ? retire { _ in true } : []
    }

    /// Takes out everything whose key matches: an endpoint that changed, a rotation, an address that stopped answering.
    package mutating func retire(where matches: (Key) -> Bool) -> [Element] {
        var retired: [Element] = []
        for key in entries.keys.filter(matches) {
            let removed = entries.removeValue(forKey: key) ?? []
            count -= removed.count
            retired += removed.map(\.element)
        }
        return retired
    }
}
