// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation

/// A port of a service as `/endpoints` of a sidecar tells of it.
package struct ToldService: Decodable, Sendable {
    package struct Breaker: Decodable, Sendable {
        package let open: Bool
        package let requests: Int
    }

    package struct Endpoint: Decodable, Sendable {
        package let address: String
        package let security: String
        package let peer: String?
        /// `healthy`, `resting` or `ejected`.
        package let state: String
        package let until: String?
        package let underWay: Int
        package let reached: UInt64
        package let unreachable: UInt64
        package let successes: UInt64
        package let failures: UInt64
        package let latencyMs: Double?
    }

    package let service: String
    package let port: Int
    package let breaker: Breaker?
    package let endpoints: [Endpoint]
}

/// A span as `/traces` tells it.
package struct ToldSpan: Decodable, Sendable {
    package struct Attribute: Decodable, Sendable {
        package struct Value: Decodable, Sendable {
            package let stringValue: String?
            package let intValue: String?
        }

        package let key: String
        package let value: Value
    }

    package let traceId: String
    package let spanId: String
    package let parentSpanId: String?
    package let name: String
    package let kind: Int
    package let startTimeUnixNano: String
    package let endTimeUnixNano: String
    package let attributes: [Attribute]

    /// An attribute, whatever its type.
    package subscript(_ key: String) -> String? {
        attributes.first { $0.key == key }.flatMap { $0.value.stringValue ?? $0.value.intValue }
    }
}

extension MeshPod {
    private struct ServiceListing: Decodable {
        let services: [ToldService]
    }

    private struct TraceListing: Decodable {
        struct Resource: Decodable { let scopeSpans: [Scope] }
        struct Scope: Decodable { let spans: [ToldSpan] }
        let resourceSpans: [Resource]
    }

    /// What the sidecar knows of the services that are called.
    package func services() async throws -> [ToldService] {
        let answer = try await ask("/endpoints")
        guard answer.status == 200 else { throw DidNotHappen("\(name): /endpoints \(answer)") }
        return try ToldConnection.decode(ServiceListing.self, answer.body).services
    }

    /// The spans that the sidecar keeps.
    package func spans() async throws -> [ToldSpan] {
        let answer = try await ask("/traces")
        guard answer.status == 200 else { throw DidNotHappen("\(name): /traces \(answer)") }
        return try JSONDecoder().decode(TraceListing.self, from: Data(answer.body.utf8)).resourceSpans
            .flatMap(\.scopeSpans).flatMap(\.spans)
    }
}
