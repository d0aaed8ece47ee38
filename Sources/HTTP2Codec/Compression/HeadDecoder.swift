// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import HTTPCodec

/// Undoes the compression of the heads that come on a connection (RFC 7541), all of them in their order, also of those that
/// are of no use to anybody: each may change the table that the next one refers to.
struct HeadDecoder: Sendable {
    private var table = FieldTable()
    private let standard = StandardFields.shared
    private let code = HuffmanCode.standard
    /// Beyond it a number is of no use, whatever it counts.
    private static let numberMost = 1 << 24

    /// Adds the fields of a block to `head`. A failure is the connection's: without these fields the tables of the two sides
    /// are no longer the same. `most` bounds what a head may be in the end: a few bytes can refer to large fields.
    mutating func decode(_ block: RawSpan, into head: inout DecodedHead, most: Int) throws(HTTP2Failure) {
        var position = 0
        var mayResize = true
        while position < block.byteCount {
            let first = unsafe block.unsafeLoad(fromByteOffset: position, as: UInt8.self)
            if first & 0x80 != 0 {
                try addIndexed(try Self.number(block, &position, bits: 7), to: &head)
            } else if first & 0xe0 == 0x20 {
                let limit = try Self.number(block, &position, bits: 5)
                guard mayResize, limit <= FieldTable.standardLimit else { throw Self.failure }
                table.setLimit(limit)
                continue
            } else {
                let isKept = first & 0xc0 == 0x40
                let index = try Self.number(block, &position, bits: isKept ? 6 : 4)
                try addLiteral(index, block, &position, to: &head, isKept: isKept)
            }
            mayResize = false
            guard head.byteCount <= most else {
                throw HTTP2Failure(.enhanceYourCalm, FloodGuard.sentence(.headBytes), limit: .headBytes)
            }
        }
    }

    private static var failure: HTTP2Failure { HTTP2Failure(.compressionError, "the compression of a head is broken") }

    private func addIndexed(_ index: Int, to head: inout DecodedHead) throws(HTTP2Failure) {
        if index > 0, index <= StandardFields.count {
            let place = standard.places[index]
            let bytes = unsafe standard.bytes.span.bytes
            // An empty value is as sound as any other.
            return head.add(name: bytes.extracting(place.name), value: bytes.extracting(place.value), isSound: true)
        }
        guard let entry = table.entry(ofAge: index - StandardFields.count - 1) else { throw Self.failure }
        let bytes = unsafe table.bytes.span.bytes
        head.add(
            name: bytes.extracting(entry.name), value: bytes.extracting(entry.value), isSound: entry.isSound)
    }

    private mutating func addLiteral(
        _ index: Int, _ block: RawSpan, _ position: inout Int, to head: inout DecodedHead, isKept: Bool
    ) throws(HTTP2Failure) {
        if index == 0 {
            try putText(block, &position)
        } else if index <= StandardFields.count {
            let standard = standard
            table.put(unsafe standard.bytes.span.bytes.extracting(standard.places[index].name))
        } else {
            guard let entry = table.entry(ofAge: index - StandardFields.count - 1) else { throw Self.failure }
            table.putName(of: entry)
        }
        let nameCount = table.newCount
        try putText(block, &position)
        let isSound = addNew(nameCount, to: &head, isKept: isKept)
        if isKept { table.keep(nameCount: nameCount, hash: 0, isSound: isSound) } else { table.drop() }
    }

    /// Adds the field that stands at the end of the table; whether it is sound, if that matters later.
    private func addNew(_ nameCount: Int, to head: inout DecodedHead, isKept: Bool) -> Bool {
        let bytes = unsafe table.bytes.span.bytes.extracting(droppingFirst: table.newStart)
        let name = bytes.extracting(0..<nameCount)
        let value = bytes.extracting(droppingFirst: nameCount)
        let isSound = isKept && DecodedHead.isSound(name, value)
        head.add(name: name, value: value, isSound: isSound)
        return isSound
    }

    /// A text, as it is or coded (RFC 7541 section 5.2).
    private mutating func putText(_ block: RawSpan, _ position: inout Int) throws(HTTP2Failure) {
        guard position < block.byteCount else { throw Self.failure }
        let isCoded = unsafe block.unsafeLoad(fromByteOffset: position, as: UInt8.self) & 0x80 != 0
        let count = try Self.number(block, &position, bits: 7)
        guard count <= block.byteCount - position else { throw Self.failure }
        let text = block.extracting(position..<position + count)
        position += count
        guard isCoded else { return table.put(text) }
        guard table.put(coded: text, code) else { throw Self.failure }
    }

    /// A number that begins in the lowest bits of a byte (RFC 7541 section 5.1).
    @inline(__always)
    private static func number(_ block: RawSpan, _ position: inout Int, bits: UInt8) throws(HTTP2Failure) -> Int {
        let most = 1 << Int(bits) - 1
        var number = Int(unsafe block.unsafeLoad(fromByteOffset: position, as: UInt8.self)) & most
        position += 1
        if number < most { return number }
        var shift = 0
        while position < block.byteCount, shift <= 21 {
            let byte = Int(unsafe block.unsafeLoad(fromByteOffset: position, as: UInt8.self))
            position += 1
            number += (byte & 0x7f) << shift
            guard number <= numberMost else { throw failure }
            if byte & 0x80 == 0 { return number }
            shift += 7
        }
        throw failure
    }
}
