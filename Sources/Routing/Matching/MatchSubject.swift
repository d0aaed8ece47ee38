// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import HTTPCodec
internal import MeshModel

/// What matches ask about a request; the query is taken apart once, and only if somebody asks.
struct MatchSubject {
    private let request: HTTPRequest
    let path: String
    private lazy var parameters = QueryParameters(request.target)

    init(request: HTTPRequest, path: String) {
        self.request = request
        self.path = path
    }

    var method: String { request.method }

    /// Of a name in lower case. `host` and `upgrade` are not among the fields of a request, but may be asked for.
    func header(_ name: String) -> String? {
        switch name {
        case "host": request.authority
        case "upgrade": request.upgrade
        default: request.fields.joined(name)
        }
    }

    mutating func queryParameter(_ name: String) -> [UInt8]? { parameters.first(name) }
}

/// The parameters of a query: `name=value`, joined by `&`, percent-decoded. A `+` stays one: that it stands for a space
/// is a habit of forms, not of URIs. A percent sign that no two digits follow stands for itself.
struct QueryParameters {
    private let all: [(name: [UInt8], value: [UInt8])]

    init(_ target: String) {
        let bytes = Array(target.utf8)
        guard let mark = bytes.firstIndex(of: UInt8(ascii: "?")) else {
            all = []
            return
        }
        all = bytes[(mark + 1)...].split(separator: UInt8(ascii: "&")).map { piece in
            let parts = piece.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let value = parts.count == 2 ? parts[1] : []
            return (Self.decoded(parts.first ?? []), Self.decoded(value))
        }
    }

    /// The value of the first parameter of this name.
    func first(_ name: String) -> [UInt8]? { all.first { $0.name.elementsEqual(name.utf8) }?.value }

    private static func decoded(_ text: ArraySlice<UInt8>) -> [UInt8] {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(text.count)
        var rest = text
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%"), let high = rest.first.flatMap({ Hexadecimal.value(of: $0) }),
                let low = rest.dropFirst().first.flatMap({ Hexadecimal.value(of: $0) })
            else {
                decoded.append(byte)
                continue
            }
            decoded.append(high << 4 | low)
            rest = rest.dropFirst(2)
        }
        return decoded
    }
}
