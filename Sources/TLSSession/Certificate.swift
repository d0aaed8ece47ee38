// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import COpenSSL
package import MeshModel

/// An X.509 certificate.
///
/// `@unchecked Sendable`: the X509 is never changed after it was parsed, and OpenSSL counts its references atomically. The
/// extension cache that OpenSSL fills on first use is filled in `init`, under OpenSSL's own lock.
@safe
package final class Certificate: @unchecked Sendable {
    let x509: OpaquePointer

    /// Takes over one reference.
    init(owning x509: OpaquePointer) {
        unsafe self.x509 = unsafe x509
        _ = unsafe X509_check_purpose(x509, -1, 0)
    }

    deinit { unsafe X509_free(x509) }

    /// One certificate in DER; nil if it is not one, or not exactly one.
    package convenience init?(der: [UInt8]) {
        let parsed: OpaquePointer? = unsafe der.withUnsafeBufferPointer { bytes in
            var cursor = bytes.baseAddress
            guard let x509 = unsafe d2i_X509(nil, &cursor, bytes.count) else { return nil }
            guard unsafe cursor == bytes.baseAddress.map({ unsafe $0 + bytes.count }) else {
                unsafe X509_free(x509)
                return nil
            }
            return unsafe x509
        }
        ERR_clear_error()
        guard let parsed = unsafe parsed else { return nil }
        unsafe self.init(owning: parsed)
    }

    /// All certificates of a PEM text, at most `limit`; nil if one of them cannot be read or there is none.
    package static func list(pem: [UInt8], limit: Int) -> [Certificate]? {
        guard let bio = unsafe weft_bio_of_bytes(pem, Int32(clamping: pem.count)) else { return nil }
        defer {
            unsafe BIO_free(bio)
            ERR_clear_error()
        }
        var certificates: [Certificate] = []
        while let x509 = unsafe PEM_read_bio_X509(bio, nil, nil, nil) {
            certificates.append(unsafe Certificate(owning: x509))
            guard certificates.count <= limit else { return nil }
        }
        // The end is told by "no start line"; anything else is a broken block.
        let isEnd = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE
        return isEnd && !certificates.isEmpty ? certificates : nil
    }

    package var der: [UInt8] {
        var pointer: UnsafeMutablePointer<UInt8>?
        let count = unsafe i2d_X509(x509, &pointer)
        guard count > 0, let bytes = unsafe pointer else { return [] }
        defer { unsafe CRYPTO_free(bytes, nil, 0) }
        return unsafe Array(UnsafeBufferPointer(start: bytes, count: Int(count)))
    }

    /// The first moment of validity; nil where the field is not a time.
    package var notBefore: WallTime? { unsafe Self.wallTime(X509_get0_notBefore(x509)) }
    /// The last moment of validity.
    package var notAfter: WallTime? { unsafe Self.wallTime(X509_get0_notAfter(x509)) }

    /// The serial number in lower-case hexadecimal.
    package var serialNumber: String {
        guard let number = unsafe X509_get0_serialNumber(x509) else { return "" }
        let count = unsafe Int(ASN1_STRING_length(number))
        guard count > 0, let bytes = unsafe ASN1_STRING_get0_data(number) else { return "0" }
        return unsafe Hexadecimal.text(of: UnsafeBufferPointer(start: bytes, count: count))
    }

    /// The workload that a leaf names; nothing is verified by that.
    package func workloadIdentity() throws(Problem) -> SPIFFEID {
        try SVIDRules.identity(of: unsafe CertificateDecoder.facts(of: x509, at: ChainPlace.leaf))
    }

    /// SHA-256 over the DER.
    package var fingerprint: [UInt8] { unsafe Self.fingerprint(x509) }

    static func fingerprint(_ x509: OpaquePointer) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        var count: UInt32 = 0
        _ = unsafe X509_digest(x509, EVP_sha256(), &digest, &count)
        return digest
    }

    static func wallTime(_ time: UnsafePointer<ASN1_TIME>?) -> WallTime? {
        // Counted from 1970 by OpenSSL itself, so that no calendar is needed here.
        guard let time = unsafe time, let epoch = unsafe ASN1_TIME_set(nil, 0) else { return nil }
        defer { unsafe ASN1_STRING_free(epoch) }
        var days: Int32 = 0
        var seconds: Int32 = 0
        guard unsafe ASN1_TIME_diff(&days, &seconds, epoch, time) == 1 else { return nil }
        return WallTime(seconds: Int64(days) * 86_400 + Int64(seconds))
    }
}

/// A private key that never leaves libcrypto.
///
/// `@unchecked Sendable`: the key is never changed after it was parsed, and OpenSSL counts its references atomically.
@safe
package final class PrivateKey: @unchecked Sendable {
    let key: OpaquePointer

    init(owning key: OpaquePointer) { unsafe self.key = unsafe key }

    deinit { unsafe EVP_PKEY_free(key) }

    /// An unencrypted key in PEM, PKCS#8 or SEC 1; nil if it is not one.
    package static func read(pem: [UInt8]) -> PrivateKey? {
        guard let bio = unsafe weft_bio_of_bytes(pem, Int32(clamping: pem.count)) else { return nil }
        defer {
            unsafe BIO_free(bio)
            ERR_clear_error()
        }
        // The callback says "no passphrase": without one, OpenSSL would ask on the terminal.
        let noPassphrase:
            @convention(c) (UnsafeMutablePointer<CChar>?, Int32, Int32, UnsafeMutableRawPointer?) -> Int32 =
                { _, _, _, _ in 0 }
        guard let key = unsafe PEM_read_bio_PrivateKey(bio, nil, noPassphrase, nil) else { return nil }
        return unsafe PrivateKey(owning: key)
    }

    /// True for EC keys on P-256, the only kind that is used.
    package var isP256: Bool {
        unsafe EVP_PKEY_get_base_id(key) == EVP_PKEY_EC && Self.groupName(key) == "prime256v1"
    }

    /// The name of an EC key's curve; empty where it has none.
    static func groupName(_ key: OpaquePointer) -> String {
        var name = [CChar](repeating: 0, count: 32)
        var count = 0
        guard unsafe EVP_PKEY_get_group_name(key, &name, name.count, &count) == 1 else { return "" }
        return String(decoding: name.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// True if the certificate was issued for this key.
    package func fits(_ certificate: Certificate) -> Bool {
        defer { ERR_clear_error() }
        return unsafe X509_check_private_key(certificate.x509, key) == 1
    }
}

/// Overwrites what held a secret, in a way that no optimiser leaves out.
package func wipe(_ bytes: inout [UInt8]) {
    unsafe bytes.withUnsafeMutableBytes { unsafe OPENSSL_cleanse($0.baseAddress, $0.count) }
}
