// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// Everything a proxy needs to show who it is and to judge others: one set, loaded, checked and replaced as a whole.
package struct IdentityMaterial: Sendable {
    /// Who we are, as the leaf says.
    package let identity: SPIFFEID
    /// Leaf first, then the intermediates that are sent with it.
    package let chain: [Certificate]
    package let key: PrivateKey
    package let bundles: TrustBundles
    /// Counts up whenever chain or key change; a pooled connection belongs to the one it was made with.
    package let generation: UInt64

    package init(
        identity: SPIFFEID, chain: [Certificate], key: PrivateKey, bundles: TrustBundles, generation: UInt64
    ) {
        self.identity = identity
        self.chain = chain
        self.key = key
        self.bundles = bundles
        self.generation = generation
    }
}

/// The roots of each trust domain, never pooled: a root of one domain says nothing about another.
package struct TrustBundles: Sendable {
    package let roots: [TrustDomain: [Certificate]]
    /// Roots that were exchanged in good order: nobody is let in by them any more, and who came in by them before may finish.
    package let retired: [TrustDomain: [Certificate]]
    /// Who is not believed whatever the roots say.
    package let denied: DeniedPeers
    /// Counts up whenever any root or denial comes or goes; every verification is repeated then.
    package let generation: UInt64

    package init(
        _ roots: [TrustDomain: [Certificate]], retired: [TrustDomain: [Certificate]] = [:],
        denied: DeniedPeers = DeniedPeers(), generation: UInt64
    ) {
        self.roots = roots
        self.retired = retired
        self.denied = denied
        self.generation = generation
    }

    /// What open connections are judged by; nil where that is the same.
    var ofVeterans: TrustBundles? {
        guard !retired.isEmpty else { return nil }
        return TrustBundles(roots.merging(retired) { $0 + $1 }, denied: denied, generation: generation)
    }
}
