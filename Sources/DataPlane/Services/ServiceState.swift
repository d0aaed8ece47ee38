// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Discovery
internal import MeshModel
internal import Routing
internal import Telemetry

/// What a data thread knows of one port of a service: how its endpoints do, and how much of it is under way here.
///
/// One object for as long as the service is there, so that whoever has a connection or a request under way holds on to it
/// and need not look it up again. Where the service leaves, what is under way ends with the object; should it come back, it
/// starts from zero.
final class ServiceState {
    private(set) var destination: ServiceDestination
    var balancer: Balancer<Endpoint>
    /// Nil until a request has been sent: connections that nobody looks into have no limits.
    private(set) var breaker: Breaker? {
        get { breakerState }
        set { breakerState = newValue }
    }
    /// Not lent (ARCHITECTURE.md, "Properties are not lent").
    private var breakerState: Breaker?

    init(_ destination: ServiceDestination) {
        self.destination = destination
        balancer = Balancer(
            destination.endpoints, destination.ejection, balancing: destination.balancing, weights: destination.weights,
            distances: destination.distances
        ) { $0.stableIdentity }
    }

    /// Goes on with what holds now: what was learned of endpoints that are still there stays, and so does what is counted.
    func follow(_ destination: ServiceDestination) {
        self.destination = destination
        breaker?.settings = destination.breaker
        balancer = Balancer(
            destination.endpoints, destination.ejection, balancing: destination.balancing,
            weights: destination.weights, distances: destination.distances, identity: { $0.stableIdentity },
            continuing: balancer)
    }

    func mark(_ unhealthy: Set<Endpoint>) {
        for endpoint in unhealthy { balancer.mark(endpoint, isUnhealthy: true) }
    }

    // MARK: Requests

    /// Counts a request, and the connection that it has for itself while it is under way; else what does not let it through.
    func beginRequest() -> BreakerLimit? {
        var breaker = self.breaker ?? Breaker(destination.breaker)
        defer { self.breaker = breaker }
        guard breaker.beginRequest() else { return .requests }
        guard breaker.beginConnection() else {
            breaker.endRequest()
            return .connections
        }
        return nil
    }

    func endRequest() {
        breaker?.endConnection()
        breaker?.endRequest()
    }

    /// Counts a request that waits for its server to be reached; else what does not let it through.
    func beginPending() -> BreakerLimit? { breaker?.beginPending() ?? true ? nil : .pending }
    func endPending() { breaker?.endPending() }

    /// Counts a retry beside its request; else what does not let it through.
    func beginRetry() -> BreakerLimit? { breaker?.beginRetry() ?? false ? nil : .retries }
    func endRetry() { breaker?.endRetry() }

    /// An attempt is over; true if its endpoint was ejected for it.
    func finish(
        _ endpoint: Endpoint, _ result: RequestResult, hasConnected: Bool, latency: Duration, now: Instant
    ) -> Bool {
        if hasConnected { return balancer.finish(endpoint, result, latency: latency, now: now) }
        let wasEjected = balancer.fail(endpoint, now: now)
        _ = balancer.finish(endpoint, .cancelled, latency: latency, now: now)
        return wasEjected
    }
}

/// The services that a data thread has to do with.
struct ServiceStates {
    private var states: [ServiceDestination.Key: ServiceState] = [:]
    /// Found by checks, for states that are and that will be.
    private var unhealthy: [ResourceReference: Set<Endpoint>] = [:]

    var all: some Collection<ServiceState> { states.values }

    mutating func state(of destination: ServiceDestination) -> ServiceState {
        if let state = states[destination.key] { return state }
        let state = ServiceState(destination)
        if let marked = unhealthy[destination.key.service] { state.mark(marked) }
        states[destination.key] = state
        return state
    }

    /// Goes on with those that are still there.
    mutating func follow(_ snapshot: DiscoverySnapshot) {
        var continued: [ServiceDestination.Key: ServiceState] = [:]
        for destination in snapshot.serviceDestinations {
            guard let state = states[destination.key] else { continue }
            state.follow(destination)
            // One that left and came back may have been judged in the meantime.
            if let marked = unhealthy[destination.key.service] { state.mark(marked) }
            continued[destination.key] = state
        }
        states = continued
    }

    /// What a check has found.
    mutating func mark(_ service: ResourceReference, _ endpoint: Endpoint, isUnhealthy: Bool) {
        var marked = unhealthy[service] ?? []
        if isUnhealthy { marked.insert(endpoint) } else { marked.remove(endpoint) }
        unhealthy[service] = marked.isEmpty ? nil : marked
        for state in states.values where state.destination.key.service == service {
            state.balancer.mark(endpoint, isUnhealthy: isUnhealthy)
        }
    }
}

extension Endpoint {
    /// The same in every process, so that what is kept together by a hash stays together wherever it comes from.
    var stableIdentity: UInt64 { stableHash("\(address)|\(workloadUID)".utf8) }
}
