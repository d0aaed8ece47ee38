// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// An extension of a certificate, right or wrong.
package struct TestExtension: Sendable {
    package enum Kind: UInt64, Sendable {
        case subjectKeyIdentifier = 14
        case keyUsage = 15
        case subjectAlternativeName = 17
        case basicConstraints = 19
        case nameConstraints = 30
        case authorityKeyIdentifier = 35
        case extendedKeyUsage = 37
    }

    /// A bit of keyUsage, counted from the left (RFC 5280 section 4.2.1.3).
    package enum Usage: Int, Sendable {
        case digitalSignature = 0
        case keyEncipherment = 2
        case keyAgreement = 4
        case keyCertSign = 5
        case cRLSign = 6
    }

    package enum Purpose: Sendable {
        case serverAuth
        case clientAuth
        case codeSigning
        case any

        var identifier: [UInt8] {
            switch self {
            case .serverAuth: DERWriter.identifier([1, 3, 6, 1, 5, 5, 7, 3, 1])
            case .clientAuth: DERWriter.identifier([1, 3, 6, 1, 5, 5, 7, 3, 2])
            case .codeSigning: DERWriter.identifier([1, 3, 6, 1, 5, 5, 7, 3, 3])
            case .any: DERWriter.identifier([2, 5, 29, 37, 0])
            }
        }
    }

    /// A GeneralName. The text of one is written as it stands, whatever bytes it has.
    package enum Name: Sendable {
        case email(String)
        case dns(String)
        case uri(String)
        case address([UInt8])

        var der: [UInt8] {
            switch self {
            case .email(let text): DERWriter.implicit(1, Array(text.utf8))
            case .dns(let text): DERWriter.implicit(2, Array(text.utf8))
            case .uri(let text): DERWriter.implicit(6, Array(text.utf8))
            case .address(let bytes): DERWriter.implicit(7, bytes)
            }
        }
    }

    /// Nil for one that nobody knows.
    let kind: Kind?
    var isCritical: Bool
    var value: [UInt8]

    package static func basicConstraints(
        isAuthority: Bool, pathLength: UInt8? = nil, critical: Bool = true
    ) -> TestExtension {
        let parts = (isAuthority ? DERWriter.boolean(true) : []) + (pathLength.map { DERWriter.integer($0) } ?? [])
        return TestExtension(kind: .basicConstraints, isCritical: critical, value: DERWriter.sequence(parts))
    }

    package static func keyUsage(_ usages: Usage..., critical: Bool = true) -> TestExtension {
        var bits: UInt8 = 0
        for usage in usages { bits |= 0x80 >> UInt8(usage.rawValue) }
        let value = DERWriter.bitString([bits], unusedBits: UInt8(bits.trailingZeroBitCount))
        return TestExtension(kind: .keyUsage, isCritical: critical, value: value)
    }

    package static func extendedKeyUsage(_ purposes: Purpose..., critical: Bool = false) -> TestExtension {
        let value = DERWriter.sequence(purposes.map(\.identifier))
        return TestExtension(kind: .extendedKeyUsage, isCritical: critical, value: value)
    }

    package static func names(_ names: Name..., critical: Bool = true) -> TestExtension {
        let value = DERWriter.sequence(names.map(\.der))
        return TestExtension(kind: .subjectAlternativeName, isCritical: critical, value: value)
    }

    package static func nameConstraints(permitted: [Name] = [], excluded: [Name] = []) -> TestExtension {
        func subtrees(_ tag: UInt8, _ names: [Name]) -> [UInt8] {
            names.isEmpty ? [] : DERWriter.explicit(tag, names.flatMap { DERWriter.sequence($0.der) })
        }
        let value = DERWriter.sequence(subtrees(0, permitted), subtrees(1, excluded))
        return TestExtension(kind: .nameConstraints, isCritical: true, value: value)
    }

    static func subjectKeyIdentifier(_ key: TestKey) -> TestExtension {
        let value = DERWriter.octetString(key.identifier)
        return TestExtension(kind: .subjectKeyIdentifier, isCritical: false, value: value)
    }

    static func authorityKeyIdentifier(_ key: TestKey) -> TestExtension {
        let value = DERWriter.sequence(DERWriter.implicit(0, key.identifier))
        return TestExtension(kind: .authorityKeyIdentifier, isCritical: false, value: value)
    }

    /// An extension that nobody knows, in an arc for private enterprises that is reserved for examples.
    package static func unknown(critical: Bool) -> TestExtension {
        TestExtension(kind: nil, isCritical: critical, value: DERWriter.octetString([1, 2, 3]))
    }

    /// A known extension whose value is not what it should be.
    package static func garbled(_ kind: Kind) -> TestExtension {
        TestExtension(kind: kind, isCritical: true, value: [0x30, 0x05, 1])
    }

    var der: [UInt8] {
        let identifier: [UInt64] = kind.map { [2, 5, 29, $0.rawValue] } ?? [1, 3, 6, 1, 4, 1, 32_473, 1]
        return DERWriter.sequence(
            DERWriter.identifier(identifier), isCritical ? DERWriter.boolean(true) : [], DERWriter.octetString(value))
    }
}
