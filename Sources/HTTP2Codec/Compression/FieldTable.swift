// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import HTTPCodec

/// The fields that one side of a connection has sent, and that a head may refer to (RFC 7541 section 2.3.2): the newest
/// first, the oldest gone when there is no room.
///
/// All of them lie one behind the other in one array, each as ``HTTPFields`` lays it out: so one goes from here into a message
/// in one piece, and is compared with one of a message in one piece. What is new is put at the end first, looked at there,
/// and then kept or taken away again.
struct FieldTable: ~Copyable, Sendable {
    struct Entry: Sendable {
        var start: Int
        let nameCount: Int
        let valueCount: Int
        let hash: UInt32
        /// What the owner of the table knows of it.
        let mark: UInt8

        /// All of it, its lengths first.
        var laidOut: Range<Int> { start..<start + FieldLayout.lengthsByteCount + nameCount + valueCount }
        var name: Range<Int> { nameStart..<nameStart + nameCount }
        var value: Range<Int> { nameStart + nameCount..<nameStart + nameCount + valueCount }
        private var nameStart: Int { start + FieldLayout.lengthsByteCount }
        /// RFC 7541 section 4.1.
        var size: Int { nameCount + valueCount + FieldTable.overhead }
    }

    static let overhead = 32
    /// RFC 9113 section 6.5.2, and we ask for no other.
    static let standardLimit = 4096

    /// Where the entries' places lie.
    private(set) var bytes: [UInt8] = []
    private var entries: [Entry] = []
    /// Entries before this one are gone.
    private var first = 0
    private var size = 0
    private(set) var limit = FieldTable.standardLimit
    /// Entries that were ever made, as far as the number can count.
    private(set) var madeCount: UInt32 = 0
    /// Where what is put at the end begins.
    private var end = 0

    var count: Int { entries.count - first }

    /// How many entries are newer than the one with which so many had been made; nil if that is gone.
    func age(of madeCount: UInt32) -> Int? {
        let age = Int(self.madeCount &- madeCount)
        return age < count ? age : nil
    }

    /// The entry of an age, the newest being zero; nil beyond the oldest.
    func entry(ofAge age: Int) -> Entry? {
        guard age >= 0, age < count else { return nil }
        return entries[entries.count - 1 - age]
    }

    // MARK: What is new

    /// Begins a field at the end, leaving room for its lengths. Name and value are put behind them, until
    /// ``keep(nameCount:hash:mark:)`` or ``drop()``.
    mutating func begin() { bytes.append(contentsOf: repeatElement(0, count: FieldLayout.lengthsByteCount)) }

    /// Puts bytes at the end.
    mutating func put(_ piece: RawSpan) {
        unsafe piece.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
    }

    /// Puts the name of an entry at the end.
    mutating func putName(of entry: Entry) {
        for index in entry.name { bytes.append(bytes[index]) }
    }

    /// Puts there what a coded text stands for; false if it stands for nothing.
    mutating func put(coded: RawSpan, _ code: HuffmanCode) -> Bool { code.decode(coded, to: &bytes) }

    /// Where the name of the field at the end begins.
    var newStart: Int { end + FieldLayout.lengthsByteCount }

    /// How much of name and value stands there.
    var newCount: Int { bytes.count - newStart }

    /// Makes an entry of what stands at the end. One that is larger than the whole table empties it (RFC 7541 section 4.4).
    mutating func keep(nameCount: Int, hash: UInt32, mark: UInt8) {
        let entry = Entry(
            start: end, nameCount: nameCount, valueCount: newCount - nameCount, hash: hash, mark: mark)
        shrink(to: limit - entry.size)
        guard entry.size <= limit else { return drop() }
        HTTPFields.setLengths(name: entry.nameCount, value: entry.valueCount, at: entry.start, in: &bytes)
        entries.append(entry)
        madeCount &+= 1
        size += entry.size
        end = bytes.count
        if end > 2 * Self.standardLimit || first > 2 * Self.standardLimit / Self.overhead { tidy() }
    }

    /// Takes away what stands at the end.
    mutating func drop() {
        bytes.removeSubrange(end...)
        // A large field is not paid for ever after.
        if bytes.capacity > 4 * Self.standardLimit { bytes = Array(bytes) }
    }

    // MARK: Room

    /// Sets the limit, by which the other side counts as well.
    mutating func setLimit(_ limit: Int) {
        self.limit = limit
        shrink(to: limit)
    }

    private mutating func shrink(to most: Int) {
        while size > most, first < entries.count {
            size -= entries[first].size
            first += 1
        }
    }

    /// Moves what is left to the beginning.
    private mutating func tidy() {
        let start = first < entries.count ? entries[first].start : end
        bytes.removeSubrange(..<start)
        entries.removeSubrange(..<first)
        for index in entries.indices { entries[index].start -= start }
        first = 0
        end -= start
    }
}
