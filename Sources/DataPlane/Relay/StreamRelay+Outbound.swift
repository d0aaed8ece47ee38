// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ConnectionStates
internal import Discovery
internal import LinuxSystem
internal import MeshModel
internal import PeerProtocol
internal import Reactor
internal import TLSSession
internal import Telemetry

/// The side that dials: the application is the client.
extension StreamRelay {
    /// Begins toward the current endpoint of the plan. Takes the client's socket, and what was read from it already.
    static func beginOutbound(
        _ thread: DataThread, _ end: PlainEnd, _ record: ConnectionRecord, _ plan: OutboundPlan,
        replacing handler: EventHandler?, early: [UInt8]
    ) {
        guard let app = end.take() else { return }
        let relay = StreamRelay(thread, record, app: app, isOutbound: true)
        relay.plan = plan
        relay.retained = early
        if record.detected != .unknown { relay.skipClassifying() }
        if let handler {
            thread.loop.replace(handler, with: relay)
        } else {
            thread.loop.add(relay)
            do throws(SystemError) {
                try thread.loop.watch(relay.app.number, for: relay)
            } catch {
                return relay.abort(.descriptorsExhausted, error.description)
            }
        }
        relay.connectPeer()
    }

    /// Finds or makes a connection to the endpoint.
    func connectPeer() {
        guard let endpoint = plan?.current, case .mutualTLS(let identity) = endpoint.security else { return }
        record.upstream = endpoint.address
        guard let context = thread.identity else { return thread.hold(self) }
        phase = .opening
        record.state = "opening"
        replay.beginAttempt()
        hint = StreamHint(endpoint.hint)
        let key = PeerKey(endpoint, identity, context)
        if let pooled = thread.takePooled(key) {
            record.isReused = true
            awaitsOpened = pooled.hasRested(longerThan: WeftOne.trustedIdle, now: thread.loop.now)
            pooled.stream = self
            peer = pooled
            pooled.perform { peerIsReady() }
        } else {
            record.isReused = false
            awaitsOpened = false
            PeerConnection.dial(thread, key, context, for: self) { peer = $0 }
        }
    }

    /// The identity has come.
    func release() {
        guard phase == .held, !isFinished else { return }
        thread.loop.setDeadline(.never, of: self)
        connectPeer()
    }

    /// The connection can carry the stream: OPEN, and what the client has said already, in one go.
    func peerIsReady() {
        guard let peer else { return }
        notePeer(peer)
        peer.open { open in
            open.hint = hint
            open.client = record.client
            open.trace = record.trace
        }
        thread.loop.setDeadline(thread.loop.now + thread.settings.proxy.timeouts.open, of: self)
        resendRetained(peer)
        pumpToPeer(now: thread.loop.now)
    }

    private func notePeer(_ peer: PeerConnection) {
        guard let verified = peer.verified else { return }
        record.security = .mutualTLS(peer: verified.identity, cipher: peer.cipher)
        if record.trace == nil { record.trace = TraceID(using: &thread.random) }
    }

    /// What an earlier attempt had sent goes first, unless nothing may be risked yet.
    private func resendRetained(_ peer: PeerConnection) {
        guard !retained.isEmpty, !awaitsOpened else { return }
        var rest = retained[...]
        var frame: [UInt8] = []
        frame.reserveCapacity(WeftOne.headerLength + min(rest.count, WeftOne.dataPayload))
        while !rest.isEmpty {
            let payload = rest.prefix(WeftOne.dataPayload)
            frame.removeAll(keepingCapacity: true)
            FrameWriter.appendData(payload, to: &frame)
            unsafe frame.withUnsafeBytes { bytes in unsafe peer.writeRecord(bytes) }
            rest = rest.dropFirst(payload.count)
        }
        replay.sendData()
    }

    var connectTimeout: Duration? { plan?.connectTimeout }

    /// HELLO has come: the endpoint works.
    func peerIsConfirmed() { plan?.succeeded(thread) }

