// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes

/// The head of an HTTP/1 request (RFC 9112 sections 2 to 5), read strictly: what two parsers could read differently is an
/// error.
package struct RequestHead: Equatable, Sendable {
    package struct Field: Equatable, Sendable {
        /// Lower case.
        package let name: String
        package let value: String
    }

    package let method: String
    /// As it stands in the request line.
    package let target: String
    package let isHTTP11: Bool
    package let fields: [Field]

    package init(method: String, target: String, isHTTP11: Bool, fields: [Field]) {
        self.method = method
        self.target = target
        self.isHTTP11 = isHTTP11
        self.fields = fields
    }

    /// The value of a field that stands exactly once.
    package func value(_ name: String) -> String? {
        let found = fields.filter { $0.name == name }
        return found.count == 1 ? found.first?.value : nil
    }

    /// The path without query.
    package var path: String { String(target.prefix { $0 != "?" }) }
}

/// How much of a request head is read.
package struct HeadLimits: Sendable {
    package var headBytes = 65_536
    package var fieldCount = 128
    package var targetBytes = 16_384

    package init() {}
}

/// Why a head is refused, with the sentence that the response carries.
package enum HeadError: Error, Equatable, Sendable {
    case malformed(String)
    /// Which limit, and its value.
    case tooLarge(String, Int)
    case versionNotSupported

    package var status: Int {
        switch self {
        case .malformed: 400
        case .tooLarge(let what, _): what == "target" ? 414 : 431
        case .versionNotSupported: 505
        }
    }

    package var sentence: String {
        switch self {
        case .malformed(let what): what
        case .tooLarge(let what, let limit): "the \(what) exceeds the limit of \(limit)"
        case .versionNotSupported: "only HTTP/1.0 and HTTP/1.1 are spoken here"
        }
    }
}

/// Reads request heads from bytes as they come.
package struct RequestHeadParser: Sendable {
    private let limits: HeadLimits

    package init(_ limits: HeadLimits = HeadLimits()) { self.limits = limits }

    /// The head at the beginning of `bytes` and its length; nil while the empty line that ends it has not come.
    package func parse(_ bytes: [UInt8]) throws(HeadError) -> (head: RequestHead, length: Int)? {
        guard let end = Self.end(of: bytes) else {
            guard bytes.count <= limits.headBytes else { throw .tooLarge("head", limits.headBytes) }
            // A line that ends in a bare LF never ends for us; it is told at once instead of being waited for.
            try Self.refuseBareLineEnds(bytes[...])
            return nil
        }
        guard end <= limits.headBytes else { throw .tooLarge("head", limits.headBytes) }
        try Self.refuseBareLineEnds(bytes[..<end])
        var lines = Self.lines(bytes[..<(end - 4)])
        guard !lines.isEmpty else { throw .malformed("there is no request line") }
        let first = lines.removeFirst()
        guard lines.count <= limits.fieldCount else { throw .tooLarge("number of fields", limits.fieldCount) }
        let (method, target, isHTTP11) = try requestLine(first)
        var fields: [RequestHead.Field] = []
        for line in lines { fields.append(try Self.field(line)) }
        if isHTTP11 {
            guard fields.count(where: { $0.name == "host" }) == 1 else {
                throw .malformed("an HTTP/1.1 request has exactly one Host")
            }
        }
        return (RequestHead(method: method, target: target, isHTTP11: isHTTP11, fields: fields), end)
    }

    private static func end(of bytes: [UInt8]) -> Int? {
        guard bytes.count >= 4 else { return nil }
        for index in 3..<bytes.count where bytes[index] == 10 && bytes[index - 1] == 13 {
            if bytes[index - 2] == 10, bytes[index - 3] == 13 { return index + 1 }
        }
        return nil
    }

    private static func refuseBareLineEnds(_ bytes: ArraySlice<UInt8>) throws(HeadError) {
        for index in bytes.indices {
            if bytes[index] == 10, index == bytes.startIndex || bytes[index - 1] != 13 {
                throw .malformed("a line ends without CR")
            }
            if bytes[index] == 13, index + 1 < bytes.endIndex, bytes[index + 1] != 10 {
                throw .malformed("a CR stands without LF")
            }
            if bytes[index] == 0 { throw .malformed("there is a NUL") }
        }
    }

    private static func lines(_ head: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
        head.split(separator: 10, omittingEmptySubsequences: false).map { line in
            line.last == 13 ? line.dropLast() : line
        }
    }

    private func requestLine(
        _ line: ArraySlice<UInt8>
    ) throws(HeadError) -> (method: String, target: String, isHTTP11: Bool) {
        let parts = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard parts.count == 3, !parts[0].isEmpty, parts[0].allSatisfy(\.isTokenCharacter) else {
            throw .malformed("the request line is not `method target version`")
        }
        guard parts[1].count <= limits.targetBytes else { throw .tooLarge("target", limits.targetBytes) }
        guard !parts[1].isEmpty, parts[1].allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw .malformed("the target holds bytes that must be encoded")
        }
        let isHTTP11 = parts[2].elementsEqual("HTTP/1.1".utf8)
        guard isHTTP11 || parts[2].elementsEqual("HTTP/1.0".utf8) else { throw .versionNotSupported }
        return (
            String(decoding: parts[0], as: UTF8.self), String(decoding: parts[1], as: UTF8.self), isHTTP11
        )
    }

    private static func field(_ line: ArraySlice<UInt8>) throws(HeadError) -> RequestHead.Field {
        guard let first = line.first, first != UInt8(ascii: " "), first != UInt8(ascii: "\t") else {
            throw .malformed("a field is folded over two lines")
        }
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { throw .malformed("a field has no colon") }
        let name = line[..<colon]
        guard !name.isEmpty, name.allSatisfy(\.isTokenCharacter) else {
            throw .malformed("a field name is not a token")
        }
        var value = line[(colon + 1)...]
        while let byte = value.first, byte == 0x20 || byte == 0x09 { value = value.dropFirst() }
        while let byte = value.last, byte == 0x20 || byte == 0x09 { value = value.dropLast() }
        guard value.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 }) else {
            throw .malformed("a field value holds control characters")
        }
        return RequestHead.Field(
            name: String(decoding: name, as: UTF8.self).lowercased(), value: String(decoding: value, as: UTF8.self))
    }
}
