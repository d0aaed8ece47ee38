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
package final class TLSSession {
    private let records: TLSRecords
    private let context: TLSContext
    private let expectedIdentity: SPIFFEID?
    private var peer: VerifiedPeer?

    /// Begins a session; nil without memory. The dialler says whom it expects; the acceptor takes anyone the bundles vouch
    /// for.
    package init?(_ context: TLSContext, _ role: PeerSession.Role, expecting identity: SPIFFEID?) {
        guard let ssl = unsafe context.makeSSL(role) else { return nil }
        guard let records = unsafe TLSRecords(owning: ssl, context.staging) else { return nil }
        if role == .acceptor {
            unsafe SSL_set_accept_state(ssl)
        } else {
            unsafe SSL_set_connect_state(ssl)
            if context.partner == .controlPlane, let identity {
                _ = unsafe weft_ssl_set_server_name(ssl, ControlIdentity.hostName(in: identity.trustDomain))
            }
        }
        self.records = records
        self.context = context
        expectedIdentity = identity
    }

    private var ssl: OpaquePointer { unsafe records.ssl }

    /// Takes the handshake as far as the input goes.
    package func handshake(now: WallTime) -> HandshakeProgress {
        let (result, verdict) = unsafe context.handshakeStep(ssl, expecting: expectedIdentity, now: now)
        if case .success(let peer) = verdict { self.peer = peer }
        if result == 1 {
            // Cannot be without: both sides ask for a certificate and fail without one.
            guard let peer, hasChosenProtocol else { return .failed(.noCommonProtocol) }
            return .done(peer)
        }
        if case .failure(let rejection) = verdict {
            ERR_clear_error()
            return .failed(.certificate(rejection))
        }
        switch unsafe SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .needsInput
        default: return .failed(records.failure())
        }
    }

    /// Reads plaintext of at most one record into `buffer`, which should hold 16 KiB.
    package func read(into buffer: UnsafeMutableRawBufferPointer) -> TLSReadResult {
        unsafe records.read(into: buffer)
    }

    /// True if the last read took all there was: the input is used up and no record is half read. Another read would only
    /// say so, and allocate a buffer of 16 KiB for it.
    package var hasReadEverything: Bool { records.hasReadEverything }

    /// Encrypts at most one record's worth (16 KiB) of plaintext into the output. The caller has made sure that there is
    /// room. Nil: done.
    package func write(_ bytes: UnsafeRawBufferPointer) -> TLSFailure? { unsafe records.write(bytes) }

    /// Ends our direction: close_notify into the output.
    package func end() { records.end() }

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

    private var hasChosenProtocol: Bool {
        var name: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        unsafe SSL_get0_alpn_selected(ssl, &name, &count)
        return unsafe UnsafeBufferPointer(start: name, count: Int(count)).elementsEqual(
            context.partner.protocolList.dropFirst())
    }
}
