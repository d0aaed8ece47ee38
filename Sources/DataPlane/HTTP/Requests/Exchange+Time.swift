// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel
internal import Reactor
internal import Routing
internal import Telemetry

/// How long it may take.
extension Exchange {
    func setDeadline(_ other: Instant = .never) {
        let timeouts = rule?.rule.timeouts
        var deadline = other
        if let limit = timeouts?.request { deadline = min(deadline, startedAt + limit) }
        if front == nil { deadline = min(deadline, startedAt + Self.mirrorPatience) }
        if let idleLimit { deadline = min(deadline, movedAt + idleLimit) }
        if case .underWay = phase, !isAnswering, let limit = timeouts?.backendRequest {
            deadline = min(deadline, attemptedAt + limit)
        }
        loop.setDeadline(deadline, of: self)
    }

    /// What was switched to may rest as long as any connection.
    private var idleLimit: Duration? {
        let proxy = thread.settings.proxy
        let limit = isTunnel ? proxy.timeouts.idle : proxy.http.requestIdleTimeout
        return limit == .zero ? nil : limit
    }

    /// The deadline that was set has come.
    func judgeTime(_ now: Instant) {
        if let limit = rule?.rule.timeouts.request, now >= startedAt + limit { return timedOut("\(limit) in all") }
        if front == nil, now >= startedAt + Self.mirrorPatience { return timedOut("a mirrored request") }
        if let idleLimit, now >= movedAt + idleLimit { return timedOut("\(idleLimit)", .requestIdle) }
        switch phase {
        case .waiting: resume()
        case .underWay:
            guard !isAnswering, let upstream, let limit = rule?.rule.timeouts.backendRequest,
                now >= attemptedAt + limit
            else { return setDeadline() }
            upstream.failed(.requestTimeout, "\(limit) for one attempt", isUntouched: false, isEndpointFault: true)
        case .beginning, .over: break
        }
    }

    private func timedOut(_ detail: String, _ outcome: ErrorCode = .requestTimeout) {
        let upstream = upstream
        self.upstream = nil
        settle(.serverError(retryAfter: nil), connected: true)
        upstream?.detach()
        upstream?.cut()
        fail(AttemptFailure(outcome, detail))
    }
}
