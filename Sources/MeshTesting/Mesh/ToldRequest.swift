// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation

/// A request as a sidecar tells of it in its log.
package struct ToldRequest: Decodable, Sendable, CustomStringConvertible {
    package let direction: String
    package let client: String
    package let security: String
    package let peer: String?
    package let method: String
    package let authority: String
    package let path: String
    package let status: Int
    package let grpcStatus: Int?
    /// What it came as: `http/1` or `http/2`.
    package let `protocol`: String
    package let service: String?
    package let listener: String?
    package let route: String?
    package let upstream: String?
    package let attempts: Int
    package let requestBytes: UInt64
    package let responseBytes: UInt64
    package let trace: String?
    package let authorization: String?
    package let audit: String?
    package let outcome: String
    package let code: String
    package let reason: String?

    package var description: String {
        "\(direction) \(method) \(authority) \(path): \(status) \(outcome) \(code) \(reason ?? "") attempts=\(attempts)"
    }
}

extension MeshPod {
    /// Every request that the sidecar has told of, which must log in JSON.
    package var toldRequests: [ToldRequest] {
        get throws {
            try proxy.wholeLines.filter { $0.contains("\"message\":\"request\"") }
                .map { try ToldConnection.decode(ToldRequest.self, $0) }
        }
    }

    /// Waits for the line of a request.
    @discardableResult
    package func tellsRequest(
        _ what: String, _ matches: @escaping @Sendable (ToldRequest) -> Bool
    ) async throws -> ToldRequest {
        try await eventually("the line of \(what) from \(name)") { [self] in try toldRequests.last(where: matches) }
    }
}
