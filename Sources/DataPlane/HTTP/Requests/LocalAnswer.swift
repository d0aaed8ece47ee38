// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import HTTPCodec
internal import MeshModel
internal import Telemetry

/// An answer of the proxy's own: the code and a sentence, in a field for programs and in the body for people.
struct LocalAnswer {
    /// The field that carries the code; a server's own answer never has it.
    static let codeField = "x-weft-code"

    var head: HTTPResponse
    let body: [UInt8]

    /// A caller of gRPC gets the same as a status of gRPC's own, in a head without a body ("Trailers-Only" in the
    /// protocol's description).
    init(_ outcome: ErrorCode, status: Int, detail: String, isGRPC: Bool = false) {
        let sentence = detail.isEmpty ? outcome.meaning : "\(outcome.meaning) (\(detail))"
        if isGRPC {
            body = []
            head = HTTPResponse(status: 200)
            head.fields.add("content-type", "application/grpc")
            head.fields.add(GRPC.statusField, String(GRPC.status(outcome, httpStatus: status)))
            head.fields.add("grpc-message", GRPC.encoded("\(outcome.label) \(sentence)"))
            head.fields.add(Self.codeField, outcome.label)
            return
        }
        body = Array("\(outcome.label) \(sentence.printable)\n".utf8)
        head = HTTPResponse(status: status)
        head.fields.add("content-type", "text/plain; charset=utf-8")
        head.fields.add(Self.codeField, outcome.label)
        head.body = .length(UInt64(body.count))
    }

    /// To something that is not a request with one meaning.
    init(_ refusal: HTTPRefusal) {
        self.init(refusal.outcome, status: refusal.status, detail: refusal.sentence)
    }
}

extension ErrorCode {
    /// The status of a request that came to this.
    var status: Int {
        switch self {
        case .requestMalformed, .malformedHTTP2: 400
        case .requestDenied: 403
        case .routeNotFound: 404
        case .requestHeadTimeout: 408
        case .rateLimited: 429
        case .requestMisdirected: 421
        case .requestTooLarge: 431
        case .backendMissing, .expressionTooCostly, .internalFault: 500
        case .responseMissing, .responseMalformed, .responseCut, .serverReset, .peerCut, .protocolViolation: 502
        case .requestUnsupported: 501
        case .connectTimeout, .openTimeout, .requestTimeout, .requestIdle, .handshakeTimeout: 504
        default: 503
        }
    }
}

extension HTTPRefusal {
    /// What it is called in logs and metrics, where it refuses a request.
    var outcome: ErrorCode { if case .tooLarge = self { .requestTooLarge } else { .requestMalformed } }
}
