// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Authorization
internal import ConnectionStates
internal import Discovery
internal import LinuxSystem
internal import MeshModel
internal import PeerProtocol
internal import Reactor
internal import Routing
internal import TLSSession
internal import Telemetry

/// What a thread keeps for requests, beside what it keeps for connections.
final class RequestKeeping {
    /// Plaintext connections that wait for another request.
    var idle: IdlePool<SocketAddress, PlainUpstream>
    /// Sessions that carry requests as streams of HTTP/2.
    var links = HTTP2Links()
    /// Sidecars that take requests of HTTP/1 in sessions, as their latest HELLO says.
    private var sessionPeers: Set<PeerKey> = []
    /// What is forgotten is learned again with the next connection.
    private static let sessionPeersMax = 16_384
    /// Connections that carry a request, or wait for one.
    var upstreamCount = 0
    /// By backend of a rule of the snapshot that holds, and by family: a look at a pointer in the place of names.
    private var backends: [BackendKey: ServiceState] = [:]
    /// The backend that was asked for last.
    private var lastBackend: (key: BackendKey, service: ServiceState)?
    /// The port of a service that was asked for last, and its routes.
    private var lastRoutes: (service: ResourceReference, port: UInt16, table: RouteTable?)?
    private var application: Endpoint?
    /// By rule; nil stands for all callers together.
    var buckets: [String: CallerBuckets<IPAddress?>] = [:]

    private struct BackendKey: Hashable {
        let backend: ObjectIdentifier
        let family: AddressFamily
    }

    init(_ settings: DataPlaneSettings) {
        let perKey = settings.proxy.http.idleUpstreams
        idle = IdlePool(perKeyMax: perKey, totalMax: 16 * perKey)
    }

    /// Goes on under a new snapshot: what is under way stays counted, what it is measured by changes.
    func follow(_ snapshot: DiscoverySnapshot, after old: DiscoverySnapshot) {
        if snapshot.resources.filters != old.resources.filters || snapshot.resources.routes != old.resources.routes {
            buckets = [:]
        }
        backends = [:]
        lastBackend = nil
        lastRoutes = nil
    }

    /// Connections to sidecars that carry requests take no new ones, but for those that `fit`.
    func retireLinks(but fit: (PeerKey) -> Bool) {
        let old = links.all { link in
            if case .sidecar(let key, _) = link.key { !fit(key) } else { false }
        }
        for link in old { link.retire() }
        sessionPeers = sessionPeers.filter(fit)
    }

    /// A sidecar has said what it can do.
    func learn(_ hello: HelloFrame, of peer: PeerKey) {
        guard hello.takesHTTP1Sessions else {
            sessionPeers.remove(peer)
            return
        }
        if sessionPeers.count >= Self.sessionPeersMax { sessionPeers = [] }
        sessionPeers.insert(peer)
    }

    /// Requests of HTTP/1 may go to this sidecar in a session.
    func takesHTTP1Sessions(_ peer: PeerKey) -> Bool { sessionPeers.contains(peer) }
}

extension RequestKeeping {
    /// The application beside us: mostly the same port as for the request before.
    func application(at address: SocketAddress) -> Endpoint {
        if let application, application.address == address { return application }
        let endpoint = Endpoint(address: address, workloadUID: "", security: .plaintext(.notMeshed), hint: .detect)
        application = endpoint
        return endpoint
    }

    /// The routes attached to a port of a service under the snapshot that holds: mostly the same as for the request before.
    func routes(of service: ResourceReference, port: UInt16, in snapshot: DiscoverySnapshot) -> RouteTable? {
        if let lastRoutes, lastRoutes.port == port, lastRoutes.service == service { return lastRoutes.table }
        let table = snapshot.routes(of: service, port: port)
        lastRoutes = (service, port, table)
        return table
    }

    /// The service that a backend of a rule stands for, if this was asked before.
    func service(of backend: CompiledBackend, _ family: AddressFamily) -> ServiceState? {
        let key = BackendKey(backend: ObjectIdentifier(backend), family: family)
        if let lastBackend, lastBackend.key == key { return lastBackend.service }
        let service = backends[key]
        lastBackend = service.map { (key, $0) }
        return service
    }

