// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// What limits of a circuit breaker there are.
package enum BreakerLimit: String, Hashable, Sendable, CaseIterable {
    /// Connections to the service.
    case connections
    /// Requests that wait for a connection.
    case pending
    /// Requests under way.
    case requests
    /// Retries under way, or their budget.
    case retries
}

/// What is counted of requests by their service, route and so on.
///
/// Part of the labels comes from outside, so that their kinds are bounded: beyond a limit what is new is counted as
/// "other", and kinds that have not counted for long are evicted. A data thread hands its numbers over when it is asked and
/// begins anew; the control thread adds them up and evicts. So a number that is told only grows, whatever thread it comes
/// from, until its kind is evicted; when that comes back it begins at zero, as after a restart.
package struct RequestCounters: Sendable {
    package struct Kind: Hashable, Sendable {
        package let direction: TrafficDirection
        package let service: ResourceReference?
        package let route: String?
        /// Proved by the handshake.
        package let peer: SPIFFEID?
        package let spoken: DetectedProtocol
        package let status: Int
        package let grpcStatus: Int?
        package let outcome: ErrorCode
        package let security: String
        /// It stands for all that found no room.
        package let isOther: Bool
    }

    package struct ServiceKind: Hashable, Sendable {
        package let direction: TrafficDirection
        package let service: ResourceReference?
        package let isOther: Bool
    }

    package struct Count: Sendable {
        package fileprivate(set) var total: UInt64 = 0
        fileprivate var seenAt = Instant(nanoseconds: 0)
    }

    package struct Traffic: Sendable {
        package fileprivate(set) var durations = Histogram(bounds: Histogram.durationBounds)
        package fileprivate(set) var requestBytes: UInt64 = 0
        package fileprivate(set) var responseBytes: UInt64 = 0
        package fileprivate(set) var refusals: [BreakerLimit: UInt64] = [:]
        fileprivate var seenAt = Instant(nanoseconds: 0)
    }

    /// Beyond so many kinds, what is new is counted without service, route and peer: nothing is lost, only told less
    /// exactly. Two thousand samples are about half a megabyte for whoever scrapes.
    package static let kindsMax = 2_000
    /// The same for services, each of which has a histogram: twenty samples.
    package static let servicesMax = 200

    package private(set) var finished = SeriesTable<Kind, Count>()
    /// Those of them that stand for others: few, and beside the limit.
    private var otherCount = 0
    package private(set) var services = SeriesTable<ServiceKind, Traffic>()
    /// Requests that were counted as "other".
    package private(set) var overflowed: UInt64 = 0
    /// Kinds that are no longer told.
    package private(set) var evicted: UInt64 = 0

    package init() {}

    package mutating func finish(_ record: RequestRecord) {
        let now = record.startedAt + record.duration
        // The status is a server's to choose: three digits, so that there are at most five hundred.
        let status = (100...599).contains(record.status) ? record.status : 0
        let grpcStatus = record.grpcStatus.map(Self.known)
        if let place = finished.recentPlace(where: { $0.isKind(of: record, status, grpcStatus) }) {
            finished[valueAt: place].add(1, seenAt: now)
        } else {
            add(1, Kind(record, status, grpcStatus), seenAt: now)
        }
        let service =
            services.recentPlace(where: { $0.isKind(of: record) })
            ?? place(of: ServiceKind(direction: record.direction, service: record.service, isOther: false))
        services[valueAt: service].add(record, seenAt: now)
    }

    /// Counts what the breaker of a service did not let through.
    package mutating func refuse(_ limit: BreakerLimit, _ service: ResourceReference, now: Instant) {
        let place = place(of: ServiceKind(direction: .outbound, service: service, isOther: false))
        services[valueAt: place].refuse(limit, now: now)
    }

    package mutating func merge(_ other: RequestCounters) {
        overflowed += other.overflowed
        evicted += other.evicted
        for (kind, count) in other.finished { add(count.total, kind, seenAt: count.seenAt) }
        for (kind, traffic) in other.services { services[valueAt: place(of: kind)].merge(traffic) }
    }

    /// Forgets what has not counted since.
    package mutating func evict(unseenSince moment: Instant) {
        let before = finished.count + services.count
        finished.keep { $0.seenAt >= moment }
        otherCount = finished.count { $0.key.isOther }
        services.keep { $0.seenAt >= moment }
        evicted += UInt64(before - finished.count - services.count)
    }

    private mutating func add(_ total: UInt64, _ kind: Kind, seenAt: Instant) {
        let place = place(of: kind, total)
        finished[valueAt: place].add(total, seenAt: seenAt)
    }

    /// Where requests of a kind are counted: so many of them now.
    private mutating func place(of kind: Kind, _ total: UInt64) -> Int {
        if let place = finished.place(of: kind) { return place }
        guard !kind.isOther else {
            otherCount += 1
            return finished.insert(kind, Count())
        }
        guard finished.count - otherCount >= Self.kindsMax else { return finished.insert(kind, Count()) }
        overflowed += total
        return place(of: kind.other, 0)
    }

    private mutating func place(of kind: ServiceKind) -> Int {
        if let place = services.place(of: kind) { return place }
        guard services.count >= Self.servicesMax else { return services.insert(kind, Traffic()) }
        let other = ServiceKind(direction: kind.direction, service: nil, isOther: true)
        return services.place(of: other) ?? services.insert(other, Traffic())
    }

    /// What is none of the sixteen is "unknown" to every client of gRPC (its `statuscodes.md`).
    private static func known(grpcStatus: Int) -> Int { (0...16).contains(grpcStatus) ? grpcStatus : 2 }
}

