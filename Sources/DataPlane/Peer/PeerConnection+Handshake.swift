// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ConnectionStates
internal import Discovery
internal import LinuxSystem
internal import MeshModel
internal import PeerProtocol
internal import Reactor
internal import TLSSession
internal import Telemetry

extension PeerConnection {
    /// Dials a sidecar for a stream. A failure comes back through the user's `peerFailed`, now or later;
    /// `connected` hands over the connection that is being made.
    static func dial(
        _ thread: DataThread, _ key: PeerKey, _ context: TLSContext, for user: any PeerStreamUser,
        _ connected: (PeerConnection) -> Void
    ) {
        guard let tls = TLSSession(context, .dialler, expecting: key.identity) else {
            return user.peerFailed(.internalFault, "no memory for a TLS session", .ambiguous, isEndpointFault: false)
        }
        var begun: PeerConnection?
        do throws(SystemError) {
            let isSelfCall = thread.ownAddresses.contains(key.address.address)
            let socket = try thread.dial(key.address, isPlaintext: false, isSelfCall: isSelfCall)
            let peer = PeerConnection(thread, .dialler, socket, tls, key: key, origin: nil)
            thread.loop.add(peer)
            peer.stream = user
            connected(peer)
            begun = peer
            try thread.loop.watch(peer.socket?.number ?? -1, for: peer)
            thread.loop.setDeadline(thread.loop.now + peer.connectPatience, of: peer)
        } catch {
            if let peer = begun {
                return peer.fail(connectOutcome(error.errno), error.description, .ambiguous)
            }
            user.peerFailed(connectOutcome(error.errno), error.description, .ambiguous, isEndpointFault: true)
        }
    }

    /// Takes over an accepted connection whose first bytes are a ClientHello for us.
    static func accept(
        _ thread: DataThread, _ socket: consuming Descriptor, _ context: TLSContext, replacing gate: EventHandler,
        _ origin: AcceptOrigin, firstBytes: [UInt8], mayHaveMore: Bool
    ) {
        guard let tls = TLSSession(context, .acceptor, expecting: nil) else {
            thread.loop.remove(gate)
            return thread.refused(origin.record, .internalFault, "no memory for a TLS session")
        }
        // From here on a reset would only take away what TLS says itself, as an alert or a farewell.
        socket.setResetOnClose(false)
        let peer = PeerConnection(thread, .acceptor, socket, tls, key: nil, origin: origin)
        thread.loop.replace(gate, with: peer)
        thread.loop.setDeadline(thread.loop.now + thread.settings.proxy.timeouts.handshake, of: peer)
        unsafe firstBytes.withUnsafeBytes { bytes in unsafe peer.take(bytes) }
        // The client may have ended, or sent more, before we looked.
        if mayHaveMore { peer.noteInput() }
    }

    /// How long an attempt to connect may take for whom it is made.
    var connectPatience: Duration { stream?.connectTimeout ?? thread.settings.proxy.timeouts.connect }

    /// The connect is decided; false if it failed.
    func connected() -> Bool {
        if let errno = socket?.pendingError() {
            if let key, errno == .timedOut || errno == .connectionReset { thread.retireAll(to: key.address) }
            fail(connectOutcome(errno), "\(key?.address.description ?? ""): \(errno)", .ambiguous)
            return false
        }
        thread.counters.connectTimes.observe(loop.now - (stream?.startedAt ?? loop.now))
        phase = .handshaking
        loop.setDeadline(loop.now + thread.settings.proxy.timeouts.handshake, of: self)
        perform { advanceHandshake() }
        return phase == .handshaking
    }

    /// Takes the handshake as far as what has come goes.
    func advanceHandshake() {
        switch tls.handshake(now: WallTime.now()) {
        case .needsInput: return
        case .failed(let failure):
            // The alert goes out before the connection closes.
            flush()
            let (outcome, detail) = Self.outcome(of: failure)
            fail(outcome, detail, .rejectedByPeer)
        case .done(let peer):
            established(peer)
            if let control = thread.settings.pacedCongestionControl { socket?.expectCongestion(control) }
            switch role {
            case .acceptor:
                var hello = HelloFrame()
                hello.takesHTTP1Sessions = thread.settings.proxy.http.sharesSessions
                write(.hello(hello))
                // Until the first stream; an OPEN that came along with the handshake moves it.
                loop.setDeadline(loop.now + WeftOne.acceptorIdle, of: self)
            case .dialler:
                // Until HELLO the deadline of the handshake stays.
                stream?.peerIsReady()
            }
        }
    }

    static func outcome(of failure: TLSFailure) -> (ErrorCode, String) {
        switch failure {
        case .certificate(let rejection):
            if rejection.code == .wrongIdentity { return (.wrongIdentity, rejection.detail) }
            return (.certificateRejected, "\(rejection.code.label) \(rejection.detail)")
        case .alert(let name):
            let isAboutUs =
                name.contains("certificate") || name.contains("unknown CA") || name.contains("access denied")
            return (isAboutUs ? .ourCertificateRejected : .handshakeFailed, "the peer sent the alert `\(name)`")
        case .noCommonProtocol: return (.peerNotWeft, "it did not agree on weft/1")
        case .protocolError(let text):
            let isNoTLS = ["wrong version number", "http request", "packet length too long", "record layer failure"]
                .contains(text)
            return (isNoTLS ? .peerNotWeft : .handshakeFailed, text)
        }
    }
}
