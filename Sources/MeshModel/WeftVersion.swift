// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// The version of the programs, which are released together.
package enum WeftVersion {
    package static let text = "0.1.0"
}
