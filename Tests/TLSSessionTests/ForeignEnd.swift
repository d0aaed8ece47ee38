// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import COpenSSL
import MeshTesting

/// A peer made of OpenSSL alone, without any of our settings: as wrong as a test wants it.
final class ForeignEnd: MemoryEnd {
    enum Version: Int {
        case tls12 = 0x0303
        case tls13 = 0x0304
    }

    private let context: OpaquePointer
    private let ssl: OpaquePointer
    private let input = BIO_new(BIO_s_mem())
    private let output = BIO_new(BIO_s_mem())
    private(set) var isDone = false
    private(set) var received: [UInt8] = []
    /// The first error, in OpenSSL's words.
    private(set) var failure: String?

    /// Dials or accepts, with a certificate or without. As dialler it offers the protocols of `alpn`; as acceptor it chooses
    /// none and asks for no certificate.
    init(
        chain: [MintedCertificate] = [], alpn: [String] = ["weft/1"], version: Version = .tls13,
        isAcceptor: Bool = false
    ) throws {
        let method = isAcceptor ? TLS_server_method() : TLS_client_method()
        guard let context = SSL_CTX_new(method) else { throw Unexpected(what: "no memory") }
        self.context = context
        // SSL_CTRL_SET_MIN_PROTO_VERSION and MAX are macros to C.
        for command in [123, 124] as [Int32] { SSL_CTX_ctrl(context, command, version.rawValue, nil) }
        for (index, certificate) in chain.enumerated() {
            let x509 = certificate.der.withUnsafeBufferPointer { bytes in
                var cursor = bytes.baseAddress
                return d2i_X509(nil, &cursor, bytes.count)
            }
            if index == 0 {
                SSL_CTX_use_certificate(context, x509)
            } else {
                _ = weft_ctx_add_chain_certificate(context, x509)
            }
            X509_free(x509)
        }
        if let key = chain.first?.key.pem {
            let parsed = key.utf8CString.withUnsafeBufferPointer { text -> OpaquePointer? in
                let bio = BIO_new_mem_buf(text.baseAddress, Int32(text.count - 1))
                defer { BIO_free(bio) }
                return PEM_read_bio_PrivateKey(bio, nil, nil, nil)
            }
            SSL_CTX_use_PrivateKey(context, parsed)
            EVP_PKEY_free(parsed)
        }
        let names = alpn.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
        if !names.isEmpty { SSL_CTX_set_alpn_protos(context, names, UInt32(names.count)) }
        guard let ssl = SSL_new(context) else { throw Unexpected(what: "no memory") }
        self.ssl = ssl
        SSL_set_bio(ssl, input, output)
        if isAcceptor { SSL_set_accept_state(ssl) } else { SSL_set_connect_state(ssl) }
        ERR_clear_error()
    }

    deinit {
        SSL_free(ssl)
        SSL_CTX_free(context)
    }

    func feed(_ bytes: [UInt8]) -> [UInt8] {
        if !bytes.isEmpty { BIO_write(input, bytes, Int32(bytes.count)) }
        if !isDone, check(SSL_do_handshake(ssl)) { isDone = true }
        if isDone {
            var buffer = [UInt8](repeating: 0, count: 16_384)
            var count = 0
            while SSL_read_ex(ssl, &buffer, buffer.count, &count) == 1 { received += buffer.prefix(count) }
            _ = check(0)
        }
        return takeOutput()
    }

    func send(_ bytes: [UInt8]) -> [UInt8] {
        _ = check(SSL_write(ssl, bytes, Int32(bytes.count)))
        return takeOutput()
    }

    /// A KeyUpdate, and a record with one byte if `hasData`.
    func updateKey(asking: Bool = false, hasData: Bool = false) -> [UInt8] {
        SSL_key_update(ssl, asking ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED)
        _ = check(SSL_do_handshake(ssl))
        return takeOutput() + (hasData ? send([7]) : [])
    }

    /// True if the server has given a session that could be resumed.
    var hasResumableSession: Bool { SSL_SESSION_is_resumable(SSL_get_session(ssl)) == 1 }

    private func check(_ result: Int32) -> Bool {
        defer { ERR_clear_error() }
        guard result <= 0 else { return true }
        switch SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE, SSL_ERROR_ZERO_RETURN: break
        default:
            let reason = ERR_reason_error_string(ERR_peek_error()).map { String(cString: $0) }
            failure = failure ?? reason ?? "no reason"
        }
        return false
    }

    private func takeOutput() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Int(BIO_ctrl_pending(output)))
        if !bytes.isEmpty { BIO_read(output, &bytes, Int32(bytes.count)) }
        return bytes
    }
}
