// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// How much of a peer's chain is looked at. A peer chooses what it shows, and each certificate costs a signature.
package enum ChainLimits {
    /// Certificates shown, whether or not they are of use: a leaf, two intermediates, and two to spare for a root that is
    /// sent along or cross-signed during a rotation.
    package static let shown = 5

    /// Intermediates between the leaf and the root.
    package static let intermediates = 2

    /// Extensions of one certificate; ours have six. The search for one that stands twice goes with the square of it.
    package static let extensions = 64

    /// Bytes of all that is shown. Five certificates with names of 2 KiB and RSA keys of 4096 bits fit.
    package static let bytes = 32 << 10

    /// From 2048 a key is strong enough (NIST SP 800-57); beyond 8192 it only costs whoever has to verify.
    package static let rsaBits = 2048...8192
}

/// How messages name a certificate of a chain: never by its subject, which a peer chooses.
package enum ChainPlace {
    package static let leaf = "the leaf"
    package static let root = "the root"

    /// `count` is that of the whole path, from the leaf to the root.
    package static func name(_ index: Int, of count: Int) -> String {
        switch index {
        case 0: leaf
        case count - 1: root
        default: "intermediate \(index)"
        }
    }
}
