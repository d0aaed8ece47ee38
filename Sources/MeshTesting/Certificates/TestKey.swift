// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Crypto
internal import CryptoExtras
internal import FoundationEssentials

/// A key of a kind that somebody might bring, good or weak.
package enum TestKey: Sendable {
    /// What Weft makes.
    case p256(P256Key)
    case p384(P384Key)
    case rsa(RSAKey)

    /// These hide the packages' types from whoever uses the table.
    package struct P256Key: Sendable { fileprivate let key: P256.Signing.PrivateKey }
    package struct P384Key: Sendable { fileprivate let key: P384.Signing.PrivateKey }
    package struct RSAKey: Sendable { fileprivate let key: _RSA.Signing.PrivateKey }

    /// What a signature hashes with.
    package enum Hash: Sendable {
        case sha1
        case sha256
        case sha384
    }

    package static func p256() -> TestKey { .p256(P256Key(key: P256.Signing.PrivateKey(compactRepresentable: false))) }
    package static func p384() -> TestKey { .p384(P384Key(key: P384.Signing.PrivateKey(compactRepresentable: false))) }

    /// 1024 bits are what the weakest certificates in the field still have; making one takes some milliseconds.
    package static func rsa(bits: Int) throws -> TestKey {
        .rsa(RSAKey(key: try _RSA.Signing.PrivateKey(unsafeKeySize: .init(bitCount: bits))))
    }

    /// PKCS#8, or PKCS#1 for RSA.
    package var pem: String {
        switch self {
        case .p256(let box): box.key.pemRepresentation + "\n"
        case .p384(let box): box.key.pemRepresentation + "\n"
        case .rsa(let box): box.key.pemRepresentation + "\n"
        }
    }

    /// SubjectPublicKeyInfo.
    var publicKey: [UInt8] {
        switch self {
        case .p256(let box): Array(box.key.publicKey.derRepresentation)
        case .p384(let box): Array(box.key.publicKey.derRepresentation)
        case .rsa(let box): Array(box.key.publicKey.derRepresentation)
        }
    }

    /// Names the key in SKI and AKI.
    var identifier: [UInt8] { Array(SHA256.hash(data: publicKey).prefix(20)) }

    func sign(_ bytes: [UInt8], _ hash: Hash) throws -> [UInt8] {
        switch hash {
        case .sha1: try sign(Insecure.SHA1.hash(data: bytes))
        case .sha256: try sign(SHA256.hash(data: bytes))
        case .sha384: try sign(SHA384.hash(data: bytes))
        }
    }

    private func sign(_ digest: some Digest) throws -> [UInt8] {
        switch self {
        case .p256(let box): Array(try box.key.signature(for: digest).derRepresentation)
        case .p384(let box): Array(try box.key.signature(for: digest).derRepresentation)
        case .rsa(let box):
            Array(try box.key.signature(for: digest, padding: .insecurePKCS1v1_5).rawRepresentation)
        }
    }

    /// The AlgorithmIdentifier of a signature by this key.
    func algorithm(_ hash: Hash) -> [UInt8] {
        let ecdsa: [UInt64] = [1, 2, 840, 10_045, 4]
        let rsa: [UInt64] = [1, 2, 840, 113_549, 1, 1]
        let null: [UInt8] = [5, 0]
        return switch (self, hash) {
        case (.rsa, .sha1): DERWriter.sequence(DERWriter.identifier(rsa + [5]), null)
        case (.rsa, .sha256): DERWriter.sequence(DERWriter.identifier(rsa + [11]), null)
        case (.rsa, .sha384): DERWriter.sequence(DERWriter.identifier(rsa + [12]), null)
        case (_, .sha1): DERWriter.sequence(DERWriter.identifier(ecdsa + [1]))
        case (_, .sha256): DERWriter.sequence(DERWriter.identifier(ecdsa + [3, 2]))
        case (_, .sha384): DERWriter.sequence(DERWriter.identifier(ecdsa + [3, 3]))
        }
    }
}
