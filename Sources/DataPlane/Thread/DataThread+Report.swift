// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import Discovery
package import MeshModel
internal import Reactor
package import Routing
internal import TLSSession
package import Telemetry

/// What a report tells beside the numbers.
package struct ReportDetail: OptionSet, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Every connection under way.
    package static let connections = ReportDetail(rawValue: 1)
    /// Every endpoint of the services that are called; else those only that are not healthy.
    package static let endpoints = ReportDetail(rawValue: 2)
}

/// What a data thread tells of itself.
package struct ThreadReport: Sendable {
    /// Those of requests are what has come since the last report: they are handed over, and the thread begins anew.
    package let counters: DataPlaneCounters
    package let connections: [ConnectionRecord]
    package let services: [ServiceReport]
    /// Of the thread that checks endpoints.
    package let checks: [EndpointCheck]
}

/// What is known of one port of a service that is called.
package struct ServiceReport: Sendable {
    /// Over both families.
    package struct Key: Hashable, Sendable {
        package let service: ResourceReference
        package let port: UInt16
    }

    package let key: Key
    package private(set) var endpointCount: Int
    /// Those that were asked for.
    package private(set) var endpoints: [Endpoint: EndpointStanding]
    /// What is under way there; nil where no request has been sent.
    package private(set) var load: Load?

    /// Against the limits of the breaker, which each thread has for itself.
    package struct Load: Sendable {
        package fileprivate(set) var isOpen: Bool
        package fileprivate(set) var connections: Int
        package fileprivate(set) var pending: Int
        package fileprivate(set) var requests: Int
        package fileprivate(set) var retries: Int
    }

    init(_ state: ServiceState, isWhole: Bool, now: Instant) {
        key = Key(service: state.destination.key.service, port: state.destination.key.port)
        endpointCount = state.balancer.count
        endpoints = [:]
        for (endpoint, standing) in state.balancer.standings(onlyTroubled: !isWhole, now: now) {
            endpoints[endpoint] = standing
        }
        load = state.breaker.map { breaker in
            Load(
                isOpen: breaker.isOpen, connections: breaker.connections, pending: breaker.pending,
                requests: breaker.requests, retries: breaker.retries)
        }
    }

    /// Adds what another thread knows of it, or the same thread by addresses of the other family.
    package mutating func merge(_ other: ServiceReport) {
        endpointCount = max(endpointCount, other.endpointCount)
        for (endpoint, standing) in other.endpoints {
            if endpoints[endpoint]?.merge(standing) == nil { endpoints[endpoint] = standing }
        }
        guard let theirs = other.load else { return }
        guard var load else {
            self.load = theirs
            return
        }
        load.isOpen = load.isOpen || theirs.isOpen
        load.connections += theirs.connections
        load.pending += theirs.pending
        load.requests += theirs.requests
        load.retries += theirs.retries
        self.load = load
    }
}

extension DataThread {
    func report(_ detail: ReportDetail) -> ThreadReport {
        var snapshot = counters
        counters.requests = RequestCounters()
        var connections: [ConnectionRecord] = []
        snapshot.poolIdle = pool.count
        snapshot.verifications += UInt64(identity?.verifications ?? 0)
        snapshot.rememberedVerifications += UInt64(identity?.rememberedHits ?? 0)
        loop.forEachHandler { handler in
            guard
                var record = (handler as? Relay)?.record ?? (handler as? InboundGate)?.listing
                    ?? (handler as? ServerNameGate)?.listing
            else { return }
            snapshot[record.direction].downstreamBytesReceived += record.downstreamBytesReceived
            snapshot[record.direction].downstreamBytesSent += record.downstreamBytesSent
            snapshot[record.direction].upstreamBytesReceived += record.upstreamBytesReceived
            snapshot[record.direction].upstreamBytesSent += record.upstreamBytesSent
            guard detail.contains(.connections) else { return }
            record.duration = loop.now - record.startedAt
            connections.append(record)
        }
        let services = self.services.all.map { state in
            ServiceReport(state, isWhole: detail.contains(.endpoints), now: loop.now)
        }
        return ThreadReport(
            counters: snapshot, connections: connections, services: services, checks: checker?.report ?? [])
    }
}