    /// Keeps it as long as the snapshot holds, which keeps the backend.
    func remember(_ service: ServiceState, of backend: CompiledBackend, _ family: AddressFamily) {
        backends[BackendKey(backend: ObjectIdentifier(backend), family: family)] = service
    }
}

extension DataThread {
    var upstreams: IdlePool<SocketAddress, PlainUpstream> {
        _read { yield requests.idle }
        _modify { yield &requests.idle }
    }

    var upstreamCount: Int {
        _read { yield requests.upstreamCount }
        _modify { yield &requests.upstreamCount }
    }

    // MARK: Streams that come

    /// A peer has opened a stream: authorise it, and find out what carries it on.
    func beginStream(_ peer: PeerConnection, _ open: OpenFrame) {
        guard let origin = peer.origin else { return }
        let target = origin.originalDestination
        var record = ConnectionRecord(
            id: nextConnectionID(), direction: .inbound, client: origin.client, startedAt: loop.now)
        record.originalDestination = target
        record.claimedClient = open.isShared ? nil : open.client
        record.trace = open.trace
        record.isReused = open.stream > 1
        if let verified = peer.verified {
            record.security = .mutualTLS(peer: verified.identity, cipher: peer.cipher)
        }
        opened(.inbound)
        let refusal = mayAccept(peer, to: target)
        let isHTTP =
            open.isShared && (open.hint == .http1 || open.hint == .http2 || open.hint == .http1Session)
            || snapshot.readsRequests(port: target.port)
        if isHTTP, refusal == nil, !open.isCheck {
            _ = StreamFront.begin(peer, record, carriesHTTP1: open.isShared && open.hint == .http1Session)
        } else {
            StreamRelay.beginInbound(peer, record, refusal, takesBytes: !open.isCheck)
        }
    }

    /// Whether a peer may open a stream now, before any request on it is known; the reason if not.
    private func mayAccept(_ peer: PeerConnection, to target: SocketAddress) -> Refusal? {
        guard let verified = peer.verified else { return Refusal(outcome: .denied, detail: "") }
        if WallTime.now() > verified.expiry { return Refusal(outcome: .certificateExpired, detail: "") }
        if isFull { return Refusal(outcome: .connectionLimit, detail: "") }
        let facts = ConnectionFacts(
            peer: verified.identity, source: peer.origin?.client.address ?? target.address, port: target.port)
        let decision = snapshot.policies.judge(facts)
        if decision.isUnpoliced { counters.unpoliced += 1 }
        return decision.isAllowed ? nil : Refusal(outcome: .denied, detail: decision.reason)
    }

    // MARK: Requests to services

    /// Counts a request to a service; false: its breaker does not let it through.
    func beginRequest(_ service: ServiceState) -> Bool { isLetThrough(service, service.beginRequest()) }

    func beginPending(_ service: ServiceState) -> Bool { isLetThrough(service, service.beginPending()) }

    func beginRetry(_ service: ServiceState) -> Bool { isLetThrough(service, service.beginRetry()) }

    /// Counts what a breaker does not let through.
    private func isLetThrough(_ service: ServiceState, _ limit: BreakerLimit?) -> Bool {
        guard let limit else { return true }
        counters.requests.refuse(limit, service.destination.key.service, now: loop.now)
        return false
    }

    /// Takes one of a route's tokens; else how long to wait for one.
    func takeToken(_ route: String, _ limit: FilterResource.RateLimit, caller: IPAddress) -> Duration? {
        let key = limit.isPerCaller ? caller : nil
        let share = max(1, settings.proxy.dataThreads)
        return requests.buckets[route, default: CallerBuckets(limit, share: share)].take(key, now: loop.now)
    }

    // MARK: Telling

    /// Counts, and queues for the log, a request that is over.
    func finished(_ record: consuming RequestRecord) {
        record.duration = loop.now - record.startedAt
        counters.finish(record)
        let (isLogged, isSampled) = (logsConnections, record.span?.isSampled ?? false)
        guard isLogged || isSampled else { return }
        report(.request(record), isLogged: isLogged, isSampled: isSampled)
    }
}

extension DataThread {
    /// Why something that a peer or a client asked for is not done.
    struct Refusal {
        let outcome: ErrorCode
        let detail: String
    }
}
