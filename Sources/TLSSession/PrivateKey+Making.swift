// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import COpenSSL
package import MeshModel

/// Keys of our own, and what is done with them beside TLS.
extension PrivateKey {
    /// A fresh key on P-256, from the generator of libcrypto.
    package static func make() throws(Problem) -> PrivateKey {
        defer { ERR_clear_error() }
        guard let key = unsafe weft_make_p256() else { throw TLSSettings.failed("to make a key") }
        return unsafe PrivateKey(owning: key)
    }

    /// PKCS#8 in PEM, unencrypted. Whoever has written it down wipes it.
    package func pem() throws(Problem) -> [UInt8] {
        defer { ERR_clear_error() }
        // Memory that is wiped when it is freed.
        guard let bio = unsafe BIO_new(BIO_s_secmem()) else { throw TLSSettings.failed("to write a key") }
        defer { unsafe BIO_free(bio) }
        guard unsafe PEM_write_bio_PKCS8PrivateKey(bio, key, nil, nil, 0, nil, nil) == 1 else {
            throw TLSSettings.failed("to write a key")
        }
        return unsafe bytes(of: bio)
    }

    /// A request for a certificate (PKCS#10) in PEM. It says nothing but the key and that we hold it: what the certificate
    /// is to say is the authority's to know.
    package func certificateRequest() throws(Problem) -> String {
        defer { ERR_clear_error() }
        guard let request = unsafe X509_REQ_new(), let bio = unsafe BIO_new(BIO_s_mem()) else {
            throw TLSSettings.failed("to make a request")
        }
        defer {
            unsafe X509_REQ_free(request)
            unsafe BIO_free(bio)
        }
        guard unsafe X509_REQ_set_version(request, 0) == 1, unsafe X509_REQ_set_pubkey(request, key) == 1,
            unsafe X509_REQ_sign(request, key, EVP_sha256()) > 0, unsafe PEM_write_bio_X509_REQ(bio, request) == 1
        else { throw TLSSettings.failed("to make a request") }
        return String(decoding: unsafe bytes(of: bio), as: UTF8.self)
    }

    /// ECDSA with SHA-256 over `text`, in DER.
    package func signature(over text: [UInt8]) throws(Problem) -> [UInt8] {
        defer { ERR_clear_error() }
        guard let context = unsafe EVP_MD_CTX_new() else { throw TLSSettings.failed("to sign") }
        defer { unsafe EVP_MD_CTX_free(context) }
        var count = 0
        guard unsafe EVP_DigestSignInit(context, nil, EVP_sha256(), nil, key) == 1,
            unsafe EVP_DigestSign(context, nil, &count, text, text.count) == 1
        else { throw TLSSettings.failed("to sign") }
        var signature = [UInt8](repeating: 0, count: count)
        guard unsafe EVP_DigestSign(context, &signature, &count, text, text.count) == 1 else {
            throw TLSSettings.failed("to sign")
        }
        // What was asked for first is the most that it may be.
        return Array(signature.prefix(count))
    }

    private func bytes(of bio: OpaquePointer) -> [UInt8] {
        var start: UnsafePointer<CChar>?
        let count = unsafe weft_bio_bytes(bio, &start)
        return unsafe UnsafeBufferPointer(start: start, count: max(0, count)).map { UInt8(bitPattern: $0) }
    }
}

extension Certificate {
    /// True if `signature`, in DER, is ECDSA with SHA-256 by this certificate's key over `text`.
    package func verifies(_ signature: [UInt8], over text: [UInt8]) -> Bool {
        defer { ERR_clear_error() }
        guard let key = unsafe X509_get0_pubkey(x509), unsafe EVP_PKEY_get_base_id(key) == EVP_PKEY_EC,
            let context = unsafe EVP_MD_CTX_new()
        else { return false }
        defer { unsafe EVP_MD_CTX_free(context) }
        guard unsafe EVP_DigestVerifyInit(context, nil, EVP_sha256(), nil, key) == 1 else { return false }
        return unsafe EVP_DigestVerify(context, signature, signature.count, text, text.count) == 1
    }
}

/// SHA-256.
package enum SecureHash {
    /// Thirty-two bytes.
    package static func sha256(_ bytes: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        var count: UInt32 = 0
        let result = unsafe EVP_Digest(bytes, bytes.count, &digest, &count, EVP_sha256(), nil)
        precondition(result == 1 && count == 32, "libcrypto has SHA-256.")
        return digest
    }
}
