// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import COpenSSL

/// The state of libcrypto that the whole process shares.
package enum TLSLibrary {
    /// Prepares the library; called once, first thing. No configuration file is read: what holds is written here, whatever
    /// the image brings. Private keys go to a heap of their own that is locked, kept out of dumps and wiped.
    package static func prepare() {
        let options = UInt64(OPENSSL_INIT_NO_LOAD_CONFIG) | UInt64(OPENSSL_INIT_NO_ATEXIT)
        _ = OPENSSL_init_ssl(options, nil)
        // 64 KiB holds some hundred EC keys; where it cannot be locked (RLIMIT_MEMLOCK) the keys lie on the plain heap.
        _ = CRYPTO_secure_malloc_init(64 << 10, 32)
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
