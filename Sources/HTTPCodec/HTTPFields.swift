// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes

/// The header or trailer fields of a message, in the order they came, names in lower case.
///
/// All of them lie one after the other in one array, each as two lengths, name and value: a head of twenty fields costs one
/// allocation instead of forty, what goes on is copied in one piece, and what is removed leaves no hole.
package struct HTTPFields: Equatable, Sendable {
    /// Where a field lies.
    private struct Place {
        let start: Int
        let nameCount: Int
        let valueCount: Int

        var name: Range<Int> { start + FieldLayout.lengthsByteCount..<middle }
        var value: Range<Int> { middle..<end }
        var middle: Int { start + FieldLayout.lengthsByteCount + nameCount }
        var end: Int { middle + valueCount }
    }

    private var bytes: [UInt8] = []
    package private(set) var count = 0
    /// A bit for the kind of each name that was ever added: most names that are looked for are of a kind that is not there.
    private var kinds: UInt64 = 0

    package init() {}

    package static func == (left: HTTPFields, right: HTTPFields) -> Bool { left.bytes == right.bytes }

    package var isEmpty: Bool { count == 0 }
    /// Names and values together.
    package var byteCount: Int { bytes.count - count * FieldLayout.lengthsByteCount }

    /// Makes room for a head of this size.
    package mutating func reserve(byteCount: Int, fieldCount: Int) {
        bytes.reserveCapacity(byteCount + fieldCount * FieldLayout.lengthsByteCount)
    }

    // MARK: To add

    /// Appends a field. The caller vouches for both: a token, and a value without control characters.
    package mutating func add(_ name: String, _ value: String) {
        unsafe add(name: name.utf8.span.bytes, value: value.utf8.span.bytes)
    }

    /// The same with a value in bytes.
    package mutating func add(_ name: String, bytes value: [UInt8]) {
        unsafe add(name: name.utf8.span.bytes, value: value.span.bytes)
    }

    /// The same from a head as it was read; `isLowerCase` says that of the name.
    package mutating func add(name: RawSpan, value: RawSpan, isLowerCase: Bool = false) {
        let start = bytes.count
        bytes.append(addingCapacity: FieldLayout.lengthsByteCount + name.byteCount + value.byteCount) { room in
            room.append(word: UInt32(clamping: name.byteCount))
            room.append(word: UInt32(clamping: value.byteCount))
            room.append(name)
            room.append(value)
        }
        count += 1
        kinds |= Self.kind(of: name)
        if !isLowerCase { lower(start + FieldLayout.lengthsByteCount, name.byteCount) }
    }

    /// The same with a value that `write` appends to the bytes it is given: nothing is put together elsewhere first.
    package mutating func add(_ name: String, writing write: (inout [UInt8]) -> Void) {
        let start = bytes.count
        unsafe add(name: name.utf8.span.bytes, value: RawSpan())
        let middle = bytes.count
        write(&bytes)
        precondition(bytes.count >= middle, "Who writes a value takes nothing away.")
        Self.setLengths(name: name.utf8.count, value: bytes.count - middle, at: start, in: &bytes)
    }

    /// Replaces every field of this name by one, which stands last.
    package mutating func set(_ name: String, _ value: String) {
        remove(name)
        add(name, value)
    }

    /// The same with a value in bytes.
    package mutating func set(_ name: String, bytes value: [UInt8]) {
        remove(name)
        add(name, bytes: value)
    }

    /// The same with a value that `write` appends to the bytes it is given.
    package mutating func set(_ name: String, writing write: (inout [UInt8]) -> Void) {
        remove(name)
        add(name, writing: write)
    }

    /// Puts a part of the bytes into lower case.
    private mutating func lower(_ start: Int, _ count: Int) {
        unsafe bytes.withUnsafeMutableBufferPointer { bytes in
            for index in start..<start + count { unsafe bytes[index] = bytes[index].lowercased }
        }
    }

    // MARK: To remove

    /// Removes every field of this name (lower case).
    package mutating func remove(_ name: String) {
        var position = 0
        while let place = unsafe find(name.utf8.span.bytes, from: position) {
            position = place.start
            remove(place)
        }
    }

    /// Removes every field whose name begins like this (lower case), with `_` for `-` too.
    package mutating func removeAll(beginning prefix: StaticString) {
        var position = 0
        while let place = place(at: position) {
            if begins(place, prefix) { remove(place) } else { position = place.end }
        }
    }

    private mutating func remove(_ place: Place) {
        bytes.removeSubrange(place.start..<place.end)
        count -= 1
    }

    private func begins(_ place: Place, _ prefix: StaticString) -> Bool {
        guard place.nameCount >= prefix.utf8CodeUnitCount else { return false }
        for index in 0..<prefix.utf8CodeUnitCount
        where unsafe bytes[place.name.lowerBound + index].asCGI != prefix.utf8Start[index].asCGI {
            return false
        }
        return true
    }

    // MARK: To look up

    package func contains(_ name: String) -> Bool { unsafe find(name.utf8.span.bytes, from: 0) != nil }

    /// The value of the first field of this name (lower case).
    package func first(_ name: String) -> String? {
        unsafe find(name.utf8.span.bytes, from: 0).map { text(of: $0) }
    }

    /// Every value of this name, in order.
    package func values(_ name: String) -> [String] {
        var found: [String] = []
        var position = 0
        while let place = unsafe find(name.utf8.span.bytes, from: position) {
            found.append(text(of: place))
            position = place.end
        }
        return found
    }

    /// All values of this name joined by commas, as RFC 9110 section 5.3 lets them be; nil if there is none.
    package func joined(_ name: String) -> String? {
        guard let first = unsafe find(name.utf8.span.bytes, from: 0) else { return nil }
        // Nearly always the only one.
        guard var next = unsafe find(name.utf8.span.bytes, from: first.end) else { return text(of: first) }
        var all = Array(bytes[first.value])
        while true {
            all.append(contentsOf: [UInt8(ascii: ","), 0x20])
            all.append(contentsOf: bytes[next.value])
            guard let another = unsafe find(name.utf8.span.bytes, from: next.end) else { break }
            next = another
        }
        return String(decoding: all, as: UTF8.self)
    }

    /// True if ``joined(_:)`` would be this text, which is not made for it.
    package func joined(_ name: String, isEqualTo text: String) -> Bool {
        guard let first = unsafe find(name.utf8.span.bytes, from: 0) else { return false }
        guard unsafe find(name.utf8.span.bytes, from: first.end) == nil else {
            return joined(name)?.utf8.elementsEqual(text.utf8) ?? false
        }
        return bytes[first.value].elementsEqual(text.utf8)
    }

    /// What `body` makes of the value of this name (lower case); nil where there is none, or more than one.
    package func withOnly<Result>(_ name: String, _ body: (RawSpan) -> Result?) -> Result? {
        guard let only = unsafe find(name.utf8.span.bytes, from: 0),
            unsafe find(name.utf8.span.bytes, from: only.end) == nil
        else { return nil }
        return unsafe body(bytes.span.bytes.extracting(only.value))
    }

    /// Every value of this name, and of names that differ only by `_` in the place of `-`: CGI and its many descendants make
    /// one name of both (RFC 3875 section 4.1.18).
    package func valuesAsCGI(_ name: String) -> [String] {
        var found: [String] = []
        var position = 0
        while let place = place(at: position) {
            if bytes[place.name].lazy.map(\.asCGI).elementsEqual(name.utf8.lazy.map(\.asCGI)) {
                found.append(text(of: place))
            }
            position = place.end
        }
        return found
    }

    /// Calls `body` with each field in order.
    package func forEach(_ body: (_ name: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>) -> Void) {
        var position = 0
        while let place = place(at: position) {
            body(bytes[place.name], bytes[place.value])
            position = place.end
        }
    }

    /// Calls `body` with each field whose name the writers do not make themselves.
    private func forEachWritten(inRequest: Bool, _ body: (_ name: RawSpan, _ value: RawSpan) -> Void) {
        let all = unsafe bytes.span.bytes
        var position = 0
        while let place = place(at: position) {
            position = place.end
            let name = all.extracting(place.name)
            if FieldName(name).isWritten(inRequest: inRequest) { continue }
            body(name, all.extracting(place.value))
        }
    }

    /// What ``write(to:inRequest:)`` appends at most.
    var writtenByteCount: Int { byteCount + 4 * count }

    /// Appends `name: value` and CRLF for each field whose name the writer does not make itself.
    func write(to output: inout [UInt8], inRequest: Bool) {
        output.append(addingCapacity: writtenByteCount) { room in
            forEachWritten(inRequest: inRequest) { name, value in
                room.append(name)
                room.append(UInt8(ascii: ":"))
                room.append(0x20)
                room.append(value)
                room.appendLineEnd()
            }
        }
    }

    /// The field that lies at a position; nil at the end.
    private func place(at start: Int) -> Place? { unsafe Self.place(in: bytes.span.bytes, at: start) }

    @inline(__always)
    private static func place(in all: RawSpan, at start: Int) -> Place? {
        guard start < all.byteCount else { return nil }
        precondition(
            start >= 0 && all.byteCount - start >= FieldLayout.lengthsByteCount, "A field begins with its lengths.")
        return Place(
            start: start,
            nameCount: Int(unsafe all.unsafeLoadUnaligned(fromUncheckedByteOffset: start, as: UInt32.self)),
            valueCount: Int(unsafe all.unsafeLoadUnaligned(fromUncheckedByteOffset: start + 4, as: UInt32.self)))
    }

    /// By length and last letter, whatever its case.
    @inline(__always)
    private static func kind(of name: RawSpan) -> UInt64 {
        guard name.byteCount > 0 else { return 0 }
        let last = Int(name.at(name.byteCount - 1) & 0x1f)
        return 1 << UInt64((last &* 5 &+ name.byteCount) & 63)
    }

    private func find(_ name: RawSpan, from start: Int) -> Place? {
        guard name.byteCount > 0, kinds & Self.kind(of: name) != 0 else { return nil }
        let all = unsafe bytes.span.bytes
        var position = start
        while let place = Self.place(in: all, at: position) {
            // From the end: most have another length or another last letter; the first ones are often `x-`.
            if place.nameCount == name.byteCount {
                var left = name.byteCount
                while left > 0, all.at(place.name.lowerBound + left - 1) == name.at(left - 1) { left -= 1 }
                if left == 0 { return place }
            }
            position = place.end
        }
        return nil
    }

    private func text(of place: Place) -> String { unsafe bytes.span.bytes.extracting(place.value).text }
}

