// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel
internal import TLSSession

/// Any bytes may be shown as a certificate; nothing that nobody signed is accepted. Two certificates may stand one after
/// the other, with two bytes of length before the first.
enum FuzzCertificate {
    static func run(_ bytes: [UInt8]) {
        guard bytes.first != UInt8(ascii: "-") else {
            _ = Certificate.list(pem: bytes, limit: 8)
            _ = PrivateKey.read(pem: bytes)
            return
        }
        let length = bytes.count > 2 ? Int(bytes[0]) << 8 | Int(bytes[1]) : 0
        let parts = [Array(bytes.dropFirst(2).prefix(length)), Array(bytes.dropFirst(2 + length))]
        let chain = parts.compactMap { Certificate(der: $0) }
        guard let leaf = chain.first else { return }
        let identity = try? leaf.workloadIdentity()
        guard let domain = identity?.trustDomain ?? TrustDomain("mesh.example") else { return }
        _ = (leaf.serialNumber, leaf.notBefore, leaf.notAfter, leaf.fingerprint)
        for roots in [[], chain] {
            let verifier = PeerVerifier(TrustBundles([domain: roots], generation: 1))
            for certificates in [chain, [leaf]] {
                let peer = try? verifier.verify(certificates, now: WallTime(seconds: 1_800_000_000))
                precondition(peer == nil || peer?.identity == identity, "A leaf proves no identity but its own.")
                precondition(peer == nil || !roots.isEmpty, "Without roots nobody proves anything.")
            }
        }
    }
}
