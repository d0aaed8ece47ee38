// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import ControlAPI
package import MeshModel
package import TLSSession

/// Judges what a control plane has signed, by the roots that peers are judged by.
package struct CheckpointJudge {
    /// A snapshot that is older says too little of the mesh of today.
    private static let ageMax = Duration.seconds(7 * 86_400)
    /// Between the clock of the control plane and ours.
    private static let skewMax = CertificateValidity.backdating

    private let bundles: TrustBundles
    private let proxy: ResourceReference
    private let trustDomain: TrustDomain

    package init(_ bundles: TrustBundles, of trustDomain: TrustDomain, for proxy: ResourceReference) {
        self.bundles = bundles
        self.proxy = proxy
        self.trustDomain = trustDomain
    }

    /// What was signed. Throws, with the reason, where it was not signed by the control plane, or not for this proxy, or is
    /// too old.
    package func judge(_ checkpoint: Checkpoint, now: WallTime) throws(Problem) -> Checkpoint.Contents {
        func problem(_ message: String) -> Problem { Problem(.snapshotIgnored, at: "checkpoint", message) }
        let contents = try checkpoint.contents()
        guard contents.proxy == proxy else { throw problem("it is for \(contents.proxy), not for \(proxy)") }
        guard contents.time <= now + Self.skewMax else { throw problem("it is of \(contents.time), which is to come") }
        guard now - contents.time <= Self.ageMax else {
            throw problem("it is of \(contents.time), more than 7 days old")
        }
        guard let chain = Certificate.list(pem: Array(checkpoint.chain.utf8), limit: ChainLimits.shown),
            let leaf = chain.first
        else { throw problem("its chain is not in PEM") }
        do throws(CertificateRejection) {
            // At the time of signing: the certificate may well have been renewed since.
            let signer = try PeerVerifier(bundles, of: .controlPlane).verify(chain, now: contents.time)
            guard signer.identity.trustDomain == trustDomain else {
                throw CertificateRejection(.wrongIdentity, "it is of \(signer.identity.trustDomain)")
            }
        } catch {
            throw problem("its chain is not the control plane's: \(error.code.label) \(error.detail)")
        }
        guard let signature = checkpoint.signatureBytes, leaf.verifies(signature, over: Array(checkpoint.body.utf8))
        else { throw problem("its signature is not good") }
        return contents
    }
}
