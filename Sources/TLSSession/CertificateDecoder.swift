// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import COpenSSL
internal import MeshModel

/// Reads out of OpenSSL's certificate what ``SVIDRules`` look at. What cannot be read, or is of a kind that the authority's
/// verifier does not take either, is refused here.
enum CertificateDecoder {
    /// As the authority's verifier takes them; OpenSSL knows many more.
    private static let curves: Set<String> = ["prime256v1", "secp384r1", "secp521r1"]
    private static let signatures: Set<Int32> = [
        NID_ecdsa_with_SHA256, NID_ecdsa_with_SHA384, NID_ecdsa_with_SHA512, NID_sha256WithRSAEncryption,
        NID_sha384WithRSAEncryption, NID_sha512WithRSAEncryption, NID_ED25519,
    ]
    private static let weakSignatures: [Int32: String] = [
        NID_md5WithRSAEncryption: "MD5", NID_sha1WithRSAEncryption: "SHA-1", NID_ecdsa_with_SHA1: "SHA-1",
    ]

    static func facts(of certificate: OpaquePointer, at place: String) throws(Problem) -> SVIDFacts {
        defer { ERR_clear_error() }
        guard let start = unsafe Certificate.wallTime(X509_get0_notBefore(certificate)),
            let end = unsafe Certificate.wallTime(X509_get0_notAfter(certificate))
        else { throw Problem(.certificateInvalid, at: place, "its dates cannot be read") }
        var facts = SVIDFacts(validity: CertificateValidity(notBefore: start, notAfter: end))
        unsafe try readNames(of: certificate, at: place, into: &facts)
        let flags = unsafe X509_get_extension_flags(certificate)
        guard flags & UInt32(EXFLAG_INVALID) == 0, unsafe !hasDoubledExtension(certificate) else {
            throw Problem(
                .certificateInvalid, at: place, "an extension cannot be read, stands twice, or is one of many")
        }
        facts.isVersion3 = unsafe X509_get_version(certificate) == 2
        facts.isSubjectEmpty = unsafe X509_NAME_entry_count(X509_get_subject_name(certificate)) == 0
        facts.isAuthority = flags & UInt32(EXFLAG_CA) != 0
        if flags & UInt32(EXFLAG_KUSAGE) != 0 {
            facts.usages = usages(unsafe X509_get_key_usage(certificate))
            facts.areUsagesCritical = unsafe isCritical(certificate, NID_key_usage)
        }
        if flags & UInt32(EXFLAG_XKUSAGE) != 0 {
            facts.purposes = purposes(unsafe X509_get_extended_key_usage(certificate))
        }
        return facts
    }

    /// What is wrong with the key and with the kind of signature. `isRoot`: nobody relies on a root's signature.
    static func strengthProblem(_ certificate: OpaquePointer, at place: String, isRoot: Bool) -> Problem? {
        let signature = unsafe X509_get_signature_nid(certificate)
        if !isRoot {
            guard unsafe namesItsAlgorithm(certificate) else {
                return Problem(.badSignature, at: place, "its signature is not by the algorithm that it names")
            }
            if let hash = weakSignatures[signature] {
                return Problem(.weakSignature, at: place, "it is signed with \(hash)")
            }
            guard signatures.contains(signature) else {
                return Problem(.certificateInvalid, at: place, "its signature is of a kind that is not taken")
            }
        }
        defer { ERR_clear_error() }
        guard let key = unsafe X509_get0_pubkey(certificate) else {
            return Problem(.certificateInvalid, at: place, "its key cannot be read")
        }
        switch unsafe EVP_PKEY_get_base_id(key) {
        case EVP_PKEY_RSA:
            let bits = unsafe Int(EVP_PKEY_get_bits(key))
            guard !ChainLimits.rsaBits.contains(bits) else { return nil }
            return Problem(.weakSignature, at: place, "its RSA key has \(bits) bits")
        case EVP_PKEY_EC where curves.contains(unsafe PrivateKey.groupName(key)): return nil
        case EVP_PKEY_ED25519: return nil
        default: return Problem(.certificateInvalid, at: place, "its key is of a kind that is not taken")
        }
    }

