// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import COpenSSL
package import MeshModel
internal import PeerProtocol

/// What all sessions of one thread and one identity share: the settings of both roles and the memory of chains that were
/// found good.
///
/// One per data thread and identity generation. Sessions keep the context they were made with, so a rotation cuts nothing.
@safe
package final class TLSContext {
    /// Chains remembered as good. A mesh talks to few peers; the limit is against one that shows a new leaf each time.
    private static let rememberedMax = 4096

    package let material: IdentityMaterial
    package let staging: TLSStaging
    let partner: TLSPartner
    /// Nil where nobody is ever accepted.
    private let server: OpaquePointer?
    private let client: OpaquePointer
    private let verifier: PeerVerifier
    /// Judges who is connected already; nil where that is no other judgement.
    private let veterans: PeerVerifier?
    private var remembered: [[UInt8]: VerifiedPeer] = [:]

    /// The handshake under way: set around each call of SSL_do_handshake, read by the callback inside it.
    private var expectedIdentity: SPIFFEID?
    private var now = WallTime(nanoseconds: 0)
    private var verdict: Result<VerifiedPeer, CertificateRejection>?

    /// How often a whole verification was spared.
    package private(set) var rememberedHits = 0
    package private(set) var verifications = 0

    package init(
        _ material: IdentityMaterial, staging: TLSStaging, for partner: TLSPartner = .sidecars
    ) throws(Problem) {
        self.material = material
        self.staging = staging
        self.partner = partner
        verifier = PeerVerifier(material.bundles, of: partner)
        veterans = material.bundles.ofVeterans.map { PeerVerifier($0, of: partner) }
        unsafe server = partner == .sidecars ? try TLSSettings.make(.acceptor, material, partner) : nil
        unsafe client = try TLSSettings.make(.dialler, material, partner)
        let argument = unsafe Unmanaged.passUnretained(self).toOpaque()
        if let server = unsafe server { unsafe SSL_CTX_set_cert_verify_callback(server, judgePeer, argument) }
        unsafe SSL_CTX_set_cert_verify_callback(client, judgePeer, argument)
    }

    deinit {
        unsafe SSL_CTX_free(server)
        unsafe SSL_CTX_free(client)
    }

    func makeSSL(_ role: PeerSession.Role) -> OpaquePointer? {
        guard let context = unsafe role == .acceptor ? server : client else { return nil }
        return unsafe SSL_new(context)
    }

    /// Runs one step of a handshake with what the callback needs in place; the step's result and the callback's verdict,
    /// if it was asked.
    func handshakeStep(
        _ ssl: OpaquePointer, expecting identity: SPIFFEID?, now: WallTime
    ) -> (result: Int32, verdict: Result<VerifiedPeer, CertificateRejection>?) {
        expectedIdentity = identity
        self.now = now
        verdict = nil
        ERR_clear_error()
        let result = unsafe SSL_do_handshake(ssl)
        return (result, verdict)
    }

    /// Judges a chain outside a handshake: connections that are open when the trust bundle changes are judged again, each
    /// chain that is good once. What only a retired root vouches for is not remembered: handshakes read from there.
    package func judgeAgain(_ chain: [Certificate], now: WallTime) throws(CertificateRejection) -> VerifiedPeer {
        let key = chain.flatMap(\.fingerprint)
        if let known = recall(key, now) { return known }
        do throws(CertificateRejection) {
            return remember(try verifier.verify(chain, now: now), key)
        } catch {
            guard let veterans else { throw error }
            return try veterans.verify(chain, now: now)
        }
    }

    fileprivate func judge(_ context: OpaquePointer) -> Bool {
        // All that was shown, the leaf first (SSL_CTX_set_cert_verify_callback(3)).
        let shown = unsafe X509_STORE_CTX_get0_untrusted(context)
        do throws(CertificateRejection) {
            let peer = unsafe try recallOrVerify(shown)
            if let expectedIdentity, peer.identity != expectedIdentity {
                throw CertificateRejection(.wrongIdentity, "expected \(expectedIdentity), found \(peer.identity)")
            }
            verdict = .success(peer)
            unsafe X509_STORE_CTX_set_error(context, X509_V_OK)
            return true
        } catch {
            verdict = .failure(error)
            // The alert that the peer will see.
            let reason =
                switch error.code {
                case .expired: X509_V_ERR_CERT_HAS_EXPIRED
                case .unknownRoot, .unknownTrustDomain: X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY
                default: X509_V_ERR_CERT_REJECTED
                }
            unsafe X509_STORE_CTX_set_error(context, reason)
            return false
        }
    }

    private func recallOrVerify(_ shown: OpaquePointer?) throws(CertificateRejection) -> VerifiedPeer {
        var key: [UInt8] = []
        for index in 0..<max(0, unsafe weft_certificates_count(shown)) {
            if let member = unsafe weft_certificates_at(shown, index) { key += unsafe Certificate.fingerprint(member) }
            // A longer chain is refused below, so no good one has this key; it need not be hashed whole first.
            if index > ChainLimits.shown { break }
        }
        if let known = recall(key, now) { return known }
        return remember(unsafe try verifier.verify(shown, now: now), key)
    }

    /// A chain that was found good stays good until it expires, the clock goes back to before it began, or the bundle
    /// changes (which makes a new context). The proof that the peer holds the key is part of every handshake and never
    /// remembered.
    private func recall(_ key: [UInt8], _ now: WallTime) -> VerifiedPeer? {
        guard let known = remembered[key], known.start <= now + CertificateValidity.startTolerance, now <= known.expiry
        else {
            verifications += 1
            return nil
        }
        rememberedHits += 1
        return known
    }

    private func remember(_ peer: VerifiedPeer, _ key: [UInt8]) -> VerifiedPeer {
        if remembered.count >= Self.rememberedMax { remembered.removeAll() }
        remembered[key] = peer
        return peer
    }
}

/// Stands in for X509_verify_cert (SSL_CTX_set_cert_verify_callback(3)).
private func judgePeer(_ context: OpaquePointer?, _ argument: UnsafeMutableRawPointer?) -> Int32 {
    guard let context = unsafe context, let argument = unsafe argument else { return 0 }
    // Unretained: every session holds its context.
    return unsafe Unmanaged<TLSContext>.fromOpaque(argument).takeUnretainedValue().judge(context) ? 1 : 0
}