    /// The peer's sidecar has reached its application.
    func peerOpened() {
        phase = .relaying
        record.state = "relaying"
        if record.isReused { plan?.succeeded(thread) }
        if awaitsOpened, let peer {
            awaitsOpened = false
            resendRetained(peer)
        }
        retained = []
        scheduleReview()
        pumpToPeer(now: thread.loop.now)
    }

    /// The peer aborted the stream.
    func peerAborted(_ reset: ResetFrame) {
        peer = nil
        if isOutbound, phase == .opening, !reset.hasTouchedApplication, reset.reason != .aborted {
            plan?.failed(thread)
            let outcome = reset.code.flatMap { $0.isFailure ? $0 : nil } ?? reset.reason.outcome
            if reset.reason != .denied, tryElsewhere() { return }
            return give(up: outcome, "the peer's sidecar says so")
        }
        let outcome = reset.code ?? (isOutbound ? .serverReset : .clientReset)
        give(up: outcome.isFailure ? outcome : .serverReset, "told by the peer's sidecar")
    }

    /// The connection failed under the stream, or never came about.
    func peerFailed(_ outcome: ErrorCode, _ detail: String, _ kind: Replay.Failure, isEndpointFault: Bool) {
        peer = nil
        guard isOutbound, phase == .opening, !app.isEnding || app.hasEndedInput else {
            return give(up: outcome, detail)
        }
        if isEndpointFault {
            plan?.failed(thread)
            // Data may have gone out with the end of our handshake; where nobody says that it was not read, it may have been.
            if replay.isSafe(after: kind), tryElsewhere() { return }
        } else if replay.mayTryAgain(after: kind) {
            thread.counters.replays += 1
            thread.loop.again(self)
            return
        }
        give(up: outcome, detail)
    }

    /// Another endpoint of the service, if there is one; the dial begins in a later turn of the loop.
    private func tryElsewhere() -> Bool {
        guard plan?.hasAlternatives == true else { return false }
        guard let endpoint = plan?.next(thread), let plan else { return false }
        thread.counters.failovers += 1
        thread.loop.setDeadline(.never, of: self)
        if case .plaintext = endpoint.security {
            // Put off as well: we may be inside a session's call.
            thread.loop.atEndOfTurn { self.continueAsPlain(plan) }
        } else {
            thread.loop.again(self)
        }
        return true
    }

    private func continueAsPlain(_ plan: OutboundPlan) {
        guard !isFinished else { return }
        thread.streamRelayCount -= 1
        // The bytes count again when they are sent again.
        record.downstreamBytesReceived = 0
        record.upstreamBytesSent = 0
        PlainRelay.beginOutbound(thread, app, record, plan, replacing: self, early: retained)
    }

    /// Nothing more can be done: the application is reset, after what was really sent to it.
    private func give(up outcome: ErrorCode, _ detail: String) {
        guard !isFinished else { return }
        resetApp()
        close(outcome, detail)
    }
}

extension StreamHint {
    init(_ hint: ProtocolHint) {
        self =
            switch hint {
            case .detect: .undecided
            case .opaque: .opaque
            case .http: .http1
            case .http2: .http2
            }
    }
}

extension ResetReason {
    /// What a reason means where the peer's own code is unknown.
    var outcome: ErrorCode {
        switch self {
        case .aborted: .serverReset
        case .refused: .connectRefused
        case .denied: .denied
        case .unreachable: .connectUnreachable
        case .timeout: .connectTimeout
        case .overloaded: .peerOverloaded
        }
    }

    /// The reason for an outcome on the accepting side.
    init(_ outcome: ErrorCode) {
        self =
            switch outcome {
            case .connectRefused, .loopbackOnly, .connectFailed: .refused
            case .connectUnreachable: .unreachable
            case .connectTimeout: .timeout
            case .denied, .policyChanged, .certificateExpired: .denied
            case .connectionLimit, .descriptorsExhausted, .internalFault: .overloaded
            default: .aborted
            }
    }
}

extension ErrorCode {
    /// One of the codes that a connection can end badly with; a peer may say any code.
    var isFailure: Bool { self != .completed && (3000..<4000).contains(rawValue) }
}