extension RequestRecord {
    /// Proved by the handshake.
    fileprivate var peer: SPIFFEID? { if case .mutualTLS(let identity, _) = security { identity } else { nil } }
}

// The operator of Optional is not specialised for types of another module: it would copy both, to compare them unseen.

@inline(__always)
private func isSame(_ left: ResourceReference?, _ right: ResourceReference?) -> Bool {
    switch (left, right) {
    case (nil, nil): true
    case (let left?, let right?): left == right
    default: false
    }
}

@inline(__always)
private func isSame(_ left: SPIFFEID?, _ right: SPIFFEID?) -> Bool {
    switch (left, right) {
    case (nil, nil): true
    case (let left?, let right?): left == right
    default: false
    }
}

extension RequestCounters.Kind {
    fileprivate init(_ record: RequestRecord, _ status: Int, _ grpcStatus: Int?) {
        self.init(
            direction: record.direction, service: record.service, route: record.route, peer: record.peer,
            spoken: record.spoken, status: status, grpcStatus: grpcStatus, outcome: record.outcome,
            security: record.security.label, isOther: false)
    }

    /// What it is counted as where there is no room.
    fileprivate var other: Self {
        Self(
            direction: direction, service: nil, route: nil, peer: nil, spoken: spoken, status: status / 100 * 100,
            grpcStatus: nil, outcome: outcome, security: security, isOther: true)
    }
}

extension SeriesKind<RequestCounters.Kind> {
    /// True if it is the kind that would be made of these; numbers are compared first, texts last.
    fileprivate func isKind(of record: RequestRecord, _ status: Int, _ grpcStatus: Int?) -> Bool {
        key.status == status && key.grpcStatus == grpcStatus && key.outcome == record.outcome
            && key.direction == record.direction && key.spoken == record.spoken && !key.isOther
            && key.security == record.security.label && key.route == record.route
            && isSame(key.service, record.service) && isSame(key.peer, record.peer)
    }
}

extension SeriesKind<RequestCounters.ServiceKind> {
    fileprivate func isKind(of record: RequestRecord) -> Bool {
        !key.isOther && key.direction == record.direction && isSame(key.service, record.service)
    }
}

extension RequestCounters.Count {
    fileprivate mutating func add(_ more: UInt64, seenAt: Instant) {
        total += more
        self.seenAt = max(self.seenAt, seenAt)
    }
}

extension RequestCounters.Traffic {
    fileprivate mutating func add(_ record: RequestRecord, seenAt: Instant) {
        durations.observe(record.duration)
        requestBytes += record.requestBytes
        responseBytes += record.responseBytes
        self.seenAt = max(self.seenAt, seenAt)
    }

    fileprivate mutating func refuse(_ limit: BreakerLimit, now: Instant) {
        refusals[limit, default: 0] += 1
        seenAt = max(seenAt, now)
    }

    fileprivate mutating func merge(_ other: Self) {
        durations.merge(other.durations)
        requestBytes += other.requestBytes
        responseBytes += other.responseBytes
        refusals.merge(other.refusals, uniquingKeysWith: +)
        seenAt = max(seenAt, other.seenAt)
    }
}

extension DataPlaneCounters {
    /// Counts a request that is over.
    package mutating func finish(_ record: RequestRecord) { requests.finish(record) }
}
