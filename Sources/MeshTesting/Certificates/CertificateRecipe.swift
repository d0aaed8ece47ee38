// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// Everything a certificate says, ready to be made wrong in one place and signed all the same.
package struct CertificateRecipe {
    /// As encoded: 2 stands for version 3; nil leaves the field out, which is version 1.
    package var version: UInt8? = 2
    /// The common name; nil for an empty subject.
    package var subject: String?
    package var notBefore: WallTime
    /// Nil for the last second of the year 9999.
    package var notAfter: WallTime?
    package var key: TestKey
    package var extensions: [TestExtension] = []
    /// What the signature hashes with.
    package var hash = TestKey.Hash.sha256
    /// What the signed part says that it hashes with, where that differs.
    package var claimedHash: TestKey.Hash?
    /// Leaves out the identifiers of the own key and the issuer's.
    package var hasKeyIdentifiers = true
    /// Changes the bytes that are signed, after they are written and before they are.
    package var tamper: ((inout [UInt8]) -> Void)?

    /// Replaces the extension of that kind.
    package mutating func set(_ value: TestExtension) {
        remove(value.kind)
        extensions.append(value)
    }

    /// Adds one more, even of a kind that is there.
    package mutating func add(_ value: TestExtension) { extensions.append(value) }

    package mutating func remove(_ kind: TestExtension.Kind?) { extensions.removeAll { $0.kind == kind } }
}

/// A certificate that was made, with its key.
package struct MintedCertificate: Sendable {
    package var der: [UInt8]
    package let key: TestKey
    let subject: [UInt8]

    /// Signs a recipe, by nobody but itself if `issuer` is nil. Nothing is checked.
    package static func mint(_ recipe: CertificateRecipe, by issuer: MintedCertificate?) throws -> MintedCertificate {
        let signer = issuer?.key ?? recipe.key
        let subject = name(recipe.subject)
        var extensions = recipe.extensions.map(\.der)
        if recipe.hasKeyIdentifiers {
            extensions.append(TestExtension.subjectKeyIdentifier(recipe.key).der)
            if let issuer { extensions.append(TestExtension.authorityKeyIdentifier(issuer.key).der) }
        }
        var body = DERWriter.sequence(
            recipe.version.map { DERWriter.explicit(0, DERWriter.integer($0)) } ?? [],
            DERWriter.integer((0..<16).map { _ in UInt8.random(in: 1...127) }),
            signer.algorithm(recipe.claimedHash ?? recipe.hash),
            issuer?.subject ?? subject,
            DERWriter.sequence(
                DERWriter.time(recipe.notBefore), recipe.notAfter.map { DERWriter.time($0) } ?? DERWriter.endOfTime),
            subject,
            recipe.key.publicKey,
            extensions.isEmpty ? [] : DERWriter.explicit(3, DERWriter.sequence(extensions)))
        recipe.tamper?(&body)
        let signature = try signer.sign(body, recipe.hash)
        let der = DERWriter.sequence(body, signer.algorithm(recipe.hash), DERWriter.bitString(signature))
        return MintedCertificate(der: der, key: recipe.key, subject: subject)
    }

    private static func name(_ commonName: String?) -> [UInt8] {
        guard let commonName else { return DERWriter.sequence([[UInt8]]()) }
        let attribute = DERWriter.sequence(DERWriter.identifier([2, 5, 4, 3]), DERWriter.utf8String(commonName))
        return DERWriter.sequence(DERWriter.set(attribute))
    }

    /// The same certificate with the last byte of its signature changed.
    package var withBrokenSignature: MintedCertificate {
        var copy = self
        copy.der[copy.der.count - 1] ^= 1
        return copy
    }

    /// The same certificate with some text of its signed part replaced by other text of the same length.
    package func altered(_ text: String, to other: String) -> MintedCertificate {
        precondition(text.utf8.count == other.utf8.count, "The lengths around the text must stay right.")
        var copy = self
        let old = Array(text.utf8)
        for start in 0...max(0, der.count - old.count) where Array(der[start..<start + old.count]) == old {
            copy.der.replaceSubrange(start..<start + old.count, with: Array(other.utf8))
        }
        return copy
    }
}
