// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
internal import ControlAPI
internal import Crypto
internal import LinuxSystem
internal import MeshModel

/// What only whoever makes tokens does with them.
extension JoinToken {
    static func draw(rootDigest: [UInt8], addresses: [String]) -> JoinToken {
        JoinToken(
            id: Hexadecimal.text(of: random(idBytes)), secret: random(secretBytes), rootDigest: rootDigest,
            addresses: addresses)
    }

    private static func random(_ count: Int) -> [UInt8] {
        var random = KernelRandom()
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
    }

    /// What the store has in place of the secret. One round of a hash is enough: the secret is random and long.
    var secretHash: String { Hexadecimal.text(of: Array(SHA256.hash(data: secret))) }
}
