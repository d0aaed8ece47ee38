// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import HTTPCodec
internal import MeshModel
internal import Routing

/// What a proxy has to know of gRPC: how its calls are recognised, and how they end (the protocol's description,
/// `PROTOCOL-HTTP2.md`; the codes in `statuscodes.md`).
enum GRPC {
    static let statusField = "grpc-status"

    /// The status of a call that came to this outcome here; where the outcome says nothing of its own, what clients make
    /// of the status of HTTP (`http-grpc-status-mapping.md`).
    static func status(_ outcome: ErrorCode, httpStatus: Int) -> Int {
        switch outcome {
        case .requestTimeout, .requestIdle: 4
        case .requestDenied, .denied: 7
        case .rateLimited, .breakerOpen, .requestTooLarge: 8
        case .routeNotFound: 12
        default:
            switch httpStatus {
            case 400: 13
            case 401: 16
            case 403: 7
            case 404: 12
            case 429, 502, 503, 504: 14
            default: 2
            }
        }
    }

    /// A message as `grpc-message` has it: percent-encoded but for printable ASCII.
    static func encoded(_ message: String) -> String {
        var encoded = ""
        for byte in message.utf8 {
            if (0x20...0x7e).contains(byte), byte != UInt8(ascii: "%") {
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                encoded += digits.utf8.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return encoded
    }
}

extension HTTPRequest {
    var isGRPC: Bool {
        method == "POST" && fields.first("content-type")?.hasPrefix("application/grpc") ?? false
    }
}

extension HTTPFields {
    /// How a call of gRPC ended: 0 is well.
    var grpcStatus: Int? {
        first(GRPC.statusField).flatMap { Int($0) }.flatMap { (0...99).contains($0) ? $0 : nil }
    }
}

extension RequestResult {
    /// What the status of a call says of who answered it: unavailable and the faults of a server count against it, what is
    /// the caller's business does not.
    init(grpcStatus: Int) {
        switch grpcStatus {
        case 2, 13, 14, 15: self = .serverError(retryAfter: nil)
        case 8: self = .overloaded(retryAfter: nil)
        default: self = .success
        }
    }
}
