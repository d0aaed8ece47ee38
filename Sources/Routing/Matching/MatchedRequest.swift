// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import HTTPCodec
internal import MeshModel

extension HTTPRequest {
    /// What matches ask for by the name of a field, in lower case. `host` and `upgrade` are not among the fields of a request,
    /// but may be asked for.
    func matchedField(_ name: String) -> String? {
        switch name {
        case "host": authority
        case "upgrade": upgrade
        default: fields.joined(name)
        }
    }

    /// True if that is this text, byte by byte.
    func matchesField(_ name: String, _ value: String) -> Bool {
        switch name {
        case "host": authority.hasBytes(of: value)
        case "upgrade": upgrade?.hasBytes(of: value) ?? false
        default: fields.joined(name, isEqualTo: value)
        }
    }
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
