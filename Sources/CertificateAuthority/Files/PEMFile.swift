// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
package import MeshModel

/// Reads PEM files for the authority and for what it has issued.
package enum PEMFile {
    /// Whose file it is, which decides the code of what is wrong with it.
    package enum Owner: Sendable {
        /// A part of an authority: 5002 and 5003.
        case authority
        /// A part of a workload's identity: 4001 and 4003.
        case workload

        fileprivate var unreadable: ErrorCode { self == .authority ? .authorityUnreadable : .identityFileUnreadable }
        fileprivate var malformed: ErrorCode { self == .authority ? .authorityMalformed : .identityMalformed }
    }

    /// A certificate is about a kilobyte; a bundle of hundreds still fits.
    private static let byteLimit = 1 << 20

    package static func certificates(_ path: String, _ owner: Owner) throws(Problem) -> [SignedCertificate] {
        guard let certificates = SignedCertificate.all(inPEM: try text(path, owner)) else {
            throw Problem(owner.malformed, at: path, "it does not hold PEM certificates and nothing else")
        }
        return certificates
    }

    package static func key(_ path: String, _ owner: Owner) throws(Problem) -> SigningKey {
        guard let key = SigningKey(pem: try text(path, owner)) else {
            throw Problem(owner.malformed, at: path, "it does not hold one unencrypted P-256 key in PEM")
        }
        return key
    }

    package static func text(_ path: String, _ owner: Owner) throws(Problem) -> String {
        do throws(SystemError) {
            return String(decoding: try Files.read(path, limit: byteLimit).bytes, as: UTF8.self)
        } catch {
            throw Problem(owner.unreadable, at: path, "cannot be read: \(error.errno)")
        }
    }
}
