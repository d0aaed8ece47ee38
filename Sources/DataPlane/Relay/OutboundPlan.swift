// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Discovery
internal import LinuxSystem
internal import MeshModel
internal import Reactor
internal import Routing
internal import Telemetry

/// Where an outbound connection may go, and where it has been tried already.
struct OutboundPlan {
    /// As many endpoints of a service are tried before the client is told: the first, and two more.
    private static let attemptsMax = 3

    private enum Choice {
        case single(Endpoint)
        case service(ServiceDestination)
    }

    private let choice: Choice
    private var tried: [Endpoint] = []
    /// The endpoint that a balancer counts this connection for.
    private(set) var current: Endpoint?
    /// What its thread knows of the service; found with the first endpoint.
    private var state: ServiceState?

    init(_ destination: Destination, original: SocketAddress) {
        choice =
            switch destination {
            case .endpoint(let endpoint): .single(endpoint)
            case .service(let service): .service(service)
            case .outside, .refused:
                .single(
                    Endpoint(
                        address: original, workloadUID: "", security: .plaintext(.outsideMesh), hint: .detect))
            }
    }

    /// The next endpoint to try; nil if there is none left. Whoever asks tells the result by one of the functions below.
    mutating func next(_ thread: DataThread) -> Endpoint? {
        switch choice {
        case .single(let endpoint):
            guard tried.isEmpty else { return nil }
            tried.append(endpoint)
            current = endpoint
        case .service(let service):
            release(thread)
            guard tried.count < min(Self.attemptsMax, service.endpoints.count) else { return nil }
            let state = state ?? thread.services.state(of: service)
            self.state = state
            current = state.balancer.choose(excluding: tried, now: thread.loop.now, using: &thread.random)
            if let current { tried.append(current) }
        }
        return current
    }

    /// One attempt to connect, where the service says it; else the proxy does.
    var connectTimeout: Duration? {
        if case .service(let service) = choice { service.connectTimeout } else { nil }
    }

    /// True if another endpoint may be tried after this one.
    var hasAlternatives: Bool {
        guard case .service(let service) = choice else { return false }
        return tried.count < min(Self.attemptsMax, service.endpoints.count)
    }

    /// The endpoint was reached.
    func succeeded(_ thread: DataThread) {
        if let current { state?.balancer.succeed(current) }
    }

    /// The endpoint could not be connected to.
    func failed(_ thread: DataThread) {
        guard let current else { return }
        if state?.balancer.fail(current, now: thread.loop.now) == true { thread.counters.ejections += 1 }
    }

    /// The connection has ended, or goes on elsewhere: it is no longer counted for the endpoint.
    mutating func release(_ thread: DataThread) {
        if let current { state?.balancer.finish(current) }
        current = nil
    }
}

extension DataThread {
    /// Begins a connect. A plaintext socket resets on close until it has ended cleanly; a TLS socket need not, since there
    /// a cut cannot look like an end.
    func dial(
        _ address: SocketAddress, isPlaintext: Bool, isLocal: Bool = false, isSelfCall: Bool = false
    ) throws(SystemError) -> Descriptor {
        let socket = try Descriptor.stream(address.address.family)
        try? socket.set(.noDelay)
        socket.set(settings.liveness)
        if isPlaintext { socket.setResetOnClose(true) }
        if isLocal || !isPlaintext && settings.pacedCongestionControl != nil { socket.expectNoCongestion() }
        if isSelfCall {
            try socket.set(.typeOfService(address.address.family, DataPlaneSettings.selfCallTypeOfService))
        }
        if let errno = socket.connect(to: address) { throw SystemError(errno, "connect \(address)") }
        return socket
    }
}

/// A failed connect as an outcome.
func connectOutcome(_ errno: Errno) -> ErrorCode {
    switch errno {
    case .connectionRefused: .connectRefused
    case .networkUnreachable, .hostUnreachable, .addressNotAvailable: .connectUnreachable
    case .timedOut: .connectTimeout
    case let errno where errno.isExhaustion: .descriptorsExhausted
    default: .connectFailed
    }
}

/// The first step of an outbound connection: which kind of relay does its endpoint take?
enum OutboundStart {
    /// A connection just accepted.
    static func begin(
        _ thread: DataThread, _ socket: consuming Descriptor, _ record: ConnectionRecord, _ plan: OutboundPlan
    ) {
        let end = PlainEnd(socket)
        begin(thread, end, record, plan, replacing: nil, early: [])
    }

    /// The same for one of which something has been read, in the place of whoever did.
    static func begin(
        _ thread: DataThread, _ end: PlainEnd, _ record: ConnectionRecord, _ plan: OutboundPlan,
        replacing handler: EventHandler?, early: [UInt8]
    ) {
        thread.opened(.outbound)
        var plan = plan
        var record = record
        guard let endpoint = plan.next(thread) else {
            end.reset()
            if let handler { thread.loop.remove(handler) }
            record.outcome = .noEndpoint
            return thread.finished(record)
        }
        switch endpoint.security {
        case .mutualTLS:
            // A plaintext relay counts what it is given; here it has been counted by whoever read it.
            record.downstreamBytesReceived += UInt64(early.count)
            record.upstreamBytesSent += UInt64(early.count)
            StreamRelay.beginOutbound(thread, end, record, plan, replacing: handler, early: early)
        case .plaintext: PlainRelay.beginOutbound(thread, end, record, plan, replacing: handler, early: early)
        }
    }
}
