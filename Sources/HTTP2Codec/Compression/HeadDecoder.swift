// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import HTTPCodec
internal import MeshModel

/// What comes of heads on a connection: the fields of one after the other, and what they make together. They are held as one,
/// and asked as one, because each access from the session is checked when it runs.
struct HeadReader: ~Copyable, Sendable {
    private var decoder = HeadDecoder()
    /// What the last block has made.
    var head: DecodedHead

    init(_ settings: HTTPSettings) { head = DecodedHead(settings) }

    /// Reads a block into ``head``.
    mutating func read(_ block: RawSpan, as kind: DecodedHead.Kind, most: Int) throws(HTTP2Failure) {
        head.begin(kind)
        try decoder.decode(block, into: &head, most: most)
    }
}

/// Undoes the compression of the heads that come on a connection (RFC 7541), all of them in their order, also of those that
/// are of no use to anybody: each may change the table that the next one refers to.
struct HeadDecoder: ~Copyable, Sendable {
    private var table = FieldTable()
    private let standard = StandardFields.shared
    private let code = HuffmanCode.standard
    /// How the table marks what is plain.
    private let plain = DecodedHead.Known.plain.rawValue
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
                try addIndexed(try Self.number(block, &position, bits: 7), block, &position, to: &head)
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

    /// Adds the field with an index, and with it those that are referred to behind it and lie behind it in the table: what was
    /// entered with one head comes again with the next ones, and goes into them in one piece.
    private func addIndexed(
        _ index: Int, _ block: RawSpan, _ position: inout Int, to head: inout DecodedHead
    ) throws(HTTP2Failure) {
        if index > 0, index <= StandardFields.count {
            let place = standard.places[index]
            let bytes = unsafe standard.bytes.span.bytes
            let value = bytes.extracting(place.value)
            if let pseudo = place.pseudo { return head.add(pseudo, value: value) }
            // An empty value is as sound as any other.
            return head.add(name: bytes.extracting(place.name), value: value, known: .sound)
        }
        let age = index - StandardFields.count - 1
        guard let entry = table.entry(ofAge: age) else { throw Self.failure }
        let bytes = unsafe table.bytes.span.bytes
        var fields = entry.laidOut
        var last = age
        if entry.mark == plain {
            while let end = endOfPlain(last - 1, block, position), last > 0 {
                fields = fields.lowerBound..<end
                last -= 1
                position += 1
            }
        }
        if last < age, head.add(plain: bytes.extracting(fields), count: age - last + 1) { return }
        for age in stride(from: age, through: last, by: -1) {
            guard let entry = table.entry(ofAge: age) else { throw Self.failure }
            let known = DecodedHead.Known(rawValue: entry.mark) ?? .nothing
            head.add(laidOut: bytes.extracting(entry.laidOut), nameCount: entry.nameCount, known: known)
        }
    }

    /// Where the entry of an age ends, if it is plain and the block goes on with a reference to it, of one byte.
    @inline(__always)
    private func endOfPlain(_ age: Int, _ block: RawSpan, _ position: Int) -> Int? {
        let index = StandardFields.count + 1 + age
        guard position < block.byteCount, index < 0x7f,
            Int(unsafe block.unsafeLoad(fromByteOffset: position, as: UInt8.self)) == 0x80 | index,
            let entry = table.entry(ofAge: age), entry.mark == plain
        else { return nil }
        return entry.laidOut.upperBound
    }

    private mutating func addLiteral(
        _ index: Int, _ block: RawSpan, _ position: inout Int, to head: inout DecodedHead, isKept: Bool
    ) throws(HTTP2Failure) {
        if !isKept, try addPassing(index, block, &position, to: &head) { return }
        table.begin()
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
        let known = addNew(nameCount, to: &head, isKept: isKept)
        if isKept { table.keep(nameCount: nameCount, hash: 0, mark: known.rawValue) } else { table.drop() }
    }

    /// Adds a field that is not kept straight from the block. False, with nothing done, where some of it is coded.
    private func addPassing(
        _ index: Int, _ block: RawSpan, _ position: inout Int, to head: inout DecodedHead
    ) throws(HTTP2Failure) -> Bool {
        var next = position
        if index == 0 {
            guard let name = try Self.plainText(block, &next), let value = try Self.plainText(block, &next) else {
                return false
            }
            head.add(name: block.extracting(name), value: block.extracting(value), known: .nothing)
        } else if index <= StandardFields.count {
            guard let value = try Self.plainText(block, &next) else { return false }
            let place = standard.places[index]
            if let pseudo = place.pseudo {
                head.add(pseudo, value: block.extracting(value))
            } else {
                let name = unsafe standard.bytes.span.bytes.extracting(place.name)
                head.add(name: name, value: block.extracting(value), known: .nothing)
            }
        } else {
            guard let entry = table.entry(ofAge: index - StandardFields.count - 1) else { throw Self.failure }
            guard let value = try Self.plainText(block, &next) else { return false }
            let name = unsafe table.bytes.span.bytes.extracting(entry.name)
            head.add(name: name, value: block.extracting(value), known: .nothing)
        }
        position = next
        return true
    }

    /// Adds the field that stands at the end of the table; what is known of it, if that matters later.
    private func addNew(_ nameCount: Int, to head: inout DecodedHead, isKept: Bool) -> DecodedHead.Known {
        let bytes = unsafe table.bytes.span.bytes.extracting(droppingFirst: table.newStart)
        let name = bytes.extracting(0..<nameCount)
        let value = bytes.extracting(droppingFirst: nameCount)
        let known = isKept ? DecodedHead.judge(name, value) : .nothing
        head.add(name: name, value: value, known: known)
        return known
    }

    /// Where a text stands; nil, with nothing read, if it is coded.
    private static func plainText(_ block: RawSpan, _ position: inout Int) throws(HTTP2Failure) -> Range<Int>? {
        guard position < block.byteCount else { throw failure }
        guard unsafe block.unsafeLoad(fromByteOffset: position, as: UInt8.self) & 0x80 == 0 else { return nil }
        let count = try number(block, &position, bits: 7)
        guard count <= block.byteCount - position else { throw failure }
        let start = position
        position += count
        return start..<position
    }

    /// A text, as it is or coded (RFC 7541 section 5.2).
    private mutating func putText(_ block: RawSpan, _ position: inout Int) throws(HTTP2Failure) {
        if let text = try Self.plainText(block, &position) { return table.put(block.extracting(text)) }
        let count = try Self.number(block, &position, bits: 7)
        guard count <= block.byteCount - position else { throw Self.failure }
        let text = block.extracting(position..<position + count)
        position += count
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
