// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// A limit of ``HTTPSettings``, or of the codec's own, as refusals name it.
package enum HTTPLimit: Equatable, Sendable {
    /// The start line and all fields.
    case head
    /// The fields after a chunked body.
    case trailers
    case fieldCount
    case target
    /// What `Connection` names.
    case connectionOptions
    /// Size and extensions of one chunk, and all extensions of a body.
    case chunkExtensions

    var name: String {
        switch self {
        case .head: "head"
        case .trailers: "trailer section"
        case .fieldCount: "number of fields"
        case .target: "target"
        case .connectionOptions: "number of connection options"
        case .chunkExtensions: "size of chunk extensions"
        }
    }

    /// The field of the configuration that says how much; nil: it is fixed.
    var field: String? {
        switch self {
        case .head, .trailers: "http.headBytes"
        case .fieldCount, .connectionOptions: "http.fieldCount"
        case .target: "http.targetBytes"
        case .chunkExtensions: nil
        }
    }
}

/// Why a message is refused, with the sentence that the response carries.
package enum HTTPRefusal: Error, Equatable, Sendable {
    /// Against the grammar, or readable in two ways.
    case malformed(String)
    /// Larger than is taken; what was seen is told where it is known, for a message that is not whole yet it is not.
    case tooLarge(HTTPLimit, seen: Int?, limit: Int)
    case versionNotSupported
    /// A transfer coding other than `chunked`.
    case unsupportedTransferCoding
    /// An expectation other than `100-continue`.
    case expectationFailed
    /// The connection ended inside a message.
    case cut

    /// What a client is answered. A refused response is a 502 to the client, whatever stands here.
    package var status: Int {
        switch self {
        case .malformed, .cut: 400
        case .tooLarge(.target, _, _): 414
        case .tooLarge: 431
        case .versionNotSupported: 505
        case .unsupportedTransferCoding: 501
        case .expectationFailed: 417
        }
    }

    /// One line, without anything that the peer has sent.
    package var sentence: String {
        switch self {
        case .malformed(let what): return what
        case .tooLarge(let what, let seen, let limit):
            let amount = seen.map { " (\($0))" } ?? ""
            let place = what.field.map { "the limit of \(limit) (\($0))" } ?? "\(limit) bytes"
            return "the \(what.name)\(amount) exceeds \(place)"
        case .versionNotSupported: return "only HTTP/1.0 and HTTP/1.1 are spoken here"
        case .unsupportedTransferCoding: return "of the transfer codings only `chunked` is spoken here"
        case .expectationFailed: return "of the expectations only `100-continue` is known here"
        case .cut: return "the connection ended in the middle of a message"
        }
    }
}
