// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel
internal import SwiftASN1
internal import X509

/// A certificate signing request (PKCS#10), reduced to the one thing in it that is believed: a key, whose holder has
/// signed the request. Names, extensions and attributes are wishes of the sender and are not even kept.
package struct CertificateRequest: Hashable, Sendable {
    package let publicKey: PublicKey

    /// As it came.
    package let der: [UInt8]

    package init(der: [UInt8]) throws(Problem) {
        guard let request = try? CertificateSigningRequest(derEncoded: der) else {
            throw Problem(.badRequest, "it is not a PKCS#10 certificate signing request")
        }
        guard request.publicKey.isValidSignature(request.signature, for: request) else {
            throw Problem(.badRequest, "its signature is not by the key it asks a certificate for")
        }
        guard let publicKey = PublicKey(request.publicKey) else {
            throw Problem(.badRequest, "its key is \(request.publicKey)", remedy: "make a P-256 key")
        }
        self.publicKey = publicKey
        self.der = der
    }

    /// Asks for a certificate of one's own key, claiming nothing; PEM.
    package static func text(for key: SigningKey) throws(Problem) -> String {
        do {
            let request = try CertificateSigningRequest(
                version: .v1, subject: DistinguishedName(), privateKey: key.forCertificates,
                attributes: CertificateSigningRequest.Attributes(), signatureAlgorithm: .ecdsaWithSHA256)
            return try request.serializeAsPEM().pemString + "\n"
        } catch {
            throw Problem(.signingFailed, "a signing request could not be made: \(error)")
        }
    }

    package init(pem: String) throws(Problem) {
        let names = ["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"]
        guard let blocks = try? PEMDocument.parseMultiple(pemString: pem), blocks.count == 1, let block = blocks.first,
            names.contains(block.discriminator)
        else {
            throw Problem(.badRequest, "it does not hold exactly one PEM block `CERTIFICATE REQUEST`")
        }
        try self.init(der: block.derBytes)
    }
}
