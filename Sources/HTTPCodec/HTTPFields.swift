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

        // Lengths of 32 bits and a place in memory add up to a number.
        var name: Range<Int> { start &+ FieldLayout.lengthsByteCount..<middle }
        var value: Range<Int> { middle..<end }
        var middle: Int { start &+ FieldLayout.lengthsByteCount &+ nameCount }
        var end: Int { middle &+ valueCount }
    }

    /// As far as ``end``. There is mostly more room than is used, so that to add a field is to copy it and no more.
    private var bytes: [UInt8] = []
    private var end = 0
    package private(set) var count = 0
    /// A bit for the kind of each name that was ever added: most names that are looked for are of a kind that is not there.
    private var kinds: UInt64 = 0
    /// The same for kinds that were added more than once: behind the first field of another kind there is no second one.
    private var repeatedKinds: UInt64 = 0

    package init() {}

    package static func == (left: HTTPFields, right: HTTPFields) -> Bool {
        left.bytes[..<left.end] == right.bytes[..<right.end]
    }

    package var isEmpty: Bool { count == 0 }
    /// Names and values together.
    package var byteCount: Int { end - count * FieldLayout.lengthsByteCount }

    /// Makes room for a head of this size.
    package mutating func reserve(byteCount: Int, fieldCount: Int) {
        makeRoom(for: byteCount + fieldCount * FieldLayout.lengthsByteCount)
    }

    /// Makes room for so many bytes behind those that are there.
    @inline(__always)
    private mutating func makeRoom(for byteCount: Int) {
        if bytes.count - end < byteCount { grow(by: byteCount) }
    }

    private mutating func grow(by byteCount: Int) {
        let missing = max(end + byteCount, 2 * bytes.count) - bytes.count
        bytes.append(addingCapacity: missing) { room in room.append(repeating: 0, count: missing) }
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
        let start = end
        unsafe addField(name, valueCount: value.byteCount) { room in
            unsafe value.withUnsafeBytes { value in unsafe room.copyMemory(from: value) }
        }
        if !isLowerCase { lower(start + FieldLayout.lengthsByteCount, name.byteCount) }
    }

    /// Adds a field behind the last one, whose value is `write` into the room that it is given.
    @inline(__always)
    private mutating func addField(
        _ name: RawSpan, valueCount: Int, _ write: (UnsafeMutableRawBufferPointer) -> Void
    ) {
        let start = end
        let middle = start + FieldLayout.lengthsByteCount + name.byteCount
        makeRoom(for: middle - start + valueCount)
        end = middle + valueCount
        count += 1
        note(Self.kind(of: name))
        unsafe bytes.withUnsafeMutableBytes { bytes in
            // There is room, as was just seen to.
            guard let field = unsafe bytes.baseAddress?.advanced(by: start) else { return }
            unsafe field.storeBytes(of: UInt32(clamping: name.byteCount), as: UInt32.self)
            unsafe field.storeBytes(of: UInt32(clamping: valueCount), toByteOffset: 4, as: UInt32.self)
            let text = unsafe field + FieldLayout.lengthsByteCount
            unsafe name.withUnsafeBytes { name in
                unsafe UnsafeMutableRawBufferPointer(start: text, count: name.count).copyMemory(from: name)
            }
            unsafe write(UnsafeMutableRawBufferPointer(start: text + name.byteCount, count: valueCount))
        }
    }

    @inline(__always)
    private mutating func note(_ kind: UInt64) {
        repeatedKinds |= kinds & kind
        kinds |= kind
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

    /// The same with a value of so many bytes, all of which `write` appends to the room it is given. A field that is the only
    /// one of its name, and as long, stays where it stands: nothing but its value changes.
    package mutating func set(_ name: String, byteCount: Int, writing write: (inout OutputSpan<UInt8>) -> Void) {
        let value = room(for: byteCount, of: name)
        unsafe bytes.withUnsafeMutableBufferPointer { bytes in
            let room = unsafe UnsafeMutableBufferPointer(rebasing: bytes[value])
            var output = unsafe OutputSpan(buffer: room, initializedCount: 0)
            write(&output)
            let written = unsafe output.finalize(for: room)
            precondition(written == byteCount, "A value is as long as was said before.")
        }
    }

    /// The place of the value of the one field of this name, which has this length.
    private mutating func room(for byteCount: Int, of name: String) -> Range<Int> {
        let nameSpan = unsafe name.utf8.span.bytes
        if let only = find(nameSpan, from: 0), only.valueCount == byteCount,
            find(nameSpan, from: only.end) == nil
        {
            return only.value
        }
        remove(name)
        unsafe addField(nameSpan, valueCount: byteCount) { _ in }
        return end - byteCount..<end
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
        while let place = placeOfName(beginning: prefix, from: position) {
            position = place.start
            remove(place)
        }
    }

    private func placeOfName(beginning prefix: StaticString, from start: Int) -> Place? {
        let all = unsafe bytes.span.bytes
        return Self.firstPlace(in: all, from: start, before: end) { place in
            all.extracting(place.name).begins(asCGI: prefix)
        }
    }

    private mutating func remove(_ place: Place) {
        unsafe bytes.withUnsafeMutableBytes { bytes in
            let behind = unsafe UnsafeRawBufferPointer(rebasing: bytes[place.end..<end])
            unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[place.start...]).copyMemory(from: behind)
        }
        end -= place.end - place.start
        count -= 1
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
        guard first.valueCount == text.utf8.count else { return false }
        return unsafe bytes.span.bytes.extracting(first.value).isEqual(to: text.utf8.span.bytes)
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
        _ = Self.firstPlace(in: all, from: 0, before: end) { place in
            let name = all.extracting(place.name)
            if !FieldName(name).isWritten(inRequest: inRequest) { body(name, all.extracting(place.value)) }
            return false
        }
    }

    /// What ``write(to:inRequest:)`` appends at most.
    var writtenByteCount: Int { byteCount + 4 * count }

    /// Appends `name: value` and CRLF for each field whose name the writer does not make itself.
    func write(to room: inout OutputSpan<UInt8>, inRequest: Bool) {
        // Seen to once, so that the pieces, four for each field, are copied and no more.
        precondition(room.freeCapacity >= writtenByteCount, "There is room for what is written.")
        unsafe room.withUnsafeMutableBufferPointer { room, used in
            guard let start = room.baseAddress else { return }
            var next = unsafe UnsafeMutableRawPointer(start + used)
            forEachWritten(inRequest: inRequest) { name, value in
                unsafe Self.put(name, followedBy: Self.colonAndBlank, &next)
                unsafe Self.put(value, followedBy: Self.lineEnd, &next)
            }
            used = unsafe next - UnsafeMutableRawPointer(start)
        }
    }

    private static let colonAndBlank = UInt16(UInt8(ascii: ":")) | 0x20 << 8
    private static let lineEnd: UInt16 = 13 | 10 << 8

    /// Copies a piece and two bytes behind it, of which the first stands lower.
    @inline(__always)
    private static func put(_ piece: RawSpan, followedBy two: UInt16, _ next: inout UnsafeMutableRawPointer) {
        unsafe piece.withUnsafeBytes { piece in
            unsafe UnsafeMutableRawBufferPointer(start: next, count: piece.count).copyMemory(from: piece)
        }
        unsafe next += piece.byteCount
        unsafe next.storeBytes(of: two.littleEndian, as: UInt16.self)
        unsafe next += 2
    }

    /// The field that lies at a position; nil at the end.
    private func place(at start: Int) -> Place? { unsafe Self.place(in: bytes.span.bytes, at: start, before: end) }

    @inline(__always)
    private static func place(in all: RawSpan, at start: Int, before end: Int) -> Place? {
        guard start < end else { return nil }
        precondition(
            start >= 0 && all.byteCount - start >= FieldLayout.lengthsByteCount, "A field begins with its lengths.")
        return Place(
            start: start,
            nameCount: Int(unsafe all.unsafeLoadUnaligned(fromUncheckedByteOffset: start, as: UInt32.self)),
            valueCount: Int(unsafe all.unsafeLoadUnaligned(fromUncheckedByteOffset: start + 4, as: UInt32.self)))
    }

    @inline(__always)
    private static func kind(of name: RawSpan) -> UInt64 { name.byteCount > 0 ? 1 << UInt64(name.kindOfName) : 0 }

    private func find(_ name: RawSpan, from start: Int) -> Place? {
        let nameCount = name.byteCount
        guard nameCount > 0, (start == 0 ? kinds : repeatedKinds) & Self.kind(of: name) != 0 else { return nil }
        let all = unsafe bytes.span.bytes
        // Most have another length; the first letters are often `x-`.
        return Self.firstPlace(in: all, from: start, before: end) { place in
            place.nameCount == nameCount && all.extracting(place.name).isEqual(to: name)
        }
    }

    /// The first field from a position on that is wanted.
    @inline(__always)
    private static func firstPlace(
        in all: RawSpan, from start: Int, before end: Int, where isWanted: (Place) -> Bool
    ) -> Place? {
        precondition(start >= 0 && end <= all.byteCount, "Fields lie where there are bytes.")
        var position = start
        // By hand: half of what is done with fields is to pass by them.
        while position < end {
            precondition(end &- position >= FieldLayout.lengthsByteCount, "A field begins with its lengths.")
            let place = Place(
                start: position,
                nameCount: Int(unsafe all.unsafeLoadUnaligned(fromUncheckedByteOffset: position, as: UInt32.self)),
                valueCount: Int(
                    unsafe all.unsafeLoadUnaligned(fromUncheckedByteOffset: position &+ 4, as: UInt32.self)))
            if isWanted(place) { return place }
            position = place.end
        }
        return nil
    }

    private func text(of place: Place) -> String { unsafe bytes.span.bytes.extracting(place.value).text }
}

extension RawSpan {
    /// True if this begins so, `_` and `-` being the same.
    @inline(__always)
    fileprivate func begins(asCGI prefix: StaticString) -> Bool {
        guard byteCount >= prefix.utf8CodeUnitCount else { return false }
        for index in 0..<prefix.utf8CodeUnitCount where unsafe at(index).asCGI != prefix.utf8Start[index].asCGI {
            return false
        }
        return true
    }
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
        while let place = Self.place(in: all, at: position, before: end) {
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
        let start = end
        makeRoom(for: fields.byteCount)
        end += fields.byteCount
        unsafe bytes.withUnsafeMutableBytes { bytes in
            unsafe fields.withUnsafeBytes { fields in
                unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[start...]).copyMemory(from: fields)
            }
        }
        var position = 0
        while let place = Self.place(in: fields, at: position, before: fields.byteCount) {
            count += 1
            note(Self.kind(of: fields.extracting(place.name)))
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
