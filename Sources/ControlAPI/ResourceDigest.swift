// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
package import MeshModel

/// SHA-256 of one document's text, in lower-case hexadecimal. Who has a document says so by this.
package struct ResourceDigest: Hashable, Sendable, CustomStringConvertible {
    package let text: String

    package init?(_ text: String) {
        guard text.utf8.count == 64, text.isLowerCaseHexadecimal else { return nil }
        self.text = text
    }

    /// What a hash function gave.
    package init(hash: [UInt8]) {
        precondition(hash.count == 32, "SHA-256 gives 32 bytes.")
        text = Hexadecimal.text(of: hash)
    }

    package var description: String { text }
}

extension String {
    var isLowerCaseHexadecimal: Bool {
        utf8.allSatisfy {
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
        }
    }
}

extension JSONWriter {
    /// In the order of the keys, so that one value has one text.
    mutating func texts(_ name: String, _ pairs: [(key: String, value: String)]) {
        key(name)
        object { writer in
            for (key, value) in pairs.sorted(by: { $0.key < $1.key }) { writer.field(key, value) }
        }
    }

    mutating func list(_ name: String, _ texts: some Sequence<String>) {
        key(name)
        array(texts) { $0.string($1) }
    }

    mutating func trust(_ trust: TrustTexts, as name: String = "trust") {
        texts(name, trust.map { ($0.key.name, $0.value) })
    }

    mutating func digests(_ digests: [String: ResourceDigest]) {
        texts("digests", digests.map { ($0.key, $0.value.text) })
    }
}

/// The roots of trust domains, in PEM.
package typealias TrustTexts = [TrustDomain: String]

extension MessageReader {
    package func trust(_ name: String = "trust") throws(Problem) -> TrustTexts {
        try texts(
            name, "a trust domain with its roots in PEM", atMost: ControlProtocol.trustDomainCount,
            textBytes: ControlProtocol.pemBytes, key: { TrustDomain($0) }, { $0 })
    }

    package func digests() throws(Problem) -> [String: ResourceDigest] {
        try texts(
            "digests", "the id of a document with its SHA-256", atMost: ControlProtocol.resourceCount,
            key: { $0 }, { ResourceDigest($0) })
    }

    package func pem(_ name: String) throws(Problem) -> String { try text(name, atMost: ControlProtocol.pemBytes) }

    package func moment(_ name: String) throws(Problem) -> WallTime {
        // Whole seconds, as messages are written with: what is read has to be what was said.
        try value(name, "a time as RFC 3339 writes it") { text in
            WallTime(timestamp: text).map { WallTime(seconds: $0.seconds) }
        }
    }

    package func resourceName(_ name: String) throws(Problem) -> ResourceName {
        try value(name, "a name") { ResourceName($0) }
    }
}
