// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// What is counted of requests in one direction: bounded, since part of the labels comes from outside.
package struct RequestCounters: Sendable {
    package struct Key: Hashable, Sendable {
        package let service: ResourceReference?
        package let route: String?
        package let status: Int
        package let outcome: ErrorCode
        package let security: String
    }

    /// Beyond so many kinds, what is new is counted without service and route: nothing is lost, only told less exactly.
    package static let kindsMax = 1_000

    package private(set) var finished: [Key: UInt64] = [:]
    package private(set) var durations = Histogram(bounds: Histogram.durationBounds)
    package private(set) var requestBytes: UInt64 = 0
    package private(set) var responseBytes: UInt64 = 0

    package init() {}

    package mutating func finish(_ record: RequestRecord) {
        // The status is a server's to choose: three digits, so that there are at most five hundred.
        let status = (100...599).contains(record.status) ? record.status : 0
        var key = Key(
            service: record.service, route: record.route, status: status, outcome: record.outcome,
            security: record.security.label)
        if finished[key] == nil, finished.count >= Self.kindsMax {
            key = Key(
                service: nil, route: nil, status: status / 100 * 100, outcome: record.outcome,
                security: record.security.label)
        }
        finished[key, default: 0] += 1
        durations.observe(record.duration)
        requestBytes += record.requestBytes
        responseBytes += record.responseBytes
    }

    package mutating func merge(_ other: RequestCounters) {
        finished.merge(other.finished, uniquingKeysWith: +)
        durations.merge(other.durations)
        requestBytes += other.requestBytes
        responseBytes += other.responseBytes
    }
}

extension DataPlaneCounters {
    /// Counts a request that is over.
    package mutating func finish(_ record: RequestRecord) { self[record.direction].requests.finish(record) }
}
