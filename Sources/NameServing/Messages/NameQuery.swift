// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes

/// A question as a client sends it, read strictly: one question, and beside it at most the OPT record and what signs it.
package struct NameQuery: Hashable, Sendable {
    /// What the client says of EDNS (RFC 6891).
    package struct Options: Hashable, Sendable {
        /// The longest datagram that the client takes.
        package let datagramByteCount: Int
        package let version: UInt8
        /// The client understands DNSSEC and says so; an answer repeats it (RFC 3225).
        package let wantsProof: Bool
    }

    package let header: QueryHeader
    package let name: QueriedName
    package let type: RecordType
    /// IN is 1; nothing of the mesh is in any other.
    package let recordClass: UInt16
    package let options: Options?
    /// The question as it came: name, type and class.
    package let question: [UInt8]

    /// A question brings an OPT record and perhaps a signature.
    private static let recordsMax = 4
    static let internet: UInt16 = 1

    package init(_ message: RawSpan) throws(QueryFlaw) {
        var cursor = ByteCursor(message)
        guard let header = try? QueryHeader(&cursor), !header.isResponse else { throw .unanswerable }
        if let code = header.flaw { throw .refused(header, code) }
        guard let parts = try? Self.parts(&cursor, header), cursor.isAtEnd else { throw .refused(header, .malformed) }
        self.header = header
        (name, type, recordClass, options) = (parts.name, parts.type, parts.recordClass, parts.options)
        question = message.extracting(QueryHeader.byteCount..<parts.questionEnd).array
        guard options == nil || options?.version == 0 else { throw .refusedVersion(self) }
    }

    private typealias Parts = (
        name: QueriedName, type: RecordType, recordClass: UInt16, questionEnd: Int, options: Options?
    )

    /// Nil where the bytes are there but make no sense.
    private static func parts(_ cursor: inout ByteCursor, _ header: QueryHeader) throws(ByteCursorError) -> Parts? {
        guard let name = try QueriedName.read(&cursor) else { return nil }
        let type = RecordType(number: try cursor.u16())
        let recordClass = try cursor.u16()
        let questionEnd = cursor.offset
        guard header.additionalCount <= recordsMax else { return nil }
        var options: Options?
        for _ in 0..<header.additionalCount {
            guard let isAtRoot = try skipName(&cursor) else { return nil }
            let type = RecordType(number: try cursor.u16())
            let (size, rest) = (try cursor.u16(), try cursor.u32())
            _ = try cursor.vector16()
            guard type == .options else { continue }
            // Two of them, or one that belongs to a name, is an error (section 6.1.1).
            guard options == nil, isAtRoot else { return nil }
            options = Options(
                datagramByteCount: Int(size), version: UInt8(truncatingIfNeeded: rest >> 16),
                wantsProof: rest & 0x8000 != 0)
        }
        return (name, type, recordClass, questionEnd, options)
    }

    /// Passes over the name of a record without following it; whether it is the root, or nil where it is no name.
    private static func skipName(_ cursor: inout ByteCursor) throws(ByteCursorError) -> Bool? {
        var isAtRoot = true
        while true {
            let count = Int(try cursor.u8())
            if count == 0 { return isAtRoot }
            isAtRoot = false
            switch count {
            case 0xc0...:
                try cursor.skip(1)
                return false
            case ...QueriedName.labelByteCountMax: try cursor.skip(count)
            default: return nil
            }
        }
    }
}

/// What is wrong with a message that is no question which can be answered.
package enum QueryFlaw: Error, Equatable {
    /// Too short to have an identifier, or itself an answer: to answer that would let two servers talk for ever.
    case unanswerable
    /// Only the header is believed.
    case refused(QueryHeader, ResponseCode)
    /// It is in a version of EDNS that is not known.
    case refusedVersion(NameQuery)
}

/// The first twelve bytes (RFC 1035 section 4.1.1).
package struct QueryHeader: Hashable, Sendable {
    package static let byteCount = 12

    package let identifier: UInt16
    package let flags: UInt16
    let questionCount: Int
    /// Answers and authorities, which no question has.
    let answerCount: Int
    let additionalCount: Int

    init(_ cursor: inout ByteCursor) throws(ByteCursorError) {
        identifier = try cursor.u16()
        flags = try cursor.u16()
        questionCount = Int(try cursor.u16())
        answerCount = Int(try cursor.u16()) + Int(try cursor.u16())
        additionalCount = Int(try cursor.u16())
    }

    var isResponse: Bool { flags & 0x8000 != 0 }
    var operation: UInt16 { flags >> 11 & 0xf }
    var isTruncated: Bool { flags & 0x0200 != 0 }
    var wantsRecursion: Bool { flags & 0x0100 != 0 }

    /// What forbids to read on.
    var flaw: ResponseCode? {
        guard operation == 0 else { return .notImplemented }
        return questionCount == 1 && answerCount == 0 && !isTruncated ? nil : .malformed
    }
}
