// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// Deadlines of many connections at O(1) each: a wheel of slots, one per tick, in which tokens lie until their tick comes.
///
/// Deadlines move far more often than they fire (every byte moves an idle deadline), so moving one later costs nothing: the
/// owner keeps the true deadline, and when the old entry comes up, it is laid into a later slot. A deadline beyond the
/// horizon waits in the last slot and is laid again from there.
struct TimerWheel {
    /// Eight milliseconds: fine enough for the 100 ms of detection, coarse enough that 10,000 idle connections cost nothing.
    static let tick: Int64 = 8_000_000
    /// The horizon is 1024 ticks, 8.2 s. A deadline of an hour is looked at every 8 s.
    private static let slotCount = 1024

    /// An entry: who, and for which moment it was laid down. An entry that was overtaken by an earlier one is stale.
    struct Entry {
        let token: UInt64
        let due: Instant
    }

    private var slots: [[Entry]]
    /// One bit per slot that holds something, so that the next one is found without looking at all.
    private var occupied: [UInt64]
    private var currentTick: Int64
    private(set) var count = 0
    /// Memory of slots that have come up, for the next ones that get an entry.
    private var spare: [[Entry]] = []
    private static let spareMax = 4
    private static let spareEntriesMax = 256

    init(now: Instant) {
        slots = Array(repeating: [], count: Self.slotCount)
        occupied = Array(repeating: 0, count: Self.slotCount / 64)
        currentTick = now.nanoseconds / Self.tick
    }

    mutating func insert(_ token: UInt64, due: Instant) {
        // Rounded up: never early.
        let dueTick = due.nanoseconds == .max ? Int64.max : due.nanoseconds / Self.tick + 1
        let tick = min(max(dueTick, currentTick + 1), currentTick + Int64(Self.slotCount) - 1)
        let slot = Int(tick % Int64(Self.slotCount))
        if slots[slot].capacity == 0, let empty = spare.popLast() { slots[slot] = empty }
        slots[slot].append(Entry(token: token, due: due))
        occupied[slot / 64] |= 1 << UInt64(slot % 64)
        count += 1
    }

    /// Takes out the entries whose tick has come.
    mutating func advance(to now: Instant, _ body: (Entry) -> Void) {
        let target = now.nanoseconds / Self.tick
        // After a long sleep each slot is visited once, not once per missed tick.
        if target - currentTick > Int64(Self.slotCount) { currentTick = target - Int64(Self.slotCount) }
        while currentTick < target {
            currentTick += 1
            let slot = Int(currentTick % Int64(Self.slotCount))
            guard occupied[slot / 64] & 1 << UInt64(slot % 64) != 0 else { continue }
            var entries: [Entry] = []
            swap(&entries, &slots[slot])
            occupied[slot / 64] &= ~(1 << UInt64(slot % 64))
            count -= entries.count
            entries.forEach(body)
            // One that once held many gives its memory back.
            guard spare.count < Self.spareMax, entries.capacity <= Self.spareEntriesMax else { continue }
            entries.removeAll(keepingCapacity: true)
            spare.append(entries)
        }
    }

    /// The moment the next occupied slot comes up; nil if the wheel is empty.
    func next() -> Instant? {
        guard count > 0 else { return nil }
        var distance = 1
        while distance < Self.slotCount {
            let slot = Int((currentTick + Int64(distance)) % Int64(Self.slotCount))
            let word = occupied[slot / 64] >> UInt64(slot % 64)
            if word != 0 {
                return Instant(nanoseconds: (currentTick + Int64(distance + word.trailingZeroBitCount)) * Self.tick)
            }
            distance += 64 - slot % 64
        }
        return Instant(nanoseconds: (currentTick + Int64(Self.slotCount)) * Self.tick)
    }
}