    /// True if the signed part names the algorithm that the signature is by, as it must (RFC 5280 section 4.1.1.2).
    private static func namesItsAlgorithm(_ certificate: OpaquePointer) -> Bool {
        var outside = unsafe UnsafePointer<X509_ALGOR>?.none
        unsafe X509_get0_signature(nil, &outside, certificate)
        return unsafe X509_ALGOR_cmp(outside, X509_get0_tbs_sigalg(certificate)) == 0
    }

    private static func usages(_ bits: UInt32) -> SVIDFacts.Usages {
        var usages: SVIDFacts.Usages = []
        if bits & UInt32(KU_DIGITAL_SIGNATURE) != 0 { usages.insert(.digitalSignature) }
        if bits & UInt32(KU_KEY_CERT_SIGN) != 0 { usages.insert(.keyCertSign) }
        if bits & UInt32(KU_CRL_SIGN) != 0 { usages.insert(.cRLSign) }
        return usages
    }

    private static func purposes(_ bits: UInt32) -> SVIDFacts.Purposes {
        var purposes: SVIDFacts.Purposes = []
        if bits & UInt32(XKU_SSL_SERVER) != 0 { purposes.insert(.serverAuth) }
        if bits & UInt32(XKU_SSL_CLIENT) != 0 { purposes.insert(.clientAuth) }
        return purposes
    }

    /// Reads the subjectAltName. A NUL stays in the text and fails the grammar, instead of ending it.
    private static func readNames(
        of certificate: OpaquePointer, at place: String, into facts: inout SVIDFacts
    ) throws(Problem) {
        var isCritical: Int32 = 0
        guard let raw = unsafe X509_get_ext_d2i(certificate, NID_subject_alt_name, &isCritical, nil) else {
            // -1: there is none; -2: there are several, which is told of all extensions alike (X509_get_ext_d2i(3)).
            if isCritical >= 0 { throw unreadableNames(place) }
            return
        }
        let names = OpaquePointer(raw)
        defer { unsafe weft_names_free(names) }
        facts.areNamesCritical = isCritical == 1
        for index in 0..<(unsafe weft_names_count(names)) {
            guard let name = unsafe weft_names_at(names, index), unsafe weft_name_is_text(name) == 1 else {
                facts.hasOtherNames = true
                continue
            }
            var length: Int32 = 0
            let text = unsafe weft_name_text(name, &length)
            let bytes = unsafe UnsafeBufferPointer(start: text, count: Int(length))
            // An IA5String is ASCII; OpenSSL does not look.
            guard unsafe bytes.allSatisfy({ $0 < 0x80 }) else { throw unreadableNames(place) }
            if unsafe weft_name_is_uri(name) == 1 {
                facts.uriNames.append(unsafe String(decoding: bytes, as: UTF8.self))
            } else {
                facts.hasOtherNames = true
            }
        }
    }

    private static func unreadableNames(_ place: String) -> Problem {
        let code = place == ChainPlace.leaf ? ErrorCode.malformedIdentity : .certificateInvalid
        return Problem(code, at: place, "its alternative names cannot be read")
    }

    /// OpenSSL notices only extensions that it knows. Too many to look at count too.
    private static func hasDoubledExtension(_ certificate: OpaquePointer) -> Bool {
        let count = unsafe X509_get_ext_count(certificate)
        guard count <= ChainLimits.extensions else { return true }
        for index in 0..<max(0, count) {
            let kind = unsafe X509_EXTENSION_get_object(X509_get_ext(certificate, index))
            if unsafe X509_get_ext_by_OBJ(certificate, kind, index) >= 0 { return true }
        }
        return false
    }

    private static func isCritical(_ certificate: OpaquePointer, _ identifier: Int32) -> Bool {
        let index = unsafe X509_get_ext_by_NID(certificate, identifier, -1)
        guard index >= 0, let found = unsafe X509_get_ext(certificate, index) else { return false }
        return unsafe X509_EXTENSION_get_critical(found) == 1
    }
}
