// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
internal import HTTPCodec

/// Writes heads for a connection (RFC 7541): what was sent before as a reference of a byte or two, everything else as plain
/// text. Between two sidecars most of a head is the same from one request to the next.
///
/// A field is looked for by the hash of its name and value in a table of places, the newest one of those that share places
/// having them: not to find a field costs some bytes, and nothing else.
struct HeadEncoder: ~Copyable, Sendable {
    /// What becomes of a field in the peer's table.
    private enum Form: UInt8 {
        /// RFC 7541 section 6.2.1.
        case kept = 0x40
        /// Section 6.2.2: another value each time, which would push out what comes again.
        case passing = 0x00
        /// Section 6.2.3: nobody on the way may ever put it into a table either, where it could be guessed.
        case secret = 0x10

        /// How many bits of the first byte hold the number of the name.
        var bits: UInt8 { self == .kept ? 6 : 4 }
    }

    /// Where an entry comes from. One from a message's fields serves no other kind of message, in which its name may be one
    /// that we write ourselves.
    private enum Origin: UInt8 {
        case own = 0
        case request = 1
        case response = 2
    }

    private static let placeCount = 1 << 7
    private static let namePlaceCount = 1 << 6
    /// Chosen by us: a name may take a few values in turn (`content-type`), and one that changes slowly (`date`) comes often
    /// enough in between.
    private static let freeValues: UInt8 = 8
    private static let timesInRow: UInt8 = 8
    /// A head with all numbers at their longest.
    private static let fieldOverhead = 16

    private var table = FieldTable()
    private let standard = StandardFields.shared
    private struct Name: Sendable {
        var madeCount: UInt32 = 0
        /// The hash of the field of this name that came last and was not in the table, and how many times in a row it did.
        var missed: UInt32 = 0
        var missedCount: UInt8 = 0
        /// Values that were kept.
        var keptCount: UInt8 = 0
    }

    /// By hash of name and value, and by hash of the name: how many entries had been made with the one that is meant.
    private var fields = [UInt32](repeating: 0, count: Self.placeCount)
    private var names = [Name](repeating: Name(), count: Self.namePlaceCount)
    /// Limits that the peer has set and not been told of yet (RFC 7541 section 4.2): the lowest in between, and the last.
    private var lowest: Int?
    private var isResized = false

    /// The peer has said how large a table it keeps.
    mutating func setLimit(_ limit: Int) {
        // More than this costs memory on both sides and finds little more.
        let limit = min(limit, FieldTable.standardLimit)
        guard limit != table.limit || isResized else { return }
        lowest = min(lowest ?? limit, limit)
        table.setLimit(limit)
        isResized = true
    }

    /// Appends the compressed form of a request's head.
    mutating func encode(_ request: borrowing HTTPRequest, to output: inout [UInt8]) {
        let room = request.method.utf8.count + request.authority.utf8.count + request.target.utf8.count + 256
        withRoom(room + Self.room(request.fields), in: &output) { encoder, output in
            let isConnect = request.method == "CONNECT"
            switch request.method {
            case "GET": output.append(0x80 | UInt8(StandardFields.Known.get))
            case "POST": output.append(0x80 | UInt8(StandardFields.Known.post))
            default: encoder.field(":method", StandardFields.Known.get, request.method, .kept, &output)
            }
            if !isConnect {
                let place = request.scheme == "https" ? StandardFields.Known.https : StandardFields.Known.http
                output.append(0x80 | UInt8(place))
            }
            if !request.authority.isEmpty {
                encoder.field(":authority", StandardFields.Known.authority, request.authority, .kept, &output)
            }
            if !isConnect {
                // To compare a text of any length is slower than to ask for its length.
                if request.target.utf8.count == 1, request.target == "/" {
                    output.append(0x80 | UInt8(StandardFields.Known.path))
                } else {
                    encoder.field(":path", StandardFields.Known.path, request.target, .passing, &output)
                }
            }
            if case .length(let length) = request.body { encoder.length(length, &output) }
            if request.acceptsTrailers { encoder.field("te", 0, "trailers", .kept, &output) }
            if request.expectsContinue { encoder.field("expect", 0, "100-continue", .kept, &output) }
            encoder.all(request.fields, inRequest: true, &output)
        }
    }

    /// Appends the compressed form of a response's head.
    mutating func encode(_ response: borrowing HTTPResponse, to output: inout [UInt8]) {
        withRoom(128 + Self.room(response.fields), in: &output) { encoder, output in
            if let place = StandardFields.Known.place(ofStatus: response.status) {
                output.append(0x80 | UInt8(place))
            } else {
                encoder.field(":status", StandardFields.Known.status, String(response.status), .kept, &output)
            }
            if let length = response.writtenLength { encoder.length(length, &output) }
            encoder.all(response.fields, inRequest: false, &output)
        }
    }

    /// Appends the compressed form of trailers.
    mutating func encode(trailers: borrowing HTTPFields, to output: inout [UInt8]) {
        withRoom(Self.room(trailers), in: &output) { encoder, output in
            encoder.all(trailers, inRequest: true, &output)
        }
    }

