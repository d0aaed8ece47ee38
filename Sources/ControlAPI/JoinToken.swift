// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
internal import MeshModel

/// What lets one machine join, once: `weft1.<id>.<secret>.<root>.<addresses>`. It carries everything that is needed to reach
/// the right control plane and to know it: the SHA-256 of the root, so that nothing is trusted on first use, and where it is.
///
/// Whoever has it can join as that service until it ends, so that it is shown once and stored nowhere: the store has a hash
/// of the secret.
package struct JoinToken: Hashable, Sendable {
    package let id: String
    package let secret: [UInt8]
    /// SHA-256 of the root's DER.
    package let rootDigest: [UInt8]
    /// `host:port` of the join port, one or more.
    package let addresses: [String]

    private static let prefix = "weft1"
    /// 128 bits name it, 256 are the secret.
    package static let idBytes = 8
    package static let secretBytes = 32

    package init(id: String, secret: [UInt8], rootDigest: [UInt8], addresses: [String]) {
        self.id = id
        self.secret = secret
        self.rootDigest = rootDigest
        self.addresses = addresses
    }

    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 5, parts[0] == Self.prefix, parts[1].utf8.count == 2 * Self.idBytes,
            parts[1].utf8.allSatisfy({ Hexadecimal.value(of: $0) != nil }),
            let secret = Base64.bytes(of: Self.padded(parts[2])), secret.count == Self.secretBytes,
            let digest = Base64.bytes(of: Self.padded(parts[3])), digest.count == 32,
            let list = Base64.bytes(of: Self.padded(parts[4])), list.count <= 2048
        else { return nil }
        let addresses = String(decoding: list, as: UTF8.self).split(separator: ",").map(String.init)
        guard !addresses.isEmpty else { return nil }
        self.init(id: String(parts[1]), secret: secret, rootDigest: digest, addresses: addresses)
    }

    /// The token as it is handed over. It is a secret.
    package var text: String {
        let list = Array(addresses.joined(separator: ",").utf8)
        return [Self.prefix, id, Self.plain(secret), Self.plain(rootDigest), Self.plain(list)].joined(separator: ".")
    }

    /// RFC 4648 section 5, without padding: a token is one word, to a shell too.
    private static func plain(_ bytes: [UInt8]) -> String {
        String(Base64.text(of: bytes).compactMap { $0 == "=" ? nil : $0 == "+" ? "-" : $0 == "/" ? "_" : $0 })
    }

    private static func padded(_ text: some StringProtocol) -> String {
        let standard = String(text.map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 })
        return standard + String(repeating: "=", count: (4 - standard.utf8.count % 4) % 4)
    }
}

extension JoinToken: CustomStringConvertible, CustomReflectable {
    package var description: String { "join token \(id) (secret not shown)" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
