// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import COpenSSL
package import MeshModel
package import PeerProtocol

/// How far a handshake is.
package enum HandshakeProgress {
    /// It goes on when more input has come.
    case needsInput
    /// It is done on this side: the peer has this identity and holds its key.
    case done(VerifiedPeer)
    /// It has failed; an alert for the peer may lie in the output.
    case failed(TLSFailure)
}

/// What came of reading.
package enum TLSReadResult {
    /// This much plaintext, from one record.
    case bytes(Int)
    /// The input is used up.
    case needsInput
    /// The peer has ended its direction with close_notify.
    case ended
    /// The session is broken.
    case failed(TLSFailure)
}

/// One TLS session between sidecars: bytes in, bytes out, peer identity out. It knows no sockets; ciphertext passes through
/// the ``TLSStaging`` of its thread, before and after each call.
///
/// Wraps one `SSL *`, which is freed with it. Not Sendable: it lives and dies on one thread.
///
/// OpenSSL asks for an empty error queue before each call whose error is read (SSL_get_error(3)). Here whoever causes an
/// error takes it out again, so that reading and writing need not clear the queue each time (a twentieth of our own share
/// of a small message).
@safe
package struct TLSSession: ~Copyable {
    private let ssl: OpaquePointer
    private let context: TLSContext
    private let expectedIdentity: SPIFFEID?
    private var peer: VerifiedPeer?
    private var recordsUnderKey: UInt64 = 0
    private var keyUpdatesWithoutData = 0

    /// Begins a session; nil without memory. The dialler says whom it expects; the acceptor takes anyone the bundles vouch
    /// for.
    package init?(_ context: TLSContext, _ role: PeerSession.Role, expecting identity: SPIFFEID?) {
        guard let ssl = unsafe context.makeSSL(role) else { return nil }
        guard let bio = unsafe StagingBIO.make(context.staging) else {
            unsafe SSL_free(ssl)
            return nil
        }
        // For reading and writing alike; where both are the same, one reference is taken over (SSL_set_bio(3)).
        unsafe SSL_set_bio(ssl, bio, bio)
        unsafe weft_ssl_set_message_argument(ssl, Unmanaged.passUnretained(context.staging).toOpaque())
        if role == .acceptor {
            unsafe SSL_set_accept_state(ssl)
        } else {
            unsafe SSL_set_connect_state(ssl)
        }
        unsafe self.ssl = unsafe ssl
        self.context = context
        expectedIdentity = identity
    }

    deinit { unsafe SSL_free(ssl) }

    /// Takes the handshake as far as the input goes.
    package mutating func handshake(now: WallTime) -> HandshakeProgress {
        let (result, verdict) = unsafe context.handshakeStep(ssl, expecting: expectedIdentity, now: now)
        if case .success(let peer) = verdict { self.peer = peer }
        if result == 1 {
            // Cannot be without: both sides ask for a certificate and fail without one.
            guard let peer, hasChosenWeft else { return .failed(.noCommonProtocol) }
            return .done(peer)
        }
        if case .failure(let rejection) = verdict {
            ERR_clear_error()
            return .failed(.certificate(rejection))
        }
        switch unsafe SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .needsInput
        default: return .failed(failure())
        }
    }

    /// Reads plaintext of at most one record into `buffer`, which should hold 16 KiB.
    package mutating func read(into buffer: UnsafeMutableRawBufferPointer) -> TLSReadResult {
        context.staging.keyUpdates = 0
        var count = 0
        let result = unsafe SSL_read_ex(ssl, buffer.baseAddress, buffer.count, &count)
        if context.staging.keyUpdates > 0 {
            keyUpdatesWithoutData += context.staging.keyUpdates
            guard keyUpdatesWithoutData <= WeftOne.keyUpdatesWithoutDataMax else {
                return .failed(.protocolError(ProtocolViolation.keyUpdateFlood.sentence))
            }
        }
        if result == 1 {
            keyUpdatesWithoutData = 0
            return .bytes(count)
        }
        switch unsafe SSL_get_error(ssl, 0) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .needsInput
        case SSL_ERROR_ZERO_RETURN: return .ended
        default: return .failed(failure())
        }
    }

    /// True if the last read took all there was: the input is used up and no record is half read. Another read would only
    /// say so, and allocate a buffer of 16 KiB for it.
    package var hasReadEverything: Bool { unsafe context.staging.inputIsUsedUp && SSL_pending(ssl) == 0 }

    /// Encrypts at most one record's worth (16 KiB) of plaintext into the output. The caller has made sure that there is
    /// room. Nil: done.
    package mutating func write(_ bytes: UnsafeRawBufferPointer) -> TLSFailure? {
        unsafe precondition(bytes.count <= 16_384 && !bytes.isEmpty, "One record holds 1 to 16384 bytes.")
        recordsUnderKey += 1
        if recordsUnderKey >= WeftOne.recordsPerKey {
            // Sent with the record below; the peer need not change its own key for it.
            _ = unsafe SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED)
            recordsUnderKey = 0
        }
        var count = 0
        guard unsafe SSL_write_ex(ssl, bytes.baseAddress, bytes.count, &count) == 1, count == bytes.count else {
            return failure()
        }
        return nil
    }

    /// Ends our direction: close_notify into the output.
    package mutating func end() {
        ERR_clear_error()
        _ = unsafe SSL_shutdown(ssl)
        ERR_clear_error()
    }

    /// The chain that the peer showed, leaf first.
    package var peerChain: [Certificate] {
        var chain: [Certificate] = []
        if let leaf = unsafe SSL_get1_peer_certificate(ssl) { chain.append(unsafe Certificate(owning: leaf)) }
        let shown = unsafe SSL_get_peer_cert_chain(ssl)
        // On the dialler's side the leaf stands in the chain too, on the acceptor's it does not (SSL_get_peer_cert_chain(3)).
        let start: Int32 = unsafe SSL_is_server(ssl) == 1 ? 0 : 1
        for index in stride(from: start, to: max(start, unsafe weft_certificates_count(shown)), by: 1) {
            guard let other = unsafe weft_certificates_at(shown, index) else { continue }
            unsafe X509_up_ref(other)
            chain.append(unsafe Certificate(owning: other))
        }
        return chain
    }

    /// The cipher suite that was agreed on.
    package var cipherSuite: CipherSuite? {
        guard let cipher = unsafe SSL_get_current_cipher(ssl) else { return nil }
        return unsafe CipherSuite(rawValue: SSL_CIPHER_get_protocol_id(cipher))
    }

    private var hasChosenWeft: Bool {
        var name: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        unsafe SSL_get0_alpn_selected(ssl, &name, &count)
        return unsafe UnsafeBufferPointer(start: name, count: Int(count)).elementsEqual(
            TLSSettings.alpnList.dropFirst())
    }

    /// The first error in OpenSSL's queue as one of ours.
    private func failure() -> TLSFailure {
        guard let (code, text) = TLSLibrary.takeError() else {
            return .protocolError("the TLS library gives no reason")
        }
        let reason = ERR_GET_REASON(code)
        // SSL_AD_REASON_OFFSET: reasons from 1000 on are alerts that the peer sent.
        guard (1000..<1256).contains(reason) else {
            switch reason {
            case SSL_R_NO_APPLICATION_PROTOCOL: return .noCommonProtocol
            // OpenSSL ends it before our verifier is asked.
            case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
                return .certificate(CertificateRejection(.noCertificate, "no certificate was shown"))
            default: return .protocolError(text)
            }
        }
        let alert = unsafe String(cString: SSL_alert_desc_string_long(reason - 1000))
        return alert == "no application protocol" ? .noCommonProtocol : .alert(alert)
    }
}
