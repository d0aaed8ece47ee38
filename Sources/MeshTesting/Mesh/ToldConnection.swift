// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation

/// A connection as a sidecar tells of it: in the one line of the log when it has ended, or in the admin list while it lives.
package struct ToldConnection: Decodable, Sendable, CustomStringConvertible {
    package let id: UInt64
    package let direction: String
    package let client: String
    package let claimedClient: String?
    package let originalDestination: String?
    package let upstream: String?
    package let service: String?
    package let listener: String?
    package let route: String?
    package let `protocol`: String
    package let security: String
    package let tlsVersion: String?
    package let cipher: String?
    package let peer: String?
    package let reused: Bool?
    package let plaintextReason: String?
    package let trace: String?
    package let downstreamBytesReceived: UInt64
    package let downstreamBytesSent: UInt64
    package let upstreamBytesReceived: UInt64
    package let upstreamBytesSent: UInt64

    // The log alone.
    package let outcome: String?
    package let code: String?
    package let reason: String?
    package let durationMs: Double?

    // The list alone.
    package let state: String?
    package let ageMs: Double?

    package var description: String {
        "\(direction) \(client) -> \(originalDestination ?? "?") \(self.protocol) \(security) "
            + "\(peer ?? plaintextReason ?? "-"): \(outcome ?? state ?? "?") \(code ?? "") \(reason ?? "")"
    }

    static func decode<Value: Decodable>(_ type: Value.Type, _ text: some StringProtocol) throws -> Value {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(type, from: Data(text.utf8))
    }
}

extension MeshPod {
    /// Every connection that the sidecar has told of in its log, which must be in JSON.
    package var told: [ToldConnection] {
        get throws {
            try proxy.wholeLines.filter { $0.contains("\"message\":\"connection\"") }
                .map { try ToldConnection.decode(ToldConnection.self, $0) }
        }
    }

    /// Waits for the line of a finished connection.
    @discardableResult
    package func tells(
        _ what: String, _ isMeant: (ToldConnection) -> Bool
    ) async throws -> ToldConnection {
        do {
            return try await eventually("\(name) tells of \(what)") { try told.first(where: isMeant) }
        } catch {
            throw DidNotHappen("\(error)\n--- output\n\(proxy.output)\n--- error\n\(proxy.error)")
        }
    }

    /// Waits for the line of a connection in this direction to this port.
    @discardableResult
    package func tells(
        _ direction: String, to port: Int, outcome: String? = nil
    ) async throws -> ToldConnection {
        try await tells("an \(direction) connection to \(port)\(outcome.map { " that is \($0)" } ?? "")") {
            $0.direction == direction && $0.originalDestination?.hasSuffix(":\(port)") == true
                && (outcome == nil || $0.outcome == outcome)
        }
    }

    /// Waits for another line of the log.
    @discardableResult
    package func says(_ text: String) async throws -> String { try await proxy.line(containing: text) }
}
