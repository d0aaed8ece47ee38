// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
package import MeshModel
package import TLSSession

/// Reads certificate chain, key and trust bundles from files, as one set, and judges the set as a peer would. What does not
/// pass here never replaces what is in force.
package struct IdentityLoader: Sendable {
    private static let bundleLimit = 256

    private let paths: IdentityPaths
    private let trust: [TrustSettings]
    private let expectedIdentity: SPIFFEID?
    private let trustDomain: TrustDomain?
    private let denied: DeniedPeers
    private let retired: [TrustDomain: [Certificate]]

    /// `expectedIdentity` is what the Workload resource says of us, `trustDomain` what the Mesh resource says, `denied` whom
    /// we are not to believe, `retired` by which roots nobody is let in any more.
    package init(
        _ paths: IdentityPaths, trust: [TrustSettings], expectedIdentity: SPIFFEID?, trustDomain: TrustDomain?,
        denied: DeniedPeers = DeniedPeers(), retired: [TrustDomain: [Certificate]] = [:]
    ) {
        self.denied = denied
        self.retired = retired
        self.paths = paths
        self.trust = trust
        self.expectedIdentity = expectedIdentity
        self.trustDomain = trustDomain
    }

    /// Every file that makes up the set.
    package var files: [String] { [paths.chain, paths.key, paths.bundle] + trust.map(\.bundlePath) }

    /// Reads and judges the set. Generations continue from `previous`: what has not changed keeps its number.
    package func load(continuing previous: IdentityMaterial?, now: WallTime) throws(Problem) -> IdentityMaterial {
        let (chain, key) = try CredentialFiles.pair(chain: paths.chain, key: paths.key)
        guard let leaf = chain.first else { throw Problem(.identityMalformed, at: paths.chain, "is empty") }
        guard key.isP256 else { throw Problem(.weakKey, at: paths.key, "is not an EC key on P-256") }
        let ownRoots = try CredentialFiles.certificates(paths.bundle, limit: Self.bundleLimit, "root certificates")
        let identity = try identity(of: leaf)
        var roots: [TrustDomain: [Certificate]] = [identity.trustDomain: ownRoots]
        for other in trust where other.trustDomain != identity.trustDomain {
            roots[other.trustDomain] = try CredentialFiles.certificates(
                other.bundlePath, limit: Self.bundleLimit, "root certificates")
        }
        try judge(chain, TrustBundles([identity.trustDomain: ownRoots], generation: 0), now: now)
        try checkConstant(identity, previous)
        return IdentityMaterial(
            identity: identity, chain: chain, key: key, bundles: bundles(roots, continuing: previous),
            generation: generation(chain, continuing: previous))
    }

    /// The set as it was at the last moment of its leaf, where that is over and nothing else is wrong: what an expired
    /// certificate is renewed with. Nil where the leaf has not expired.
    package func loadExpired(now: WallTime) throws(Problem) -> IdentityMaterial? {
        let (chain, _) = try CredentialFiles.pair(chain: paths.chain, key: paths.key)
        guard let end = chain.first?.notAfter, end < now else { return nil }
        return try load(continuing: nil, now: end)
    }

    /// Whom the leaf names. The rest of the judgement follows with the bundle of that trust domain.
    private func identity(of leaf: Certificate) throws(Problem) -> SPIFFEID {
        do throws(Problem) {
            return try leaf.workloadIdentity()
        } catch {
            throw Problem(error.code, at: paths.chain, error.message, remedy: error.remedy)
        }
    }

    private func judge(_ chain: [Certificate], _ bundles: TrustBundles, now: WallTime) throws(Problem) {
        do throws(CertificateRejection) {
            _ = try PeerVerifier(bundles).verify(chain, now: now)
        } catch {
            throw Problem(error.code, at: paths.chain, "no peer would accept it: \(error.detail)")
        }
    }

    private func checkConstant(_ identity: SPIFFEID, _ previous: IdentityMaterial?) throws(Problem) {
        if let trustDomain, identity.trustDomain != trustDomain {
            throw Problem(
                .identityUnexpected, at: paths.chain,
                "is for the trust domain `\(identity.trustDomain)`, but Mesh says `\(trustDomain)`")
        }
        if let expectedIdentity, identity != expectedIdentity {
            throw Problem(
                .identityUnexpected, at: paths.chain, "is for \(identity), but the Workload says \(expectedIdentity)")
        }
        if let previous, previous.identity != identity {
            throw Problem(
                .identityChanged, at: paths.chain, "is for \(identity), but \(previous.identity) is in force",
                remedy: "restart the proxy if this is meant")
        }
    }

    private func generation(_ chain: [Certificate], continuing previous: IdentityMaterial?) -> UInt64 {
        guard let previous else { return 1 }
        let isSame = previous.chain.map(\.fingerprint) == chain.map(\.fingerprint)
        return isSame ? previous.generation : previous.generation + 1
    }

    private func bundles(_ roots: [TrustDomain: [Certificate]], continuing previous: IdentityMaterial?) -> TrustBundles
    {
        guard let previous else { return TrustBundles(roots, retired: retired, denied: denied, generation: 1) }
        func fingerprints(_ roots: [TrustDomain: [Certificate]]) -> [TrustDomain: Set<[UInt8]>] {
            roots.mapValues { Set($0.map(\.fingerprint)) }
        }
        let isSame =
            fingerprints(previous.bundles.roots) == fingerprints(roots) && previous.bundles.denied == denied
            && fingerprints(previous.bundles.retired) == fingerprints(retired)
        return TrustBundles(
            roots, retired: retired, denied: denied, generation: previous.bundles.generation + (isSame ? 0 : 1))
    }
}
