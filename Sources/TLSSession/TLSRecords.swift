// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import COpenSSL
internal import MeshModel
internal import PeerProtocol

/// The part of a session that is alike for sidecars and for clients at a gateway: an `SSL *` over the ``TLSStaging`` of its
/// thread, records in and out.
@safe
final class TLSRecords {
    let ssl: OpaquePointer
    private let staging: TLSStaging
    private var recordsUnderKey: UInt64 = 0
    private var keyUpdatesWithoutData = 0

    /// Takes over `ssl`, which is freed here also where there is no memory for the rest.
    init?(owning ssl: OpaquePointer, _ staging: TLSStaging) {
        guard let bio = unsafe StagingBIO.make(staging) else {
            unsafe SSL_free(ssl)
            return nil
        }
        // For reading and writing alike; where both are the same, one reference is taken over (SSL_set_bio(3)).
        unsafe SSL_set_bio(ssl, bio, bio)
        unsafe weft_ssl_set_message_argument(ssl, Unmanaged.passUnretained(staging).toOpaque())
        unsafe self.ssl = unsafe ssl
        self.staging = staging
    }

    deinit { unsafe SSL_free(ssl) }

    /// Reads plaintext of at most one record into `buffer`, which should hold 16 KiB.
    func read(into buffer: UnsafeMutableRawBufferPointer) -> TLSReadResult {
        staging.keyUpdates = 0
        var count = 0
        let result = unsafe SSL_read_ex(ssl, buffer.baseAddress, buffer.count, &count)
        if staging.keyUpdates > 0 {
            keyUpdatesWithoutData += staging.keyUpdates
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
    var hasReadEverything: Bool { unsafe staging.inputIsUsedUp && SSL_pending(ssl) == 0 }

    /// Encrypts at most one record's worth (16 KiB) of plaintext into the output. The caller has made sure that there is
    /// room. Nil: done.
    func write(_ bytes: UnsafeRawBufferPointer) -> TLSFailure? {
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
    func end() {
        ERR_clear_error()
        _ = unsafe SSL_shutdown(ssl)
        ERR_clear_error()
    }

    /// The first error in OpenSSL's queue as one of ours.
    func failure() -> TLSFailure {
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
