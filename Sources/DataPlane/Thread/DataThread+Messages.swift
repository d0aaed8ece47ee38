// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ConnectionStates
internal import Discovery
internal import LinuxSystem
internal import MeshModel
internal import PeerProtocol
internal import Reactor
internal import Routing
internal import TLSSession
internal import Telemetry

/// What a data thread is told.
enum DataThreadMessage: Sendable {
    case settings(DataPlaneSettings)
    /// With the sockets of gateways that are new; those whose listeners are gone are closed.
    case snapshot(DiscoverySnapshot, [ListeningSocket])
    case identity(IdentityMaterial)
    /// There is none any more, until the next.
    case identityExpired
    /// What HTTPS listeners show.
    case gateways(GatewayMaterial)
    case ownAddresses(Set<IPAddress>)
    /// Tell what you know; the answer is called on the data thread.
    case report(ReportDetail, @Sendable (ThreadReport) -> Void)
    /// Begin to drain; told through the closure, on the data thread, when it is over.
    case drain(DrainSettings, @Sendable (_ wasClean: Bool) -> Void)
    case memory(MemoryPressure)
    /// The checks of an endpoint have changed their mind.
    case health(ResourceReference, Endpoint, isUnhealthy: Bool)
    /// Nobody has these addresses, says the control plane.
    case unknown(Set<IPAddress>)
    /// End what is left now.
    case cut(ErrorCode)
    case stop
}

extension DataThread {
    func handle(_ message: DataThreadMessage) {
        switch message {
        case .settings(let settings): swap(settings)
        case .snapshot(let snapshot, let sockets):
            closeGateways(missingIn: snapshot)
            swap(snapshot)
            listen(sockets)
        case .identity(let material): swap(material)
        case .identityExpired: forgetIdentity()
        case .gateways(let material): swap(material)
        case .ownAddresses(let addresses): ownAddresses = addresses
        case .report(let detail, let answer): answer(report(detail))
        case .drain(let settings, let done): beginDrain(settings, done)
        case .memory(let pressure): take(pressure)
        case .health(let service, let endpoint, let isUnhealthy):
            services.mark(service, endpoint, isUnhealthy: isUnhealthy)
        case .unknown(let addresses): HeldOutbound.unknown(addresses, self)
        case .cut(let outcome): cutAll(outcome)
        case .stop:
            // After what a cut in the same turn has put off: those connections have a line coming too.
            loop.atEndOfTurn { [self] in
                flushReports()
                loop.stop()
            }
        }
    }

    // MARK: Swapping what holds

    private func swap(_ settings: DataPlaneSettings) {
        self.settings = settings
        retire(pool.limit(to: settings))
    }

    private func swap(_ snapshot: DiscoverySnapshot) {
        requests.follow(snapshot, after: self.snapshot)
        self.snapshot = snapshot
        services.follow(snapshot)
        checker?.use(snapshot)
        retire(pool.retire { !snapshot.stillHas($0.address, $0.identity, uid: $0.workloadUID) })
        cutWhatIsNotAllowed()
        HeldOutbound.lookAgain(self)
    }

    /// Before the snapshot is swapped: what still waits in their queues goes where it was dialled.
    private func closeGateways(missingIn snapshot: DiscoverySnapshot) {
        func isGone(_ listener: Listener) -> Bool {
            listener.role == .gateway && snapshot.gateways[listener.address] == nil
        }
        let gone = listeners.filter(isGone)
        guard !gone.isEmpty else { return }
        listeners.removeAll(where: isGone)
        for listener in gone { listener.close() }
    }

    private func listen(_ sockets: [ListeningSocket]) {
        for socket in sockets where !isFinishing {
            do throws(SystemError) {
                listeners.append(try Listener(self, socket))
            } catch {
                reportProblem(
                    Problem(.listenFailed, at: "gateway \(socket.address)", "cannot be watched: \(error.errno)"))
            }
        }
    }

    private func swap(_ material: IdentityMaterial) {
        do throws(Problem) {
            let old = identity
            counters.verifications += UInt64(old?.verifications ?? 0)
            counters.rememberedVerifications += UInt64(old?.rememberedHits ?? 0)
            identity = try TLSContext(material, staging: staging)
            retire(pool.retire { !$0.isMade(under: material) })
            requests.retireLinks(but: { $0.isMade(under: material) })
            if let old, old.material.bundles.generation != material.bundles.generation { judgePeersAgain() }
            if old?.material.generation != material.generation { farewell.begin() }
            releaseHeld()
        } catch {
            // The material was checked before it was sent; what is in force stays.
            reportProblem(error)
        }
    }

    private func forgetIdentity() {
        counters.verifications += UInt64(identity?.verifications ?? 0)
        counters.rememberedVerifications += UInt64(identity?.rememberedHits ?? 0)
        identity = nil
        retire(pool.retire { _ in true })
    }

    /// Sessions go on with the certificate they began with.
    private func swap(_ material: GatewayMaterial) {
        for (label, certificates) in material.certificates {
            do throws(Problem) {
                gatewayContexts[label] = try GatewayTLSContext(certificates, staging: staging)
            } catch {
                // What the library does not take after all; what is in force for this listener stays.
                reportProblem(error)
            }
        }
        gatewayContexts = gatewayContexts.filter { material.certificates[$0.key] != nil }
    }

