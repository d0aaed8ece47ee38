// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// How a service chooses among its endpoints.
package struct BalancingSettings: Hashable, Sendable {
    package enum Algorithm: String, Hashable, Sendable, CaseIterable {
        /// Power of two choices by the cost of each endpoint: its peak EWMA of latency times what it has open.
        case latency
        /// Power of two choices by what each endpoint has open.
        case leastRequests
        case roundRobin
        case random
        /// The same value of ``hashHeader`` goes to the same endpoint; without one, the same caller does.
        case consistentHash
    }

    package var algorithm = Algorithm.latency
    /// Lower case.
    package var hashHeader: String?

    package init() {}
}

/// How much is sent to a service at once, per data thread; beyond it a request is refused with 503 instead of queued for
/// ever (a circuit breaker).
package struct BreakerSettings: Hashable, Sendable, BitwiseCopyable {
    /// Connections to all endpoints together.
    package var connections = 1024
    /// Requests that wait for a connection.
    package var pending = 1024
    /// Requests under way.
    package var requests = 1024
    /// Retries under way, however many the budget would allow.
    package var retries = 16
    /// Retries at most this share of the requests under way; at least three are always allowed.
    package var retryBudgetPercent = 20

    package init() {}
}

/// When an endpoint that fails gets no more for a while.
package struct EjectionSettings: Hashable, Sendable {
    /// Consecutive failures to connect before an endpoint is ejected. Three: one is a restart, two may be chance.
    package var consecutiveFailures: Int = 3

    /// Consecutive 5xx responses, resets and timeouts; 0: they do not count.
    package var consecutiveErrors: Int = 7

    /// Eject whose share of successes over ``interval`` is below this, in percent, after at least ``requestsMin``; 0: never.
    package var successPercentMin: Int = 0
    package var requestsMin: Int = 100
    package var interval: Duration = .seconds(10)

    /// The first ejection; it doubles each time up to ``longest`` and is forgotten after a success.
    package var base: Duration = .seconds(5)

    package var longest: Duration = .seconds(300)

    /// At most this share of the endpoints is ejected at once; beyond it the fault is more likely ours than theirs.
    package var mostPercent: Int = 50

    /// Where fewer than this share is healthy, all are used as if they were: better a few that work than none.
    package var panicPercent: Int = 50

    package init() {}
}

/// How the names among a service's endpoints become addresses.
package struct ResolutionSettings: Hashable, Sendable {
    package enum Mode: String, Hashable, Sendable, CaseIterable {
        /// Every address is an endpoint.
        case strict
        /// One address at a time is the endpoint: the first of the last answer. For names that give other addresses in each
        /// answer, as those of large services outside do; open connections stay where they are.
        case logical
    }

    package enum Family: String, Hashable, Sendable, CaseIterable {
        /// Both; the first of them is IPv4.
        case any
        case ipv4
        case ipv6
        /// IPv6 only where the name has no IPv4.
        case preferIPv4
        /// IPv4 only where the name has no IPv6.
        case preferIPv6
    }

    package var mode = Mode.strict
    package var family = Family.any
    /// The longest that an answer is believed, whatever its time to live.
    package var interval: Duration = .seconds(30)

    package init() {}
}
