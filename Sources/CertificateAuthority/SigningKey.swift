// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Crypto
package import MeshModel
internal import SwiftASN1
internal import X509

/// A P-256 private key. Its bytes leave in one way only, ``pem``, which is meant for a file of mode 0600; printing,
/// logging or dumping the value shows nothing of them.
package struct SigningKey: Sendable {
    private let key: P256.Signing.PrivateKey

    /// A fresh key.
    package init() {
        // Compact representability halves the choice of keys for an encoding that X.509 does not use.
        key = P256.Signing.PrivateKey(compactRepresentable: false)
    }

    /// Reads PKCS#8 or SEC 1; other blocks of the file, such as `EC PARAMETERS`, are passed over. Nil for anything but an
    /// unencrypted P-256 key.
    package init?(pem: String) {
        let blocks = (try? PEMDocument.parseMultiple(pemString: pem)) ?? []
        let keys = blocks.filter { $0.discriminator == "PRIVATE KEY" || $0.discriminator == "EC PRIVATE KEY" }
        guard keys.count == 1, let key = try? P256.Signing.PrivateKey(derRepresentation: keys[0].derBytes) else {
            return nil
        }
        self.key = key
    }

    package var publicKey: PublicKey { PublicKey(key.publicKey) }

    /// PKCS#8, ending in a newline.
    package var pem: String { key.pemRepresentation + "\n" }

    /// ECDSA with SHA-256 over `bytes`, in DER.
    package func signature(of bytes: [UInt8]) throws(Problem) -> [UInt8] {
        do {
            return Array(try key.signature(for: bytes).derRepresentation)
        } catch {
            throw Problem(.signingFailed, "nothing could be signed: \(error)")
        }
    }

    var forCertificates: Certificate.PrivateKey { Certificate.PrivateKey(key) }
}

extension SigningKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "P-256 private key (not shown)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// A P-256 public key.
package struct PublicKey: Hashable, Sendable {
    private let key: P256.Signing.PublicKey

    init(_ key: P256.Signing.PublicKey) { self.key = key }

    /// Nil for a key of another kind: certificates of ours are issued for P-256 alone.
    init?(_ key: Certificate.PublicKey) {
        guard let key = P256.Signing.PublicKey(key) else { return nil }
        self.key = key
    }

    /// Reads a SubjectPublicKeyInfo; nil for anything but a P-256 key.
    package init?(der: [UInt8]) {
        guard let key = try? P256.Signing.PublicKey(derRepresentation: der) else { return nil }
        self.key = key
    }

    /// True if `signature`, ECDSA with SHA-256 in DER, over `bytes` was made with its private half.
    package func vouches(for bytes: [UInt8], signature: [UInt8]) -> Bool {
        guard let signature = try? P256.Signing.ECDSASignature(derRepresentation: signature) else { return false }
        return key.isValidSignature(signature, for: bytes)
    }

    /// The SubjectPublicKeyInfo.
    package var der: [UInt8] { Array(key.derRepresentation) }

    /// The first 160 bits of the SHA-256 of the key (RFC 7093 section 2, method 1): how a certificate names its issuer's
    /// key. SHA-1, which RFC 5280 suggests, would be harmless here but draws questions.
    package var identifier: [UInt8] { Array(SHA256.hash(data: key.x963Representation).prefix(20)) }

    var forCertificates: Certificate.PublicKey { Certificate.PublicKey(key) }

    package static func == (left: PublicKey, right: PublicKey) -> Bool {
        left.key.x963Representation == right.key.x963Representation
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(key.x963Representation) }
}
