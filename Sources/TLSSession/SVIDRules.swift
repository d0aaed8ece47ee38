// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import COpenSSL
internal import MeshModel

/// What X509-SVID asks of a leaf (X509-SVID sections 2 to 5), apart from its signature: everything that can be seen in the
/// certificate itself.
enum LeafRules {
    /// The identity of a well-formed leaf.
    static func identity(of leaf: OpaquePointer) throws(CertificateRejection) -> SPIFFEID {
        let flags = unsafe X509_get_extension_flags(leaf)
        guard flags & UInt32(EXFLAG_INVALID) == 0 else {
            throw CertificateRejection(.certificateInvalid, "an extension of the leaf cannot be read or stands twice")
        }
        guard flags & UInt32(EXFLAG_CA) == 0 else {
            throw CertificateRejection(.leafIsAuthority, "the leaf says CA:TRUE")
        }
        guard flags & UInt32(EXFLAG_CRITICAL) == 0 else {
            throw CertificateRejection(.unhandledExtension, "the leaf has a critical extension that is not understood")
        }
        unsafe try checkKeyUsage(leaf, flags)
        unsafe try checkExtendedKeyUsage(leaf, flags)
        return unsafe try name(of: leaf)
    }

    private static func checkKeyUsage(_ leaf: OpaquePointer, _ flags: UInt32) throws(CertificateRejection) {
        let usage = unsafe X509_get_key_usage(leaf)
        guard flags & UInt32(EXFLAG_KUSAGE) != 0, unsafe X509Extension.isCritical(leaf, NID_key_usage) else {
            throw CertificateRejection(.leafKeyUsage, "the leaf has no critical keyUsage")
        }
        guard usage & UInt32(KU_DIGITAL_SIGNATURE) != 0 else {
            throw CertificateRejection(.leafKeyUsage, "the leaf's keyUsage lacks digitalSignature")
        }
        guard usage & UInt32(KU_KEY_CERT_SIGN | KU_CRL_SIGN) == 0 else {
            throw CertificateRejection(.leafKeyUsage, "the leaf may sign certificates or CRLs")
        }
    }

    private static func checkExtendedKeyUsage(_ leaf: OpaquePointer, _ flags: UInt32) throws(CertificateRejection) {
        guard flags & UInt32(EXFLAG_XKUSAGE) != 0 else { return }
        let usage = unsafe X509_get_extended_key_usage(leaf)
        let both = UInt32(XKU_SSL_SERVER | XKU_SSL_CLIENT)
        guard usage & both == both else {
            throw CertificateRejection(
                .leafExtendedKeyUsage, "the leaf's extendedKeyUsage lacks serverAuth or clientAuth")
        }
    }

    private static func name(of leaf: OpaquePointer) throws(CertificateRejection) -> SPIFFEID {
        let names = unsafe X509Extension.uriNames(leaf)
        guard let first = names.first else { throw CertificateRejection(.noIdentity, "the leaf has no URI name") }
        guard names.count == 1 else {
            throw CertificateRejection(.severalIdentities, "the leaf has \(names.count) URI names")
        }
        // Read as bytes: a NUL or a letter beyond ASCII fails the grammar instead of ending the text.
        guard first.allSatisfy({ $0 < 0x80 }), let identity = SPIFFEID(String(decoding: first, as: UTF8.self)) else {
            throw CertificateRejection(.malformedIdentity, "the leaf's URI name is no SPIFFE ID of a workload")
        }
        if unsafe X509_NAME_entry_count(X509_get_subject_name(leaf)) == 0 {
            guard unsafe X509Extension.isCritical(leaf, NID_subject_alt_name) else {
                throw CertificateRejection(
                    .subjectAlternativeName, "the leaf's subject is empty and its alternative names are not critical")
            }
        }
        return identity
    }
}

/// What X509-SVID asks of those who sign.
enum IssuerRules {
    static func check(
        _ issuer: OpaquePointer, _ role: String, of trustDomain: TrustDomain
    ) throws(CertificateRejection) {
        let flags = unsafe X509_get_extension_flags(issuer)
        guard flags & UInt32(EXFLAG_CA) != 0 else {
            throw CertificateRejection(.issuerNotAuthority, "\(role) is not a CA")
        }
        guard flags & UInt32(EXFLAG_KUSAGE) != 0, unsafe X509_get_key_usage(issuer) & UInt32(KU_KEY_CERT_SIGN) != 0
        else {
            throw CertificateRejection(.issuerKeyUsage, "\(role) lacks keyCertSign")
        }
        for name in unsafe X509Extension.uriNames(issuer) {
            let text = String(decoding: name, as: UTF8.self)
            guard text == "spiffe://\(trustDomain)" || text == "spiffe://\(trustDomain)/" else {
                throw CertificateRejection(.issuerIdentity, "\(role) is named `\(text.prefix(120))`")
            }
        }
    }
}

/// Reading extensions.
enum X509Extension {
    static func isCritical(_ certificate: OpaquePointer, _ identifier: Int32) -> Bool {
        let index = unsafe X509_get_ext_by_NID(certificate, identifier, -1)
        guard index >= 0, let found = unsafe X509_get_ext(certificate, index) else { return false }
        return unsafe X509_EXTENSION_get_critical(found) == 1
    }

    /// The URI names of the subjectAltName, as the bytes they are; an unreadable extension has none.
    static func uriNames(_ certificate: OpaquePointer) -> [[UInt8]] {
        guard let raw = unsafe X509_get_ext_d2i(certificate, NID_subject_alt_name, nil, nil) else { return [] }
        let names = OpaquePointer(raw)
        defer { unsafe weft_names_free(names) }
        var uris: [[UInt8]] = []
        for index in 0..<(unsafe weft_names_count(names)) {
            guard let name = unsafe weft_names_at(names, index), unsafe weft_name_is_uri(name) == 1 else { continue }
            var length: Int32 = 0
            let text = unsafe weft_name_text(name, &length)
            unsafe uris.append(Array(UnsafeBufferPointer(start: text, count: Int(length))))
        }
        return uris
    }
}
