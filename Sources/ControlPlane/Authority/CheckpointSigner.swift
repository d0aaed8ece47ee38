// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
internal import CertificateAuthority
internal import ControlAPI
internal import MeshModel
internal import Synchronization

/// Signs what proxies keep, with what this replica serves with, so that they can check it without the control plane.
final class CheckpointSigner: Sendable {
    private let authority: AuthorityKeeper
    private let serving = Mutex<(key: SigningKey, chain: String)?>(nil)

    init(_ authority: AuthorityKeeper) { self.authority = authority }

    /// Takes the newest certificate.
    func refresh() async {
        let newest = try? await authority.servingIdentity()
        // The text of the chain is made once: a revision is signed for every proxy that it concerns.
        let parts = newest.map { (key: $0.key, chain: $0.certificate.chain.map(\.pem).joined()) }
        serving.withLock { $0 = parts }
    }

    func sign(_ text: String) throws(Problem) -> Checkpoint {
        guard let serving = serving.withLock({ $0 }) else {
            throw Problem(.authorityNotReady, "there is nothing to sign with yet")
        }
        let signature = try serving.key.signature(of: Array(text.utf8))
        return Checkpoint(body: text, signature: Base64.text(of: signature), chain: serving.chain)
    }
}
