// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import COpenSSL
package import MeshModel

/// Judges a peer's chain: the rules of X509-SVID on top of OpenSSL's path building.
///
/// The order is that of what can be trusted: first the leaf's own form, which needs no trust; then the bundle is chosen by
/// the trust domain the leaf claims; then the path is built to a root of that bundle alone; then times and the rules for
/// those who sign. OpenSSL does not look at times here, so that a clock that is off can be told with direction and amount.
///
/// One per trust bundle generation and thread: the stores in it are used by one thread at a time.
@safe
package final class PeerVerifier {
    /// Certificates start at most this much in the future; expiry has no tolerance.
    private static let startTolerance: Duration = .seconds(60)
    /// Intermediates between leaf and root.
    private static let intermediatesMax = 2

    package let generation: UInt64
    private var stores: [TrustDomain: TrustStore] = [:]

    package init(_ bundles: TrustBundles) {
        generation = bundles.generation
        for (domain, roots) in bundles.roots {
            stores[domain] = TrustStore(roots)
        }
    }

    /// Judges a chain, leaf first.
    package func verify(_ chain: [Certificate], now: WallTime) throws(CertificateRejection) -> VerifiedPeer {
        guard let leaf = chain.first else { throw CertificateRejection(.noCertificate, "no certificate was shown") }
        guard let stack = unsafe weft_certificates_new() else { throw outOfMemory }
        defer { unsafe weft_certificates_free(stack) }
        for certificate in chain.dropFirst() {
            _ = unsafe X509_up_ref(certificate.x509)
            _ = unsafe weft_certificates_push(stack, certificate.x509)
        }
        return unsafe try verify(leaf.x509, stack, now: now)
    }

    func verify(
        _ leaf: OpaquePointer, _ others: OpaquePointer?, now: WallTime
    ) throws(CertificateRejection) -> VerifiedPeer {
        let identity = unsafe try LeafRules.identity(of: leaf)
        guard let store = stores[identity.trustDomain] else {
            throw CertificateRejection(.unknownTrustDomain, "`\(identity.trustDomain)` has no bundle here")
        }
        guard let context = unsafe X509_STORE_CTX_new() else { throw outOfMemory }
        defer {
            unsafe X509_STORE_CTX_free(context)
            ERR_clear_error()
        }
        guard unsafe X509_STORE_CTX_init(context, store.store, leaf, others) == 1 else { throw outOfMemory }
        let parameters = unsafe X509_STORE_CTX_get0_param(context)
        unsafe X509_VERIFY_PARAM_set_flags(parameters, UInt(X509_V_FLAG_NO_CHECK_TIME))
        unsafe X509_VERIFY_PARAM_set_depth(parameters, Int32(Self.intermediatesMax))
        // 112 bits: RSA from 2048, no SHA-1 (SSL_CTX_set_security_level(3)).
        unsafe X509_VERIFY_PARAM_set_auth_level(parameters, 2)
        guard unsafe X509_verify_cert(context) == 1 else { throw unsafe rejection(context) }
        let chain = unsafe X509_STORE_CTX_get0_chain(context)
        var expiry = WallTime(nanoseconds: .max)
        for index in 0..<(unsafe weft_certificates_count(chain)) {
            guard let certificate = unsafe weft_certificates_at(chain, index) else { throw outOfMemory }
            let role = index == 0 ? "the leaf" : "issuer \(index)"
            expiry = unsafe min(expiry, try checkTimes(certificate, role, now))
            if index > 0 { unsafe try IssuerRules.check(certificate, role, of: identity.trustDomain) }
        }
        return VerifiedPeer(identity: identity, expiry: expiry, serialNumber: unsafe serialNumber(leaf))
    }

    private var outOfMemory: CertificateRejection {
        CertificateRejection(.certificateInvalid, "there is no memory to look")
    }

    private func serialNumber(_ leaf: OpaquePointer) -> String {
        unsafe X509_up_ref(leaf)
        return unsafe Certificate(owning: leaf).serialNumber
    }

    private func checkTimes(
        _ certificate: OpaquePointer, _ role: String, _ now: WallTime
    ) throws(CertificateRejection) -> WallTime {
        guard let start = unsafe Certificate.wallTime(X509_get0_notBefore(certificate)),
            let end = unsafe Certificate.wallTime(X509_get0_notAfter(certificate))
        else { throw CertificateRejection(.certificateInvalid, "\(role) has no readable times") }
        if start > now + Self.startTolerance {
            throw CertificateRejection(
                .notYetValid,
                "\(role) begins \((start - now).inWords) from now: our clock is slow or the issuer's is fast")
        }
        if end < now {
            throw CertificateRejection(.expired, "\(role) ended \((now - end).inWords) ago")
        }
        return end
    }

    /// OpenSSL's reason as a code of ours, with the certificate it speaks of.
    private func rejection(_ context: OpaquePointer) -> CertificateRejection {
        let error = unsafe X509_STORE_CTX_get_error(context)
        let depth = unsafe X509_STORE_CTX_get_error_depth(context)
        let role = depth == 0 ? "the leaf" : "issuer \(depth)"
        let text = unsafe String(cString: X509_verify_cert_error_string(Int(error)))
        let code: ErrorCode =
            switch error {
            case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
                X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
                X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_CERT_UNTRUSTED:
                .unknownRoot
            case X509_V_ERR_CERT_SIGNATURE_FAILURE, X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE: .badSignature
            case X509_V_ERR_CERT_CHAIN_TOO_LONG: .chainTooLong
            case X509_V_ERR_INVALID_CA, X509_V_ERR_INVALID_NON_CA: .issuerNotAuthority
            case X509_V_ERR_KEYUSAGE_NO_CERTSIGN: .issuerKeyUsage
            case X509_V_ERR_PATH_LENGTH_EXCEEDED, X509_V_ERR_PERMITTED_VIOLATION, X509_V_ERR_EXCLUDED_VIOLATION,
                X509_V_ERR_SUBTREE_MINMAX, X509_V_ERR_UNSUPPORTED_NAME_SYNTAX,
                X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE:
                .pathLength
            case X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION: .unhandledExtension
            case X509_V_ERR_EE_KEY_TOO_SMALL, X509_V_ERR_CA_KEY_TOO_SMALL, X509_V_ERR_CA_MD_TOO_WEAK: .weakSignature
            default: .certificateInvalid
            }
        return CertificateRejection(code, "\(role): \(text)")
    }
}

/// The roots of one trust domain, ready for path building.
@safe
private final class TrustStore {
    let store: OpaquePointer

    init?(_ roots: [Certificate]) {
        guard let store = unsafe X509_STORE_new() else { return nil }
        unsafe self.store = unsafe store
        for root in roots { _ = unsafe X509_STORE_add_cert(store, root.x509) }
        ERR_clear_error()
    }

    deinit { unsafe X509_STORE_free(store) }
}

extension Duration {
    /// Roughly, for messages: `2 h`, `40 s`.
    var inWords: String {
        let seconds = components.seconds
        if seconds < 120 { return "\(seconds) s" }
        if seconds < 7200 { return "\(seconds / 60) min" }
        return seconds < 172_800 ? "\(seconds / 3600) h" : "\(seconds / 86_400) days"
    }
}
