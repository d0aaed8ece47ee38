// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// The name of an authority: `spiffe://<trust domain>/...`. Lower-case letters, digits, dots, dashes and underscores, at
/// most 255 bytes (SPIFFE-ID section 2.1). An IPv4 literal is refused: its name constraints cannot be expressed in X.509.
package struct TrustDomain: Hashable, Sendable, CustomStringConvertible {
    @usableFromInline package let name: String

    package init?(_ name: some StringProtocol) {
        guard (1...255).contains(name.utf8.count), IPv4Address(name) == nil else { return nil }
        for byte in name.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
                continue
            default:
                return nil
            }
        }
        self.name = String(name)
    }

    @inlinable package static func == (left: TrustDomain, right: TrustDomain) -> Bool { left.name == right.name }

    package var description: String { name }
}

/// A workload's name, `spiffe://mesh.example/ns/default/sa/web`, compared byte for byte after a strict grammar check
/// (SPIFFE-ID sections 2.1 to 2.4): lower-case scheme and trust domain, at least one path segment, no empty, `.` or `..`
/// segment, no trailing slash, no percent, no query, no fragment, no user, no port, at most 2048 bytes.
package struct SPIFFEID: Hashable, Sendable, CustomStringConvertible {
    private static let scheme = "spiffe://"

    package let trustDomain: TrustDomain
    /// The whole of it, kept as it is told with every request.
    @usableFromInline package let description: String

    /// The part from the slash on.
    package var path: Substring {
        Substring(description.utf8.dropFirst(Self.scheme.utf8.count + trustDomain.name.utf8.count))
    }

    package init(trustDomain: TrustDomain, namespace: ResourceName, serviceAccount: ResourceName) {
        self.trustDomain = trustDomain
        description = "\(Self.scheme)\(trustDomain)/ns/\(namespace)/sa/\(serviceAccount)"
    }

    package init?(_ text: some StringProtocol) {
        // Bytes, not characters: a combining mark would make one character of itself and a slash.
        let scheme = Self.scheme.utf8
        guard text.utf8.count <= 2048, text.utf8.starts(with: scheme) else { return nil }
        let rest = text.utf8.dropFirst(scheme.count)
        guard let slash = rest.firstIndex(of: UInt8(ascii: "/")),
            let trustDomain = TrustDomain(String(decoding: rest[..<slash], as: UTF8.self))
        else { return nil }
        for segment in rest[slash...].dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        {
            guard SPIFFEID.isSegment(segment) else { return nil }
        }
        self.trustDomain = trustDomain
        description = String(text)
    }

    @inlinable package static func == (one: SPIFFEID, other: SPIFFEID) -> Bool { one.description == other.description }
    package func hash(into hasher: inout Hasher) { hasher.combine(description) }

    private static func isSegment(_ segment: some Collection<UInt8>) -> Bool {
        let dot = UInt8(ascii: ".")
        guard !segment.isEmpty, !(segment.count <= 2 && segment.allSatisfy { $0 == dot }) else { return false }
        return segment.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), dot, UInt8(ascii: "-"), UInt8(ascii: "_"):
                true
            default:
                false
            }
        }
    }
}
