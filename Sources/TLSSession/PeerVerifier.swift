// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import COpenSSL
package import MeshModel

/// Judges a peer's chain: ``SVIDRules`` on top of OpenSSL's path building.
///
/// The order is that of what can be trusted: first how much is shown and whether it can be read; then the identity that the
/// leaf claims, by whose trust domain the bundle is chosen; then the path is built to a root of that bundle alone; then the
/// rules for the path. OpenSSL sees dates only to choose between issuers, so that a clock that is off can be told with
/// direction and amount.
///
/// One per trust bundle generation and thread: the stores in it are used by one thread at a time.
@safe
package final class PeerVerifier {
    package let generation: UInt64
    private let partner: TLSPartner
    private let denied: DeniedPeers
    private var stores: [TrustDomain: TrustStore] = [:]

    package init(_ bundles: TrustBundles, of partner: TLSPartner = .sidecars) {
        generation = bundles.generation
        self.partner = partner
        denied = bundles.denied
        for (domain, roots) in bundles.roots {
            stores[domain] = TrustStore(roots)
        }
    }

    /// Judges a chain, leaf first.
    package func verify(_ chain: [Certificate], now: WallTime) throws(CertificateRejection) -> VerifiedPeer {
        guard let stack = unsafe weft_certificates_new() else { throw CertificateRejection(Self.outOfMemory) }
        defer { unsafe weft_certificates_free(stack) }
        for certificate in chain {
            _ = unsafe X509_up_ref(certificate.x509)
            guard unsafe weft_certificates_push(stack, certificate.x509) > 0 else {
                unsafe X509_free(certificate.x509)
                throw CertificateRejection(Self.outOfMemory)
            }
        }
        return unsafe try verify(stack, now: now)
    }

    /// Judges a stack of certificates, leaf first.
    func verify(_ shown: OpaquePointer?, now: WallTime) throws(CertificateRejection) -> VerifiedPeer {
        do throws(Problem) {
            let count = unsafe max(0, weft_certificates_count(shown))
            if let problem = SVIDRules.countProblem(Int(count)) { throw problem }
            guard let leaf = unsafe weft_certificates_at(shown, 0) else { throw Self.outOfMemory }
            let identity = unsafe try claim(leaf, shown, count)
            guard let store = stores[identity.trustDomain] else {
                throw SVIDRules.unknownTrustDomain(identity.trustDomain)
            }
            let path = unsafe try path(leaf, shown, store, now)
            if let problem = SVIDRules.problem(in: path, claiming: identity, at: now) { throw problem }
            let serial = unsafe serialNumber(leaf)
            if let problem = denied.problem(identity, serial: serial) { throw problem }
            return VerifiedPeer(
                identity: identity, start: path.map(\.validity.notBefore).max() ?? now,
                expiry: path.map(\.validity.notAfter).min() ?? now, serialNumber: serial)
        } catch {
            throw CertificateRejection(error)
        }
    }

    private static let outOfMemory = Problem(.certificateInvalid, "there is no memory to look")

    private func serialNumber(_ leaf: OpaquePointer) -> String {
        unsafe X509_up_ref(leaf)
        return unsafe Certificate(owning: leaf).serialNumber
    }

    /// Whom the leaf claims to be, once all that is shown has been found readable. OpenSSL would pass over an issuer that it
    /// cannot read, and then say that there is none.
    private func claim(
        _ leaf: OpaquePointer, _ shown: OpaquePointer?, _ count: Int32
    ) throws(Problem) -> SPIFFEID {
        for index in 0..<count {
            guard let certificate = unsafe weft_certificates_at(shown, index) else { throw Self.outOfMemory }
            let place = ChainPlace.name(Int(index), of: Int(count) + 1)
            // Fills in what the flags are read from; without an effect the second time.
            _ = unsafe X509_check_purpose(certificate, -1, 0)
            _ = unsafe try CertificateDecoder.facts(of: certificate, at: place)
            // A root that is sent along: nobody relies on its signature.
            let isRoot = unsafe X509_get_extension_flags(certificate) & UInt32(EXFLAG_SI) != 0
            if let problem = unsafe CertificateDecoder.strengthProblem(certificate, at: place, isRoot: isRoot) {
                throw problem
            }
        }
        let facts = unsafe try CertificateDecoder.facts(of: leaf, at: ChainPlace.leaf)
        guard partner == .controlPlane else { return try SVIDRules.identity(of: facts) }
        let identity = try SVIDRules.identity(of: facts, mayHaveNames: true)
        try unsafe checkControl(leaf, identity)
        return identity
    }

    /// The control plane proves both: its identity, and the name that only it is given.
    private func checkControl(_ leaf: OpaquePointer, _ identity: SPIFFEID) throws(Problem) {
        let expected = ControlIdentity.spiffeID(in: identity.trustDomain)
        guard identity == expected else {
            throw Problem(.wrongIdentity, at: ChainPlace.leaf, "expected \(expected), found \(identity)")
        }
        let name = ControlIdentity.hostName(in: identity.trustDomain)
        let flags = UInt32(X509_CHECK_FLAG_NO_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT)
        guard unsafe X509_check_host(leaf, name, name.utf8.count, flags, nil) == 1 else {
            throw Problem(.subjectAlternativeName, at: ChainPlace.leaf, "it has not the DNS name \(name)")
        }
    }

    /// The path to a root of the store, leaf first, with signatures, path lengths and name constraints verified.
    private func path(
        _ leaf: OpaquePointer, _ shown: OpaquePointer?, _ store: TrustStore, _ now: WallTime
    ) throws(Problem) -> [SVIDFacts] {
        guard let context = unsafe X509_STORE_CTX_new() else { throw Self.outOfMemory }
        defer {
            unsafe X509_STORE_CTX_free(context)
            ERR_clear_error()
        }
        guard unsafe X509_STORE_CTX_init(context, store.store, leaf, shown) == 1 else { throw Self.outOfMemory }
        let parameters = unsafe X509_STORE_CTX_get0_param(context)
        // Whatever stands in a bundle is trusted, as by the authority's verifier, whether or not it signs itself.
        unsafe X509_VERIFY_PARAM_set_flags(parameters, UInt(X509_V_FLAG_PARTIAL_CHAIN))
        unsafe X509_VERIFY_PARAM_set_depth(parameters, Int32(ChainLimits.intermediates))
        // Of two roots with one key, the old and the renewed, the one that holds is taken.
        unsafe X509_VERIFY_PARAM_set_time(parameters, time_t(now.seconds))
        unsafe X509_STORE_CTX_set_verify_cb(context, passOverDates)
        // 112 bits: RSA from 2048, no SHA-1 (SSL_CTX_set_security_level(3)).
        unsafe X509_VERIFY_PARAM_set_auth_level(parameters, 2)
        guard unsafe X509_verify_cert(context) == 1 else { throw unsafe PathProblem.read(context) }
        let chain = unsafe X509_STORE_CTX_get0_chain(context)
        let count = unsafe weft_certificates_count(chain)
        var path: [SVIDFacts] = []
        for index in 0..<count {
            guard let certificate = unsafe weft_certificates_at(chain, index) else { throw Self.outOfMemory }
            let place = ChainPlace.name(Int(index), of: max(2, Int(count)))
            path.append(unsafe try CertificateDecoder.facts(of: certificate, at: place))
            let isRoot = index > 0 && index == count - 1
            if let problem = unsafe CertificateDecoder.strengthProblem(certificate, at: place, isRoot: isRoot) {
                throw problem
            }
        }
        return path
    }
}

/// Lets dates pass: ``CertificateValidity`` judges them, with tolerance and with words.
private func passOverDates(_ isFine: Int32, _ context: OpaquePointer?) -> Int32 {
    switch unsafe X509_STORE_CTX_get_error(context) {
    case X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED: 1
    default: isFine
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
