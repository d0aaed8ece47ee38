// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import COpenSSL
internal import MeshModel

/// How far a handshake with a client of a gateway is.
package enum GatewayHandshake {
    /// It goes on when more input has come.
    case needsInput
    case done
    /// It has failed; an alert for the client may lie in the output.
    case failed(TLSFailure)
}

/// One TLS session with a client of a gateway. As ``TLSSession``, but for a client that shows no certificate.
@safe
package final class GatewayTLSSession {
    private let records: TLSRecords
    private let context: GatewayTLSContext

    /// Nil without memory.
    package init?(_ context: GatewayTLSContext) {
        guard let ssl = unsafe context.makeSSL(),
            let records = unsafe TLSRecords(owning: ssl, context.staging)
        else { return nil }
        unsafe SSL_set_accept_state(ssl)
        self.records = records
        self.context = context
    }

    /// Takes the handshake as far as the input goes.
    package func handshake() -> GatewayHandshake {
        ERR_clear_error()
        let result = unsafe SSL_do_handshake(records.ssl)
        if result == 1 { return .done }
        switch unsafe SSL_get_error(records.ssl, result) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .needsInput
        default: return .failed(records.failure())
        }
    }

    /// Reads plaintext of at most one record into `buffer`, which should hold 16 KiB.
    package func read(into buffer: UnsafeMutableRawBufferPointer) -> TLSReadResult {
        unsafe records.read(into: buffer)
    }

    /// See ``TLSSession/hasReadEverything``.
    package var hasReadEverything: Bool { records.hasReadEverything }

    /// Encrypts 1 to 16384 bytes into the output. Nil: done.
    package func write(_ bytes: UnsafeRawBufferPointer) -> TLSFailure? { unsafe records.write(bytes) }

    /// Ends our direction: close_notify into the output.
    package func end() { records.end() }
}
