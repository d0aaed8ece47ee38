// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import COpenSSL
internal import COpenSSLMemory

/// The state of libcrypto that the whole process shares.
package enum TLSLibrary {
    /// Prepares the library; called once, first thing. No configuration file is read: what holds is written here, whatever
    /// the image brings.
    ///
    /// Private keys go to a heap of their own that is locked, kept out of dumps and wiped. That holds for the ephemeral key
    /// of each session too, which OpenSSL keeps as long as the session, and where this heap is full a handshake fails; so it
    /// is sized for `sessions`. Its pages are locked as they are touched (MLOCK_ONFAULT); where the limit forbids locking
    /// (RLIMIT_MEMLOCK) it is a heap like any other.
    package static func prepare(sessions: Int) {
        // Must come before everything else: from its first allocation on, OpenSSL takes no other functions.
        _ = unsafe CRYPTO_set_mem_functions(weft_openssl_allocate, weft_openssl_reallocate, weft_openssl_free)
        let options = UInt64(OPENSSL_INIT_NO_LOAD_CONFIG) | UInt64(OPENSSL_INIT_NO_ATEXIT)
        _ = OPENSSL_init_ssl(options, nil)
        var byteCount = 1 << 20
        while byteCount < sessions * 128, byteCount < 256 << 20 { byteCount *= 2 }
        _ = CRYPTO_secure_malloc_init(byteCount, 32)
    }

    /// The library that is linked, `OpenSSL 3.0.19 ...`.
    package static var version: String { unsafe String(cString: OpenSSL_version(OPENSSL_VERSION)) }

    /// Takes all errors of this thread out of the queue; the first one in words.
    static func takeError() -> (code: UInt, text: String)? {
        let first = ERR_get_error()
        guard first != 0 else { return nil }
        ERR_clear_error()
        guard let reason = unsafe ERR_reason_error_string(first) else { return (UInt(first), "error \(first)") }
        return unsafe (UInt(first), String(cString: reason))
    }
}
