// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// What ``SVIDRules`` look at in one certificate, whichever library decoded it. Whoever fills this in has refused what
/// cannot be decoded: a rule must not take "unreadable" for "absent".
package struct SVIDFacts: Sendable {
    /// The bits of keyUsage that a rule asks for.
    package struct Usages: OptionSet, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }

        package static let digitalSignature = Usages(rawValue: 1)
        package static let keyCertSign = Usages(rawValue: 2)
        package static let cRLSign = Usages(rawValue: 4)
    }

    /// The purposes of extendedKeyUsage that a rule asks for.
    package struct Purposes: OptionSet, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }

        package static let serverAuth = Purposes(rawValue: 1)
        package static let clientAuth = Purposes(rawValue: 2)
    }

    package var isVersion3 = true
    package var validity: CertificateValidity
    package var isSubjectEmpty = false
    /// What basicConstraints says; false without it.
    package var isAuthority = false
    /// Nil without the extension, which is not the same as an empty one.
    package var usages: Usages?
    package var areUsagesCritical = false
    /// Nil without the extension: any purpose.
    package var purposes: Purposes?
    /// The URI names as they stand, good or not.
    package var uriNames: [String] = []
    package var hasOtherNames = false
    package var areNamesCritical = false

    package init(validity: CertificateValidity) { self.validity = validity }
}
