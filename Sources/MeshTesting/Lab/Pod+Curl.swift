// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation

/// What curl saw.
package struct CurlResult: Sendable, CustomStringConvertible {
    /// The connection was reset, or ended without an answer: 56 and 52, and 7 where the reset was there before curl had looked
    /// at what came of its connect.
    package var wasReset: Bool { [56, 52, 7].contains(exitCode) }

    /// The exit code of curl itself: 0, 7 for refused, 28 for too slow, 52 for an empty reply, 56 for a reset.
    package let exitCode: Int32
    /// The HTTP status; 0 where there was no answer.
    package let status: Int
    package let body: String
    package let error: String

    package var description: String { "curl \(exitCode), HTTP \(status): \(body)\(error)" }
}

extension Pod {
    /// Runs the real curl inside, quiet and never longer than ten seconds.
    package func curl(_ arguments: String..., as user: UInt32? = nil) async throws -> CurlResult {
        try await curl(arguments, as: user)
    }

    package func curl(_ arguments: [String], as user: UInt32?) async throws -> CurlResult {
        let marker = "\n--status:"
        let result = try await run(
            ["curl", "-sS", "-m", "10", "-w", "\(marker)%{http_code}"] + arguments, as: user)
        let parts = result.output.components(separatedBy: marker)
        return CurlResult(
            exitCode: result.status, status: parts.count > 1 ? Int(parts[parts.count - 1]) ?? 0 : 0, body: parts[0],
            error: result.error)
    }
}
