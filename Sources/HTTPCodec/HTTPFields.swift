// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes

/// The header or trailer fields of a message, in the order they came, names in lower case.
///
/// All of them lie one after the other in one array, with a table of where each one is: a head of twenty fields costs two
/// allocations instead of forty, and what goes on is copied in one piece.
package struct HTTPFields: Equatable, Sendable {
    private struct Entry: Equatable, Sendable {
        let start: Int32
        let nameLength: Int32
        let valueLength: Int32
    }

    private var bytes: [UInt8] = []
    private var entries: [Entry] = []

    package init() {}

    package var count: Int { entries.count }
    package var isEmpty: Bool { entries.isEmpty }
    /// Names and values together.
    package var byteCount: Int { bytes.count }

    /// Makes room for a head of this size.
    package mutating func reserve(byteCount: Int, fieldCount: Int) {
        bytes.reserveCapacity(byteCount)
        entries.reserveCapacity(fieldCount)
    }

    /// Appends a field. The caller vouches for both: a token, and a value without control characters.
    package mutating func add(_ name: String, _ value: String) {
        let start = bytes.count
        bytes.append(contentsOf: name.utf8)
        lower(from: start)
        let middle = bytes.count
        bytes.append(contentsOf: value.utf8)
        entries.append(
            Entry(
                start: Int32(clamping: start), nameLength: Int32(clamping: middle - start),
                valueLength: Int32(clamping: bytes.count - middle)))
    }

    /// The same from bytes.
    package mutating func add(name: ArraySlice<UInt8>, value: ArraySlice<UInt8>) {
        let start = bytes.count
        bytes.append(contentsOf: name)
        lower(from: start)
        bytes.append(contentsOf: value)
        entries.append(
            Entry(
                start: Int32(clamping: start), nameLength: Int32(clamping: name.count),
                valueLength: Int32(clamping: value.count)))
    }

    /// The same from a head as it was read.
    package mutating func add(name: RawSpan, value: RawSpan) {
        let start = bytes.count
        unsafe name.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
        lower(from: start)
        unsafe value.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
        entries.append(
            Entry(
                start: Int32(clamping: start), nameLength: Int32(clamping: name.byteCount),
                valueLength: Int32(clamping: value.byteCount)))
    }

    /// Calls `body` with each field whose name the writers do not make themselves.
    package func forEachWritten(inRequest: Bool, _ body: (_ name: RawSpan, _ value: RawSpan) -> Void) {
        let all = unsafe bytes.span.bytes
        for entry in entries {
            let start = Int(entry.start)
            let middle = start + Int(entry.nameLength)
            let name = all.extracting(start..<middle)
            if FieldName(name).isWritten(inRequest: inRequest) { continue }
            body(name, all.extracting(middle..<middle + Int(entry.valueLength)))
        }
    }

    /// Appends `name: value` and CRLF for each field whose name the writer does not make itself.
    func write(to output: inout [UInt8], inRequest: Bool) {
        forEachWritten(inRequest: inRequest) { name, value in
            unsafe name.withUnsafeBytes { unsafe output.append(contentsOf: $0) }
            output.append(UInt8(ascii: ":"))
            output.append(UInt8(ascii: " "))
            unsafe value.withUnsafeBytes { unsafe output.append(contentsOf: $0) }
            output.append(13)
            output.append(10)
        }
    }

    /// The value of the first field of this name (lower case).
    package func first(_ name: String) -> String? {
        index(of: name, from: 0).map { String(decoding: value(at: $0), as: UTF8.self) }
    }

    package func contains(_ name: String) -> Bool { index(of: name, from: 0) != nil }

    /// Every value of this name, in order.
    package func values(_ name: String) -> [String] {
        var found: [String] = []
        var position = 0
        while let index = index(of: name, from: position) {
            found.append(String(decoding: value(at: index), as: UTF8.self))
            position = index + 1
        }
        return found
    }

    /// All values of this name joined by commas, as RFC 9110 section 5.3 lets them be; nil if there is none.
    package func joined(_ name: String) -> String? {
        let all = values(name)
        return all.isEmpty ? nil : all.joined(separator: ", ")
    }

    package mutating func remove(_ name: String) {
        guard let first = index(of: name, from: 0) else { return }
        entries.remove(at: first)
        while let next = index(of: name, from: first) { entries.remove(at: next) }
    }

    /// Every value of this name, and of names that differ only by `_` in the place of `-`: CGI and its many descendants make
    /// one name of both (RFC 3875 section 4.1.18).
    package func valuesAsCGI(_ name: String) -> [String] {
        let wanted = Array(name.utf8).map(Self.asCGI)
        var found: [String] = []
        for index in entries.indices where self.name(at: index).lazy.map(Self.asCGI).elementsEqual(wanted) {
            found.append(String(decoding: value(at: index), as: UTF8.self))
        }
        return found
    }

    /// Removes every field whose name begins like this (lower case), with `_` for `-` too.
    package mutating func removeAll(beginning prefix: StaticString) {
        guard entries.contains(where: { begins($0, prefix) }) else { return }
        entries = entries.filter { !begins($0, prefix) }
    }

    private func begins(_ entry: Entry, _ prefix: StaticString) -> Bool {
        guard Int(entry.nameLength) >= prefix.utf8CodeUnitCount else { return false }
        let start = Int(entry.start)
        return prefix.withUTF8Buffer { wanted in
            wanted.indices.allSatisfy { unsafe Self.asCGI(bytes[start + $0]) == Self.asCGI(wanted[$0]) }
        }
    }

    private static func asCGI(_ byte: UInt8) -> UInt8 { byte == UInt8(ascii: "_") ? UInt8(ascii: "-") : byte }

    /// Replaces every field of this name by one.
    package mutating func set(_ name: String, _ value: String) {
        remove(name)
        add(name, value)
    }

    /// Calls `body` with each field in order.
    package func forEach(_ body: (_ name: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>) -> Void) {
        for index in entries.indices { body(name(at: index), value(at: index)) }
    }

    private func name(at index: Int) -> ArraySlice<UInt8> {
        let entry = entries[index]
        return bytes[Int(entry.start)..<Int(entry.start + entry.nameLength)]
    }

    private func value(at index: Int) -> ArraySlice<UInt8> {
        let entry = entries[index]
        let start = Int(entry.start + entry.nameLength)
        return bytes[start..<start + Int(entry.valueLength)]
    }

    private func index(of name: String, from start: Int) -> Int? {
        let length = Int32(clamping: name.utf8.count)
        // Most have another length or another last letter; the first ones are often `x-`.
        guard let last = name.utf8.last else { return nil }
        var index = start
        while index < entries.count {
            let entry = entries[index]
            if entry.nameLength == length, bytes[Int(entry.start + length) - 1] == last, matches(entry, name) {
                return index
            }
            index += 1
        }
        return nil
    }

    private func matches(_ entry: Entry, _ name: String) -> Bool {
        var position = Int(entry.start)
        for byte in name.utf8 {
            if bytes[position] != byte { return false }
            position += 1
        }
        return true
    }

    /// Puts what was appended last into lower case.
    private mutating func lower(from start: Int) {
        unsafe bytes.withUnsafeMutableBufferPointer { bytes in
            for index in start..<bytes.count { unsafe bytes[index] = bytes[index].lowercased }
        }
    }

    package static func == (left: HTTPFields, right: HTTPFields) -> Bool {
        guard left.count == right.count else { return false }
        return left.entries.indices.allSatisfy { index in
            left.name(at: index) == right.name(at: index) && left.value(at: index) == right.value(at: index)
        }
    }
}