    private static func room(_ fields: borrowing HTTPFields) -> Int { fields.byteCount + fields.count * fieldOverhead }

    private mutating func withRoom(
        _ byteCount: Int, in output: inout [UInt8], _ body: (inout HeadEncoder, inout OutputSpan<UInt8>) -> Void
    ) {
        output.append(addingCapacity: byteCount + 2 * Self.fieldOverhead) { output in
            if isResized {
                if let lowest, lowest < table.limit { Self.append(lowest, bits: 5, first: 0x20, &output) }
                Self.append(table.limit, bits: 5, first: 0x20, &output)
                (isResized, lowest) = (false, nil)
            }
            body(&self, &output)
        }
    }

    private mutating func all(
        _ fields: borrowing HTTPFields, inRequest: Bool, _ output: inout OutputSpan<UInt8>
    ) {
        let origin = inRequest ? Origin.request : .response
        fields.forEachLaidOut { field, nameCount in
            let hash = FieldHash.of(laidOut: field, nameCount: nameCount)
            if let age = age(of: field, hash, origin) {
                Self.append(StandardFields.count + 1 + age, bits: 7, first: 0x80, &output)
            } else {
                add(field, nameCount, hash, origin, &output)
            }
        }
    }

    /// A field has two places, so that two that would share one do not push each other out for ever.
    @inline(__always)
    private func age(of field: RawSpan, _ hash: UInt32, _ origin: Origin) -> Int? {
        let slot = Self.slot(hash)
        if let age = table.age(of: fields[slot]), isEntry(age, field, origin) { return age }
        if let age = table.age(of: fields[slot ^ 1]), isEntry(age, field, origin) { return age }
        return nil
    }

    /// The entry of this age is this field, of the same kind of message: which says all there is to say of it, that it is
    /// written, and kept.
    @inline(__always)
    private func isEntry(_ age: Int, _ field: RawSpan, _ origin: Origin) -> Bool {
        guard let entry = table.entry(ofAge: age), entry.mark == origin.rawValue else { return false }
        return unsafe table.bytes.span.bytes.extracting(entry.laidOut).isEqual(to: field)
    }

    /// Writes a field that is not in the table.
    private mutating func add(
        _ field: RawSpan, _ nameCount: Int, _ hash: UInt32, _ origin: Origin, _ output: inout OutputSpan<UInt8>
    ) {
        let name = field.extracting(FieldLayout.lengthsByteCount..<FieldLayout.lengthsByteCount + nameCount)
        let value = field.extracting(droppingFirst: FieldLayout.lengthsByteCount + nameCount)
        var form: Form
        switch HTTPFields.writing(name, inRequest: origin == .request) {
        case .never: return
        // Its name stands in neither table: never in ours, as its values are not kept.
        case .unique: return Self.appendLiteral(0, name, value, .passing, &output)
        case .always: form = Self.form(name, value)
        }
        let nameHash = FieldHash.of(name)
        if form == .kept, isChanging(nameHash, hash) { form = .passing }
        Self.appendLiteral(index(ofName: name, nameHash), name, value, form, &output)
        guard form == .kept else { return }
        table.put(field)
        keep(nameCount, hash, nameHash, origin)
    }

    /// What would do harm or no good in a table (RFC 7541 section 7.1.3).
    private static func form(_ name: RawSpan, _ value: RawSpan) -> Form {
        switch name.byteCount {
        case 3: name.isEqual(to: StaticString("age").bytes) ? .passing : .kept
        case 4: name.isEqual(to: StaticString("etag").bytes) ? .passing : .kept
        // One that is short can be guessed.
        case 6: value.byteCount < 20 && name.isEqual(to: StaticString("cookie").bytes) ? .secret : .kept
        case 8: name.isEqual(to: StaticString("location").bytes) ? .passing : .kept
        case 10: name.isEqual(to: StaticString("set-cookie").bytes) ? .secret : .kept
        case 13:
            name.isEqual(to: StaticString("authorization").bytes)
                ? .secret : name.isEqual(to: StaticString("if-none-match").bytes) ? .passing : .kept
        case 17: name.isEqual(to: StaticString("if-modified-since").bytes) ? .passing : .kept
        case 19: name.isEqual(to: StaticString("proxy-authorization").bytes) ? .secret : .kept
        default: value.byteCount > FieldTable.standardLimit / 4 ? .passing : .kept
        }
    }

    private mutating func length(_ length: UInt64, _ output: inout OutputSpan<UInt8>) {
        // Its digits, from the last one on: no text is made of them.
        var digits = [20 of UInt8](repeating: 0)
        var (first, rest) = (digits.count, length)
        repeat {
            first -= 1
            digits[first] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        } while rest > 0
        let value = unsafe digits.span.bytes.extracting(first..<digits.count)
        Self.appendLiteral(StandardFields.contentLength, RawSpan(), value, .passing, &output)
    }

    private mutating func field(
        _ name: StaticString, _ place: Int, _ value: String, _ form: Form, _ output: inout OutputSpan<UInt8>
    ) {
        unsafe field(name.bytes, place, value.utf8.span.bytes, form, &output)
    }

