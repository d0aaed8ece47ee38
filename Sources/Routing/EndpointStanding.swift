// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// Whether an endpoint is used; the best first.
package enum EndpointState: String, Hashable, Sendable, CaseIterable, Comparable {
    case healthy
    /// It has asked to be left alone for a while (Retry-After).
    case resting
    /// It failed too often and gets nothing for a while.
    case ejected
    /// Its checks fail: it gets nothing until they succeed.
    case unhealthy

    /// Better than.
    package static func < (left: EndpointState, right: EndpointState) -> Bool { left.rank < right.rank }

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

/// How often what was tried with an endpoint came to what.
package struct EndpointTally: Hashable, Sendable {
    /// Connections and requests that got to it.
    package private(set) var reached: UInt64 = 0
    /// Connects that failed.
    package private(set) var unreachable: UInt64 = 0
    /// Requests that it answered well.
    package private(set) var successes: UInt64 = 0
    /// Requests that it answered with 5xx or "too many", or not at all.
    package private(set) var failures: UInt64 = 0

    package init() {}

    mutating func noteReached() { reached += 1 }
    mutating func noteUnreachable() { unreachable += 1 }

    mutating func note(_ result: RequestResult) {
        switch result {
        case .success: successes += 1
        case .serverError, .overloaded: failures += 1
        case .cancelled: break
        }
    }

    fileprivate mutating func merge(_ other: Self) {
        reached += other.reached
        unreachable += other.unreachable
        successes += other.successes
        failures += other.failures
    }
}

/// What is known of an endpoint, for whoever wants to look at it.
package struct EndpointStanding: Sendable {
    package private(set) var state: EndpointState
    /// When the state is over; nil where it has no end.
    package private(set) var until: Instant?
    /// Connections and requests under way.
    package private(set) var openCount: Int
    package private(set) var tally: EndpointTally
    /// What its next answer is expected to take; nil while it has never answered a request.
    package private(set) var latency: Duration?

    /// Of an endpoint that nothing is known of.
    package init() { self.init(EndpointHealth(), now: Instant(nanoseconds: 0)) }

    fileprivate init(_ health: EndpointHealth, now: Instant) {
        state =
            if health.isUnhealthy {
                .unhealthy
            } else if health.isEjected(now: now) {
                .ejected
            } else {
                health.isResting(now: now) ? .resting : .healthy
            }
        switch state {
        case .ejected: until = health.ejectedUntil
        case .resting: until = health.restingUntil
        case .healthy, .unhealthy: until = nil
        }
        openCount = health.activeCount
        tally = health.tally
        if tally.successes + tally.failures > 0 {
            latency = .nanoseconds(Int64(health.latency.value(isBusy: openCount > 0, now: now)))
        }
    }

    /// Adds what another thread knows of it: the worse state, the longer latency.
    package mutating func merge(_ other: Self) {
        if other.state > state {
            (state, until) = (other.state, other.until)
        } else if other.state == state, let otherEnd = other.until {
            until = max(until ?? otherEnd, otherEnd)
        }
        openCount += other.openCount
        tally.merge(other.tally)
        if let otherLatency = other.latency { latency = max(latency ?? otherLatency, otherLatency) }
    }
}

extension Balancer {
    /// What is known of each endpoint; with `onlyTroubled` of those only that are not healthy, which costs nothing where all
    /// are.
    package func standings(onlyTroubled: Bool, now: Instant) -> [(endpoint: Endpoint, standing: EndpointStanding)] {
        if onlyTroubled, !isTroubled(now: now) { return [] }
        return endpoints.indices.compactMap { index in
            let standing = EndpointStanding(health[index], now: now)
            return onlyTroubled && standing.state == .healthy ? nil : (endpoints[index], standing)
        }
    }
}
