// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel
internal import SwiftASN1

/// A certificate as far as the library does not tell of it. It refuses one whole if the key is too short or the signature
/// made with a hash of the past, and an operator should hear which; and it keeps to itself which algorithm the signed part
/// names.
enum RawCertificate {
    private static let weakSignatures: [ASN1ObjectIdentifier: String] = [
        [1, 2, 840, 113_549, 1, 1, 4]: "MD5",
        [1, 2, 840, 113_549, 1, 1, 5]: "SHA-1",
        [1, 2, 840, 10_040, 4, 3]: "SHA-1",
        [1, 2, 840, 10_045, 4, 1]: "SHA-1",
    ]
    private static let rsaKey: ASN1ObjectIdentifier = [1, 2, 840, 113_549, 1, 1, 1]

    /// True if the signed part names the algorithm that the signature is by, as it must (RFC 5280 section 4.1.1.2).
    static func namesItsAlgorithm(_ der: [UInt8]) -> Bool {
        guard let parts = try? read(der) else { return false }
        return parts.named == parts.signature
    }

    /// Why the library would not read it.
    static func problem(with der: [UInt8], at place: String) -> Problem {
        guard let parts = try? read(der) else {
            return Problem(.certificateInvalid, at: place, "it is not an X.509 certificate")
        }
        if let hash = weakSignatures[parts.signature] {
            return Problem(.weakSignature, at: place, "it is signed with \(hash)")
        }
        if let bits = parts.key.rsaBits, bits < ChainLimits.rsaBits.lowerBound {
            return Problem(.weakSignature, at: place, "its RSA key has \(bits) bits")
        }
        return Problem(.certificateInvalid, at: place, "it cannot be read, or is of a kind that is not taken")
    }

    private struct Parts {
        /// The algorithm outside the signed part.
        let signature: ASN1ObjectIdentifier
        /// The algorithm that the signed part names.
        let named: ASN1ObjectIdentifier
        let key: Key
    }

    /// Algorithms and key of a certificate (RFC 5280 section 4.1), nothing else of it.
    private static func read(_ der: [UInt8]) throws -> Parts {
        try DER.sequence(try DER.parse(der), identifier: .sequence) { nodes in
            let body = try Self.next(&nodes)
            let algorithm = try Self.next(&nodes)
            _ = try Self.next(&nodes)
            let signature = try Self.firstIdentifier(algorithm)
            return try DER.sequence(body, identifier: .sequence) { fields in
                let first = try Self.next(&fields)
                // A certificate of version 1 begins with its serial number, any other with its version.
                if first.identifier != .integer { _ = try Self.next(&fields) }
                let named = try Self.firstIdentifier(try Self.next(&fields))
                // issuer, validity, subject
                for _ in 0..<3 { _ = try Self.next(&fields) }
                let key = try Key(try Self.next(&fields))
                while fields.next() != nil {}
                return Parts(signature: signature, named: named, key: key)
            }
        }
    }

    private static func next(_ nodes: inout ASN1NodeCollection.Iterator) throws -> ASN1Node {
        guard let node = nodes.next() else { throw ASN1Error.invalidASN1Object(reason: "It ends early.") }
        return node
    }

    private static func firstIdentifier(_ node: ASN1Node) throws -> ASN1ObjectIdentifier {
        try DER.sequence(node, identifier: .sequence) { parts in
            let identifier = try ASN1ObjectIdentifier(derEncoded: try Self.next(&parts))
            while parts.next() != nil {}
            return identifier
        }
    }

    /// A SubjectPublicKeyInfo as far as it matters here.
    private struct Key {
        let rsaBits: Int?

        init(_ node: ASN1Node) throws {
            rsaBits = try DER.sequence(node, identifier: .sequence) { parts in
                let algorithm = try RawCertificate.firstIdentifier(try RawCertificate.next(&parts))
                let bits = try ASN1BitString(derEncoded: try RawCertificate.next(&parts))
                guard algorithm == RawCertificate.rsaKey else { return nil }
                return try DER.sequence(try DER.parse(bits.bytes), identifier: .sequence) { numbers in
                    let modulus = try ArraySlice<UInt8>(derEncoded: try RawCertificate.next(&numbers))
                    _ = try RawCertificate.next(&numbers)
                    let significant = modulus.drop { $0 == 0 }
                    return significant.count * 8 - (significant.first?.leadingZeroBitCount ?? 0)
                }
            }
        }
    }
}
