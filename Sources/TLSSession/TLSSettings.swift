// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import COpenSSL
internal import Detection
internal import MeshModel
internal import PeerProtocol

/// The one way TLS is spoken between sidecars (`docs/weft1.md`): 1.3 only, certificates on both sides, no session is ever
/// resumed, nothing is sent early.
enum TLSSettings {
    /// AES-128 first: it is the fastest with hardware support, and as good as the rest for traffic inside a mesh.
    private static let cipherSuites = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
    /// X25519 costs 7 % less of a connection than P-256 (measured).
    private static let groups = "X25519:P-256"
    private static let signatureAlgorithms =
        "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519:RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512"

    static func make(
        _ role: PeerSession.Role, _ material: IdentityMaterial, _ partner: TLSPartner
    ) throws(Problem) -> OpaquePointer {
        let method = role == .acceptor ? unsafe TLS_server_method() : unsafe TLS_client_method()
        guard let context = unsafe SSL_CTX_new(method) else { throw failed("SSL_CTX_new") }
        do throws(Problem) {
            unsafe try set(context, role, partner)
            unsafe try use(context, chain: material.chain, key: material.key)
            return unsafe context
        } catch {
            unsafe SSL_CTX_free(context)
            throw error
        }
    }

    private static func set(
        _ context: OpaquePointer, _ role: PeerSession.Role, _ partner: TLSPartner
    ) throws(Problem) {
        guard unsafe weft_ctx_only_tls13(context) == 1 else { throw failed("TLS 1.3") }
        guard unsafe SSL_CTX_set_ciphersuites(context, cipherSuites) == 1 else { throw failed("cipher suites") }
        guard unsafe weft_ctx_set_groups(context, groups) == 1 else { throw failed("groups") }
        guard unsafe weft_ctx_set_signature_algorithms(context, signatureAlgorithms) == 1 else {
            throw failed("signature algorithms")
        }
        unsafe setModes(context)
        // Resumption would skip verification.
        guard unsafe SSL_CTX_set_num_tickets(context, 0) == 1 else { throw failed("tickets") }
        guard unsafe SSL_CTX_set_max_early_data(context, 0) == 1 else { throw failed("early data") }
        unsafe weft_ctx_set_max_certificates(context, ChainLimits.bytes)
        unsafe SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
        unsafe countKeyUpdates(of: context)
        if role == .acceptor {
            unsafe SSL_CTX_set_alpn_select_cb(context, chooseWeft, nil)
        } else {
            let list = partner.protocolList
            guard unsafe SSL_CTX_set_alpn_protos(context, list, UInt32(list.count)) == 0 else { throw failed("ALPN") }
        }
    }

    /// What spares time and memory with every kind of peer.
    static func setModes(_ context: OpaquePointer) {
        // NO_AUTO_CHAIN spares a search for the chain on every handshake (measured: 320 us); RELEASE_BUFFERS gives 10 KiB
        // back while a connection rests; the other two let a write be repeated from another address.
        let mode =
            Int(SSL_MODE_NO_AUTO_CHAIN) | Int(SSL_MODE_RELEASE_BUFFERS) | Int(SSL_MODE_ENABLE_PARTIAL_WRITE)
            | Int(SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER)
        _ = unsafe weft_ctx_set_mode(context, mode)
        // Tickets nobody will use cost 360 us a connection (measured). The option keeps the dialler from asking for one.
        unsafe weft_ctx_no_session_cache(context)
        unsafe weft_ctx_no_tickets(context)
    }

    /// OpenSSL answers every KeyUpdate; ``TLSRecords`` counts them.
    static func countKeyUpdates(of context: OpaquePointer) {
        unsafe SSL_CTX_set_msg_callback(context, noteKeyUpdate)
    }

    static func use(_ context: OpaquePointer, chain: [Certificate], key: PrivateKey) throws(Problem) {
        guard let leaf = chain.first else { throw failed("an empty chain") }
        guard unsafe SSL_CTX_use_certificate(context, leaf.x509) == 1 else { throw failed("certificate") }
        guard unsafe SSL_CTX_use_PrivateKey(context, key.key) == 1 else { throw failed("key") }
        for intermediate in chain.dropFirst() {
            guard unsafe weft_ctx_add_chain_certificate(context, intermediate.x509) == 1 else { throw failed("chain") }
        }
    }

    static func failed(_ what: String) -> Problem {
        let reason = TLSLibrary.takeError().map { ": \($0.text)" } ?? ""
        return Problem(.identityMalformed, "the TLS library refuses \(what)\(reason)")
    }

    /// Looks for a name in what a client offers by ALPN; true if it is there and chosen.
    static func choose(
        _ ours: [UInt8], _ chosen: UnsafeMutablePointer<UnsafePointer<UInt8>?>?,
        _ chosenCount: UnsafeMutablePointer<UInt8>?, _ offered: UnsafePointer<UInt8>?, _ offeredCount: UInt32
    ) -> Bool {
        var rest = unsafe UnsafeBufferPointer(start: offered, count: Int(offeredCount))[...]
        while let length = unsafe rest.first, unsafe rest.count > Int(length) {
            let name = unsafe UnsafeBufferPointer(rebasing: rest.dropFirst().prefix(Int(length)))
            if unsafe name.elementsEqual(ours) {
                unsafe chosen?.pointee = name.baseAddress
                unsafe chosenCount?.pointee = length
                return true
            }
            unsafe rest = rest.dropFirst(1 + Int(length))
        }
        return false
    }

}

/// Chooses `weft/1` or ends the handshake with no_application_protocol.
private func chooseWeft(
    _ ssl: OpaquePointer?, _ chosen: UnsafeMutablePointer<UnsafePointer<UInt8>?>?,
    _ chosenCount: UnsafeMutablePointer<UInt8>?,
    _ offered: UnsafePointer<UInt8>?, _ offeredCount: UInt32, _ argument: UnsafeMutableRawPointer?
) -> Int32 {
    unsafe TLSSettings.choose(
        Array(TLSPartner.sidecars.protocolList.dropFirst()), chosen, chosenCount, offered, offeredCount)
        ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL
}

/// Sees every message that passes; counts the KeyUpdates that come in, which OpenSSL answers without a limit.
private func noteKeyUpdate(
    _ isWritten: Int32, _ version: Int32, _ contentType: Int32, _ bytes: UnsafeRawPointer?, _ count: Int,
    _ ssl: OpaquePointer?, _ argument: UnsafeMutableRawPointer?
) {
    guard isWritten == 0, contentType == SSL3_RT_HANDSHAKE, count > 0, let bytes = unsafe bytes,
        unsafe bytes.load(as: UInt8.self) == UInt8(SSL3_MT_KEY_UPDATE), let argument = unsafe argument
    else { return }
    unsafe Unmanaged<TLSStaging>.fromOpaque(argument).takeUnretainedValue().keyUpdates += 1
}
