// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import CertificateAuthority
import Foundation
import LinuxSystem
import MeshModel

/// A directory of its own for a test, removed afterwards.
final class Workshop {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "weft-ca-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// A path inside it.
    func callAsFunction(_ name: String) -> String { "\(path)/\(name)" }

    /// Everything below a path, relative to it, sorted; hidden names too.
    func names(in name: String = "") throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: self(name)).sorted()
    }

    func text(_ name: String) throws -> String { try String(contentsOfFile: self(name), encoding: .utf8) }

    func write(_ text: String, to name: String) throws {
        try text.write(toFile: self(name), atomically: false, encoding: .utf8)
    }

    func permissions(_ name: String) throws -> UInt32 { try Files.facts(self(name)).permissions }
}

extension TrustDomain {
    static let example: TrustDomain = {
        guard let domain = TrustDomain("mesh.example") else { preconditionFailure("It is a trust domain.") }
        return domain
    }()
}

extension SPIFFEID {
    static func example(_ path: String, in trustDomain: String = "mesh.example") -> SPIFFEID {
        guard let identity = SPIFFEID("spiffe://\(trustDomain)\(path)") else {
            preconditionFailure("\(path) is a good path.")
        }
        return identity
    }
}

/// An authority in memory.
func makeAuthority(
    intermediateLifetime: Duration = CertificateLifetime.unattendedIntermediate, now: WallTime = .now()
) throws -> IssuingAuthority {
    let root = try RootAuthority.create(trustDomain: .example, now: now)
    let key = SigningKey()
    let certificate = try root.signIntermediate(key.publicKey, lifetime: intermediateLifetime, now: now)
    return try IssuingAuthority(roots: [root.certificate], certificate: certificate, key: key)
}
