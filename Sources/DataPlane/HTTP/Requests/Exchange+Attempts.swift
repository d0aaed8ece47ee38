// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Discovery
internal import HTTPCodec
internal import LinuxSystem
internal import MeshModel
internal import PeerProtocol
internal import Reactor
internal import Routing
internal import TLSSession
internal import Telemetry

/// Where a request is sent, and whether it may be sent again.
extension Exchange {
    func attempt() {
        guard let endpoint = chooseEndpoint() else {
            // What the attempts before this one came to says more than that there is no other endpoint.
            return refuse(record.outcome == .completed ? .noEndpoint : record.outcome, record.detail)
        }
        record.upstream = endpoint.address
        record.attempts += 1
        phase = .underWay
        attemptedAt = loop.now
        let upstream = obtainUpstream(endpoint)
        self.upstream = upstream
        upstream.attach(self)
        if upstream.isReached { reached() }
        setDeadline()
        sendAll(to: upstream)
    }

    private func obtainUpstream(_ endpoint: Endpoint) -> HTTPUpstream {
        switch endpoint.security {
        case .plaintext(let reason):
            let isLocal = record.direction == .inbound
            if !isLocal { record.security = .plaintext(reason) }
            if takesHTTP2(endpoint) {
                return HTTP2Upstream(PlainLink.obtain(thread, endpoint, for: self, isLocal: isLocal))
            }
            return PlainUpstream.obtain(thread, endpoint, for: self, isLocal: isLocal)
        case .mutualTLS:
            let takesHTTP2 = takesHTTP2(endpoint)
            if takesHTTP2 || mayShareSession,
                let link = StreamLink.obtain(thread, endpoint, for: self, carriesHTTP1: !takesHTTP2)
            {
                return HTTP2Upstream(link)
            }
            return StreamUpstream(thread, endpoint)
        }
    }

    /// A request of HTTP/1 that HTTP/2 has words for, and that is soon sent: it travels among others in one session, and is
    /// HTTP/1 again behind it. What is not, has a stream of `weft/1` for itself.
    private var mayShareSession: Bool {
        guard !isTunnel, !isCheck, request.isHTTP11, !request.expectsContinue, thread.settings.proxy.http.sharesSessions
        else { return false }
        switch request.body {
        case .none: return true
        case .length(let length): return length <= UInt64(WeftOne.dataPayload)
        case .chunked, .untilClose, .tunnel: return false
        }
    }

    /// What the endpoint is declared to speak, else what the client does. A client of a gateway knows nothing of the server:
    /// there it is HTTP/1.1, but for gRPC. A switch of protocols is HTTP/1's.
    private func takesHTTP2(_ endpoint: Endpoint) -> Bool {
        switch endpoint.hint {
        case _ where isTunnel: false
        case .http2: true
        case .http: false
        case .detect, .opaque: record.listener == nil ? isHTTP2 : isGRPC
        }
    }

    func chooseEndpoint() -> Endpoint? {
        guard let service else { return current }
        if !isCounted {
            guard thread.beginRequest(service) else {
                record.outcome = .breakerOpen
                return nil
            }
            isCounted = true
        }
        guard thread.beginPending(service) else {
            record.outcome = .breakerOpen
            return nil
        }
        isPending = true
        let endpoint = service.balancer.choose(
            excluding: tried, hash: affinity(service.destination.balancing), now: loop.now,
            using: &thread.random)
        current = endpoint
        return endpoint
    }

    /// Of the header that keeps requests together.
    private func affinity(_ balancing: BalancingSettings) -> UInt64? {
        guard let name = rule?.affinityHeader ?? balancing.hashHeader else {
            return balancing.algorithm == .consistentHash
                ? stableHash(record.client.address.description.utf8) : nil
        }
        return request.fields.joined(name).map { stableHash($0.utf8) }
    }

    /// One attempt to connect, where the service says it.
    var connectTimeout: Duration? { service?.destination.connectTimeout }

    /// The peer's sidecar is who it should be.
    func secured(_ peer: PeerConnection) {
        if let verified = peer.verified { record.security = .mutualTLS(peer: verified.identity, cipher: peer.cipher) }
    }

    /// The application has been reached.
    func reached() {
        endPending()
        if let current { service?.balancer.succeed(current) }
        front?.exchangeReached()
    }

    func endPending() {
        if isPending { service?.endPending() }
        isPending = false
    }

    func attemptFailed(_ failure: AttemptFailure) {
        upstream = nil
        settle(
            failure.isEndpointFault ? .serverError(retryAfter: nil) : .cancelled,
            connected: !(failure.isUntouched && failure.isEndpointFault))
        record.outcome = failure.outcome
        record.detail = failure.detail
        guard front != nil, !isAnswering else { return fail(failure) }
        if let endpoint = record.upstream, failure.isEndpointFault || !failure.isStale {
            if let current = service?.destination.endpoints.first(where: { $0.address == endpoint }) {
                tried.append(current)
            }
        }
        guard mayTryAgain(failure) else { return fail(failure) }
        thread.counters.requestRetries += 1
        // Not from here: this may be inside the session that failed.
        phase = .waiting(until: loop.now)
        loop.atEndOfTurn { [self] in resume() }
    }

    func mayTryAgain(_ failure: AttemptFailure) -> Bool {
        guard isKept, front != nil else { return false }
        if failure.isStale, staleRetries < Exchange.safeAttemptsMax, failure.isUntouched || isRepeatable {
            staleRetries += 1
            return true
        }
        if failure.isUntouched, hasOthers, record.attempts < Exchange.safeAttemptsMax { return true }
        guard let retry = rule?.rule.retry, retries < retry.attempts else { return false }
        guard failure.isUntouched || retry.onReset && isRepeatable else { return false }
        return beginRetry(retry)
    }

    /// There is an endpoint that has not been tried.
    private var hasOthers: Bool { service?.destination.endpoints.contains { !tried.contains($0) } ?? false }

    /// A retry that the route allows: counted against the budget, and after a pause.
    func beginRetry(_ retry: RetrySettings) -> Bool {
        guard let service, thread.beginRetry(service) else { return false }
        isRetry = true
        retries += 1
        if !hasOthers { tried = [] }
        return true
    }

    func resume() {
        guard case .waiting(let moment) = phase else { return }
        guard loop.now >= moment else { return setDeadline(moment) }
        attempt()
        // While it waited its client may have been held back, and what took all there was tells of no room again.
        if !isUpstreamFull { front?.exchangeTakesAgain() }
    }

    /// Nothing more can be done.
    func fail(_ failure: AttemptFailure) {
        guard let front else { return over() }
        record.outcome = failure.outcome
        record.detail = failure.detail
        // The other sidecar decides what the client is told, and whether it may try elsewhere.
        if isAnswering || front.isSidecar {
            over()
            return front.exchangeFailed(failure)
        }
        refuse(failure.outcome, failure.detail)
    }
}