    /// A name that has had many values has got another one, which has not yet come often enough in a row to be kept: values
    /// that differ from one message to the next (who of many clients asks) would push out all that does not.
    private mutating func isChanging(_ nameHash: UInt32, _ hash: UInt32) -> Bool {
        let slot = Self.nameSlot(nameHash)
        if names[slot].missed != hash {
            names[slot].missed = hash
            names[slot].missedCount = 0
        }
        if names[slot].missedCount < .max { names[slot].missedCount += 1 }
        return names[slot].keptCount >= Self.freeValues && names[slot].missedCount < Self.timesInRow
    }

    /// Writes a field that we make ourselves. `place` is where its name stands in the standard table; zero if it does not.
    private mutating func field(
        _ name: RawSpan, _ place: Int, _ value: RawSpan, _ form: Form, _ output: inout OutputSpan<UInt8>
    ) {
        guard form == .kept else { return Self.appendLiteral(place, name, value, form, &output) }
        let nameHash = FieldHash.of(name)
        let hash = FieldHash.of(value, after: nameHash)
        let slot = Self.slot(hash)
        for other in 0...1 {
            guard let age = table.age(of: fields[slot ^ other]), let entry = table.entry(ofAge: age), entry.hash == hash
            else {
                continue
            }
            let bytes = unsafe table.bytes.span.bytes
            if bytes.extracting(entry.name).isEqual(to: name), bytes.extracting(entry.value).isEqual(to: value) {
                return Self.append(StandardFields.count + 1 + age, bits: 7, first: 0x80, &output)
            }
        }
        let index = place > 0 ? place : self.index(ofName: name, nameHash)
        Self.appendLiteral(index, name, value, form, &output)
        table.begin()
        table.put(name)
        table.put(value)
        keep(name.byteCount, hash, nameHash, .own)
    }

    /// Makes an entry of what stands at the end of the table, and remembers where it is to be looked for.
    private mutating func keep(_ nameCount: Int, _ hash: UInt32, _ nameHash: UInt32, _ origin: Origin) {
        table.keep(nameCount: nameCount, hash: hash, mark: origin.rawValue)
        let slot = Self.slot(hash)
        fields[table.age(of: fields[slot]) == nil ? slot : slot ^ 1] = table.madeCount
        let nameSlot = Self.nameSlot(nameHash)
        names[nameSlot].madeCount = table.madeCount
        if names[nameSlot].keptCount < .max { names[nameSlot].keptCount += 1 }
    }

    // The uppermost bits, which the last letter of a value changes most.
    private static func slot(_ hash: UInt32) -> Int { Int(hash >> 25) }
    private static func nameSlot(_ hash: UInt32) -> Int { Int(hash >> 26) }

    /// Where a name stands in either table; zero if it does not.
    private func index(ofName name: RawSpan, _ hash: UInt32) -> Int {
        let place = standard.place(named: name, hash: hash)
        if place > 0 { return place }
        guard let age = table.age(of: names[Self.nameSlot(hash)].madeCount),
            let entry = table.entry(ofAge: age),
            unsafe table.bytes.span.bytes.extracting(entry.name).isEqual(to: name)
        else { return 0 }
        return StandardFields.count + 1 + age
    }

    private static func appendLiteral(
        _ index: Int, _ name: RawSpan, _ value: RawSpan, _ form: Form, _ output: inout OutputSpan<UInt8>
    ) {
        append(index, bits: form.bits, first: form.rawValue, &output)
        if index == 0 {
            append(name.byteCount, bits: 7, first: 0, &output)
            output.append(name)
        }
        append(value.byteCount, bits: 7, first: 0, &output)
        output.append(value)
    }

    /// RFC 7541 section 5.1.
    @inline(__always)
    private static func append(_ number: Int, bits: UInt8, first: UInt8, _ output: inout OutputSpan<UInt8>) {
        let most = 1 << Int(bits) - 1
        if number < most { return output.append(first | UInt8(truncatingIfNeeded: number)) }
        output.append(first | UInt8(truncatingIfNeeded: most))
        var rest = number - most
        while rest >= 128 {
            output.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        output.append(UInt8(truncatingIfNeeded: rest))
    }
}

extension HTTPResponse {
    /// What `content-length` says, by the rules of ``HTTPWriter``.
    fileprivate var writtenLength: UInt64? {
        guard status >= 200, status != 204 else { return nil }
        if body == .none { return absentLength }
        if status != 304, case .length(let length) = body { return length }
        return nil
    }
}

extension OutputSpan<UInt8> {
    /// Appends a piece for which there is room.
    fileprivate mutating func append(_ piece: RawSpan) {
        precondition(freeCapacity >= piece.byteCount, "There is room for what is written.")
        unsafe piece.withUnsafeBytes { piece in
            unsafe withUnsafeMutableBufferPointer { room, count in
                let free = unsafe UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(room)[count...])
                unsafe free.copyMemory(from: piece)
                count += piece.count
            }
        }
    }
}