    /// The trust bundle has changed: whoever it no longer vouches for goes, in the middle of a stream too.
    private func judgePeersAgain() {
        guard let identity else { return }
        let now = WallTime.now()
        loop.forEachHandler { handler in
            guard let peer = handler as? PeerConnection, peer.phase == .established else { return }
            do throws(CertificateRejection) {
                _ = try identity.judgeAgain(peer.tls.peerChain, now: now)
            } catch {
                let (code, detail) = (error.code, error.detail)
                loop.atEndOfTurn { peer.dismiss(.policyChanged, "\(code.label) \(detail)") }
            }
        }
    }

    private func cutWhatIsNotAllowed() {
        loop.forEachHandler { handler in
            guard let relay = handler as? Relay, let outcome = relay.isStillAllowed() else { return }
            loop.atEndOfTurn { relay.cut(outcome) }
        }
    }

    // MARK: Waiting for an identity

    /// Lets a connection wait for the identity, within bounds.
    func hold(_ relay: StreamRelay) {
        forgetHeld()
        guard held.count < settings.heldPerThread else { return relay.abort(.holdFull) }
        relay.phase = .held
        relay.record.state = "held"
        keepHeld(relay)
    }

    func hold(_ gate: InboundGate) {
        forgetHeld()
        guard held.count < settings.heldPerThread else { return gate.refuse(.holdFull) }
        gate.isHeld = true
        keepHeld(gate)
    }

    private func keepHeld(_ handler: EventHandler) {
        held.append(handler)
        noteHeld()
        loop.setDeadline(loop.now + settings.proxy.timeouts.hold, of: handler)
    }

    private func releaseHeld() {
        let released = held
        held = []
        noteHeld()
        for handler in released where handler.token != 0 {
            // Each in a turn of its own: they all begin handshakes.
            switch handler {
            case let relay as StreamRelay: loop.atEndOfTurn { relay.release() }
            case let gate as InboundGate: loop.atEndOfTurn { gate.release() }
            default: break
            }
        }
    }

    /// Those that were held and have ended in the meantime make room for others.
    private func forgetHeld() {
        held.removeAll { $0.token == 0 }
        noteHeld()
    }

    func noteHeld() { counters.heldNow = held.count + heldOutbound.count }

    /// What was checked before it was sent, and yet could not be put in force: it must not stay unsaid.
    private func reportProblem(_ problem: Problem) {
        report(.line(LogLine(.error, "a data thread keeps what it had", problem)))
    }

    // MARK: Draining

    /// Inbound is closed and what is open goes on: nothing new is begun with us.
    var isFinishing: Bool {
        switch drain.phase(now: loop.now, connectionCount: 1) {
        case .running, .settling: false
        case .finishing, .over: true
        }
    }

    private func beginDrain(_ settings: DrainSettings, _ done: @escaping @Sendable (Bool) -> Void) {
        drainDone = done
        drain = DrainState(settings)
        drain.begin(now: loop.now)
        let timer = DrainTimer(self)
        loop.add(timer)
        drainTimer = timer
        reviewDrain()
    }

    /// Looks how far the drain is; called when its time comes and when a connection ends.
    func reviewDrain() {
        // Who is in the middle of a handshake may have sent a request behind it, which only a GOAWAY lets it send elsewhere.
        let count = activeCount + gateCount + lingeringCount + leavingCount + counters.handshakesActive
        switch drain.phase(now: loop.now, connectionCount: count) {
        case .running: return
        case .settling: break
        case .finishing: if !hasClosedInbound { closeInbound() }
        case .over(let wasClean):
            if !wasClean { cutAll(.drainDeadline) }
            flushReports()
            drainDone?(wasClean)
            drainDone = nil
            return
        }
        if let drainTimer { loop.setDeadline(drain.nextChange(now: loop.now), of: drainTimer) }
    }

    private func closeInbound() {
        hasClosedInbound = true
        let inbound = listeners.filter { $0.role != .captured(.outbound) }
        listeners.removeAll { $0.role != .captured(.outbound) }
        for listener in inbound { listener.close() }
        loop.forEachHandler { handler in
            // The workload's own connections too: one that rests would hold the end for as long as it may rest.
            if let front = handler as? HTTPFront { loop.atEndOfTurn { front.announceLeaving() } }
            guard let peer = handler as? PeerConnection, peer.role == .acceptor else { return }
            loop.atEndOfTurn { peer.announceLeaving() }
        }
        loop.atEndOfTurn { [self] in
            drain.inboundIsClosed()
            reviewDrain()
        }
    }

    private func cutAll(_ outcome: ErrorCode) {
        loop.forEachHandler { handler in
            if let relay = handler as? Relay { loop.atEndOfTurn { relay.cut(outcome) } }
            if let gate = handler as? InboundGate { loop.atEndOfTurn { gate.refuse(outcome) } }
            if let gate = handler as? ServerNameGate { loop.atEndOfTurn { gate.refuse(outcome) } }
            if let held = handler as? HeldOutbound { loop.atEndOfTurn { held.refuse("", outcome) } }
        }
    }

    private final class DrainTimer: EventHandler {
        private unowned let thread: DataThread

        init(_ thread: DataThread) { self.thread = thread }

        override func deadlineReached(now: Instant) { thread.reviewDrain() }
    }
}
