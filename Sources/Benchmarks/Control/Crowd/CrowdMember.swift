// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import BenchmarkShared
import ControlAPI
import ControlLink
import Identity
import LinuxSystem
import MeshModel
import Reactor
import TLSSession

/// What all simulated proxies of a crowd have in common.
final class CrowdPlace {
    let loop: EventLoop
    let settings: ControlSettings
    private var signers: [String: Certificate] = [:]

    init(_ loop: EventLoop, _ address: ControlAddress) {
        self.loop = loop
        settings = ControlSettings(addresses: [address])
    }

    /// Judges what the control plane has signed, as a proxy does. The chain, which is the same for all of them, is judged
    /// once: in a real mesh each proxy has a machine of its own for that.
    func judge(_ checkpoint: Checkpoint, _ material: IdentityMaterial, for workload: ResourceReference) throws(Problem)
    {
        if let signer = signers[checkpoint.chain], let signature = checkpoint.signatureBytes {
            guard signer.verifies(signature, over: Array(checkpoint.body.utf8)) else {
                throw Problem(.snapshotIgnored, "the signature is not good")
            }
            return
        }
        _ = try CheckpointJudge(material.bundles, of: material.identity.trustDomain, for: workload).judge(
            checkpoint, now: WallTime.now())
        signers[checkpoint.chain] = Certificate.list(pem: Array(checkpoint.chain.utf8), limit: 8)?.first
    }

    /// What a machine has got that joined with that state directory.
    static func material(in state: String) throws(Problem) -> IdentityMaterial {
        let paths = IdentityDirectory(in: state).paths
        return try IdentityLoader(paths, trust: [], expectedIdentity: nil, trustDomain: nil).load(
            continuing: nil, now: WallTime.now())
    }
}
