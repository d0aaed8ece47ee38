// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation

/// The two ways to the kernel, and what their programs are called.
package enum Backend: String, Sendable, CaseIterable, CustomStringConvertible {
    case nft
    case legacy

    package var description: String { rawValue }
}

extension Pod {
    /// What iptables-save prints for both families, without counters and the lines that hold the time.
    package func rules(_ backend: Backend) async throws -> [String] {
        var lines: [String] = []
        for stem in ["iptables", "ip6tables"] {
            lines.append("# \(stem)")
            lines += try await must("\(stem)-\(backend)-save").split(separator: "\n").map(String.init)
                .filter { !$0.hasPrefix("#") }
                .map { $0.hasPrefix(":") ? String($0.prefix { $0 != "[" }) : $0 }
        }
        return lines
    }
}
