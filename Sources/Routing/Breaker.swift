// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// How much of a service's load is under way in a data thread, and whether there may be more (a circuit breaker of limits).
///
/// Each `begin` that is true has one `end`. It opens by being full and closes by what ends; it keeps no time.
package struct Breaker: Sendable, BitwiseCopyable {
    /// So many retries are allowed however few requests there are: a service with little traffic would have none.
    private static let retriesFree = 3

    /// May change while things are under way: what is above a new limit ends by itself.
    package var settings: BreakerSettings
    package private(set) var connections = 0
    package private(set) var pending = 0
    package private(set) var requests = 0
    package private(set) var retries = 0

    package init(_ settings: BreakerSettings) { self.settings = settings }

    /// A connection, request or waiting request more would be refused. Retries have their own limit, and no waiting at all
    /// (`pending: 0`) is no sign of load.
    package var isOpen: Bool {
        requests >= settings.requests || connections >= settings.connections
            || settings.pending > 0 && pending >= settings.pending
    }

    package mutating func beginConnection() -> Bool { Self.begin(&connections, settings.connections) }
    package mutating func endConnection() { Self.end(&connections) }

    package mutating func beginPending() -> Bool { Self.begin(&pending, settings.pending) }
    package mutating func endPending() { Self.end(&pending) }

    package mutating func beginRequest() -> Bool { Self.begin(&requests, settings.requests) }
    package mutating func endRequest() { Self.end(&requests) }

    /// A retry is under way beside its request, which goes on being counted. Besides the limit there is a budget, so that
    /// retries never multiply the load on a service that fails because of load.
    package mutating func beginRetry() -> Bool {
        let (scaled, overflow) = requests.multipliedReportingOverflow(by: max(0, settings.retryBudgetPercent))
        let budget = max(Self.retriesFree, overflow ? .max : scaled / 100)
        return Self.begin(&retries, min(settings.retries, budget))
    }

    package mutating func endRetry() { Self.end(&retries) }

    private static func begin(_ count: inout Int, _ limit: Int) -> Bool {
        guard count < limit else { return false }
        count += 1
        return true
    }

    private static func end(_ count: inout Int) {
        assert(count > 0, "What ends has begun.")
        // In a release a limit that is off by one is better than a proxy that is down.
        if count > 0 { count -= 1 }
    }
}
