// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ControlAPI
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import MeshModel
internal import NIOCore

/// What a request comes with: its connection, which knows who is on the other side.
struct CallContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: Source) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }

    /// The address of the other side, for limits and the audit log.
    var peer: String { channel.remoteAddress?.ipAddress ?? "local" }
}

/// A request that has been read.
struct Call: Sendable {
    let request: Request
    let context: CallContext
    let body: [UInt8]

    func parameter(_ name: String) -> String { context.parameters.get(name)?.removingPercentEncoding ?? "" }
    func query(_ name: String) -> String? { request.uri.queryParameters.get(name) }
}

/// What is answered.
struct Answer: Sendable {
    var status: HTTPResponse.Status = .ok
    var type = "application/json"
    var body: [UInt8] = []

    var statusNumber: Int { status.code }

    static func message(_ message: some ControlMessage) -> Answer { Answer(body: message.encode()) }
    static let nothing = Answer(status: .noContent)

    var response: Response {
        var headers = HTTPFields()
        if !body.isEmpty { headers[.contentType] = type }
        headers[.cacheControl] = "no-store"
        return Response(
            status: status, headers: headers,
            body: body.isEmpty ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }

    /// What is wrong, as JSON with the first problem on top and all of them below.
    static func problems(_ problems: Problems) -> Answer {
        let first = problems.all[0]
        return Answer(status: first.code.status, body: ProblemsAnswer(problems).encode())
    }
}

extension ErrorCode {
    /// The HTTP status that says nearly the same.
    var status: HTTPResponse.Status {
        switch self {
        case .unauthenticated: .unauthorized
        case .forbidden, .identityDenied, .identityFrozen, .joinTokenInvalid, .joinTokenExpired, .joinTokenUsed,
            .graceOver, .certificateSuperseded:
            .forbidden
        case .resourceMissing, .revisionMissing, .pathMissing, .watchOver: .notFound
        case .writeConflict, .wrongRotationStep, .rotationIncomplete: .conflict
        case .tooManyAttempts: .tooManyRequests
        case .bodyTooLarge: .contentTooLarge
        case .mediaType: .unsupportedMediaType
        case .storeUnavailable, .storeUncertain, .storeUnusable, .controlClosing, .authorityNotReady, .leaseLost:
            .serviceUnavailable
        case .internalFault: .internalServerError
        case .controlMessage, .badRequest: .badRequest
        default: .unprocessableContent
        }
    }
}