/// How ``HTTPFields`` lays a field out: two numbers of 32 bits, which are the lengths of name and value, and these behind them.
///
/// (Public rather than package only because Swift inlines nothing else across modules.)
public enum FieldLayout {
    /// Before each field.
    @inlinable public static var lengthsByteCount: Int { 8 }
}

/// Fields as they lie in memory, for those who keep some in the same form: such a field is compared, and copied, in one piece.
extension HTTPFields {
    /// Calls `body` with each field as it lies, and the length of its name.
    package func forEachLaidOut(_ body: (_ field: RawSpan, _ nameCount: Int) -> Void) {
        let all = unsafe bytes.span.bytes
        var position = 0
        while let place = Self.place(in: all, at: position) {
            position = place.end
            body(all.extracting(place.start..<place.end), place.nameCount)
        }
    }

    /// What a writer does with a field.
    package enum Writing: Sendable {
        /// It makes the field itself, where there is to be one.
        case never
        case always
        /// The same, and the next message has another value.
        case unique
    }

    /// Says it of a name.
    package static func writing(_ name: RawSpan, inRequest: Bool) -> Writing {
        let known = FieldName(name)
        return known.isWritten(inRequest: inRequest) ? .never : known == .unique ? .unique : .always
    }

    /// Appends fields that lie elsewhere as they would here, one behind the other, with their names in lower case.
    package mutating func add(laidOut fields: RawSpan) {
        unsafe fields.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
        var position = 0
        while let place = Self.place(in: fields, at: position) {
            count += 1
            kinds |= Self.kind(of: fields.extracting(place.name))
            position = place.end
        }
    }

    /// Writes the lengths of a field in front of its name, where room was left for them.
    package static func setLengths(name: Int, value: Int, at start: Int, in bytes: inout [UInt8]) {
        unsafe bytes.withUnsafeMutableBytes { bytes in
            unsafe bytes.storeBytes(of: UInt32(clamping: name), toByteOffset: start, as: UInt32.self)
            unsafe bytes.storeBytes(of: UInt32(clamping: value), toByteOffset: start + 4, as: UInt32.self)
        }
    }
}

extension UInt8 {
    fileprivate var asCGI: UInt8 { self == UInt8(ascii: "_") ? UInt8(ascii: "-") : self }
}
