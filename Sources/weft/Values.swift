// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import CertificateAuthority
import MeshModel

/// Values of options, read strictly; what is wrong is said with what is expected.
enum Values {
    static func trustDomain(_ text: String) throws -> TrustDomain {
        try read(text, "a trust domain: lower-case letters, digits, dots, dashes and underscores, no IPv4 address") {
            TrustDomain($0)
        }
    }

    static func spiffeID(_ text: String) throws -> SPIFFEID {
        try read(text, "a SPIFFE ID such as spiffe://mesh.example/ns/default/sa/web") { SPIFFEID($0) }
    }

    static func name(_ text: String) throws -> ResourceName {
        try read(text, "a name: lower-case letters, digits and dashes, in labels of at most 63 joined by dots") {
            ResourceName($0)
        }
    }

    static func lifetime(_ text: String) throws -> Duration {
        try read(text, "a lifetime such as 24h, 90d or 1d12h") { DurationText.parseLifetime($0) }
    }

    static func authorityLifetime(_ text: String) throws -> Duration {
        try read(text, "a lifetime from 2m to 36500d, such as 365d") { text in
            DurationText.parseLifetime(text).flatMap { CertificateLifetime.authorityRange.contains($0) ? $0 : nil }
        }
    }

    /// `UID` or `UID:GID`.
    static func owner(_ text: String) throws -> FileOwner {
        try read(text, "a numeric UID or UID:GID such as 1337:1337; names are not looked up") { text in
            let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard let user = UserID(parts[0]) else { return nil }
            guard parts.count == 2 else { return FileOwner(user: user.number, group: nil) }
            return UserID(parts[1]).map { FileOwner(user: user.number, group: $0.number) }
        }
    }

    /// A path of a file or directory. Empty ones come from unset variables of scripts.
    static func path(_ text: String) throws -> String {
        try read(text, "a path") { $0.isEmpty ? nil : $0 }
    }

    static func read<Value>(_ text: String, _ expected: String, _ convert: (String) -> Value?) throws -> Value {
        guard let value = convert(text) else { throw Expectation(expected: expected) }
        return value
    }
}

/// Ends the parser's sentence "The value 'x' is invalid for '--option'".
private struct Expectation: Error, CustomStringConvertible {
    let expected: String

    var description: String { "it is not \(expected)" }
}
