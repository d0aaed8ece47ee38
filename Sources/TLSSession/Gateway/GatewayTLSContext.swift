// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import COpenSSL
package import MeshModel

/// A certificate that a gateway shows to clients outside the mesh.
package struct ServerCertificate: Sendable {
    /// Leaf first.
    package let chain: [Certificate]
    package let key: PrivateKey

    package init(chain: [Certificate], key: PrivateKey) {
        self.chain = chain
        self.key = key
    }
}

/// What the gateways of a proxy show to their clients, by listener (``GatewayMaterial/certificates``).
package struct GatewayMaterial: Sendable {
    /// By the label of the listener: `default/edge/secure`.
    package var certificates: [String: [ServerCertificate]] = [:]

    package init() {}

    /// True if the same certificates are shown.
    package func isSame(as other: GatewayMaterial) -> Bool {
        certificates.mapValues { $0.map { $0.chain.map(\.fingerprint) } }
            == other.certificates.mapValues { $0.map { $0.chain.map(\.fingerprint) } }
    }
}

/// What all clients of one HTTPS listener share, in one thread: ordinary TLS, 1.2 or 1.3, the first certificate whose names
/// hold the one that the client asks for (RFC 6066 section 3), else the first; HTTP/2 or HTTP/1.1 by ALPN.
@safe
package final class GatewayTLSContext {
    /// Forward secrecy and authenticated encryption, which is also what HTTP/2 asks of TLS 1.2 (RFC 9113 section 9.2.2).
    private static let cipherList = "ECDHE+AESGCM:ECDHE+CHACHA20"
    private static let groups = "X25519:P-256:P-384"
    static let protocols = ["h2", "http/1.1"].map { Array($0.utf8) }

    package let staging: TLSStaging
    private let entries: [Entry]

    /// Owned by the gateway's context, which frees it.
    @safe
    private struct Entry {
        let leaf: Certificate
        let context: OpaquePointer

        func free() { unsafe SSL_CTX_free(context) }
    }

    /// At least one certificate.
    package init(_ certificates: [ServerCertificate], staging: TLSStaging) throws(Problem) {
        precondition(!certificates.isEmpty, "A TLS listener without a certificate is refused with its configuration.")
        self.staging = staging
        var entries: [Entry] = []
        do throws(Problem) {
            for certificate in certificates {
                let context = unsafe try Self.make(certificate)
                if let leaf = certificate.chain.first { unsafe entries.append(Entry(leaf: leaf, context: context)) }
            }
        } catch {
            for entry in entries { entry.free() }
            throw error
        }
        self.entries = entries
        for entry in entries {
            unsafe weft_ctx_set_name_callback(
                entry.context, chooseCertificate, Unmanaged.passUnretained(self).toOpaque())
        }
    }

    deinit {
        for entry in entries { entry.free() }
    }

    private static func make(_ certificate: ServerCertificate) throws(Problem) -> OpaquePointer {
        guard let context = unsafe SSL_CTX_new(TLS_server_method()) else { throw TLSSettings.failed("SSL_CTX_new") }
        do throws(Problem) {
            guard unsafe weft_ctx_from_tls12(context) == 1 else { throw TLSSettings.failed("TLS 1.2") }
            guard unsafe SSL_CTX_set_cipher_list(context, cipherList) == 1 else { throw TLSSettings.failed("ciphers") }
            guard unsafe weft_ctx_set_groups(context, groups) == 1 else { throw TLSSettings.failed("groups") }
            unsafe TLSSettings.setModes(context)
            unsafe weft_ctx_no_renegotiation(context)
            guard unsafe SSL_CTX_set_num_tickets(context, 0) == 1 else { throw TLSSettings.failed("tickets") }
            guard unsafe SSL_CTX_set_max_early_data(context, 0) == 1 else { throw TLSSettings.failed("early data") }
            unsafe SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nil)
            unsafe SSL_CTX_set_alpn_select_cb(context, chooseProtocol, nil)
            unsafe TLSSettings.countKeyUpdates(of: context)
            unsafe try TLSSettings.use(context, chain: certificate.chain, key: certificate.key)
            return unsafe context
        } catch {
            unsafe SSL_CTX_free(context)
            throw error
        }
    }

    func makeSSL() -> OpaquePointer? {
        guard let first = entries.first else { return nil }
        return unsafe SSL_new(first.context)
    }

    /// The context with the certificate for a name.
    fileprivate func context(for name: String) -> OpaquePointer? {
        let entry = entries.first { unsafe X509_check_host($0.leaf.x509, name, name.utf8.count, 0, nil) == 1 }
        return unsafe (entry ?? entries.first)?.context
    }
}

/// Called with the client's name, or without one (SSL_CTX_set_tlsext_servername_callback(3)).
private func chooseCertificate(
    _ ssl: OpaquePointer?, _ alert: UnsafeMutablePointer<Int32>?, _ argument: UnsafeMutableRawPointer?
) -> Int32 {
    guard let argument = unsafe argument, let text = unsafe SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) else {
        return SSL_TLSEXT_ERR_NOACK
    }
    // Unretained: every session holds its context.
    let gateway = unsafe Unmanaged<GatewayTLSContext>.fromOpaque(argument).takeUnretainedValue()
    if let context = unsafe gateway.context(for: String(cString: text)) { _ = unsafe SSL_set_SSL_CTX(ssl, context) }
    return SSL_TLSEXT_ERR_OK
}

/// Chooses HTTP/2 where it is offered, else HTTP/1.1; who offers only something else is refused.
private func chooseProtocol(
    _ ssl: OpaquePointer?, _ chosen: UnsafeMutablePointer<UnsafePointer<UInt8>?>?,
    _ chosenCount: UnsafeMutablePointer<UInt8>?,
    _ offered: UnsafePointer<UInt8>?, _ offeredCount: UInt32, _ argument: UnsafeMutableRawPointer?
) -> Int32 {
    for ours in GatewayTLSContext.protocols {
        if unsafe TLSSettings.choose(ours, chosen, chosenCount, offered, offeredCount) { return SSL_TLSEXT_ERR_OK }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL
}
